//! Counts tests from what the test runners print: cargo's harness and Python's unittest.

/// Tests that passed and that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
}

impl Count {
    /// Adds another count.
    pub fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Reads a runner's output line by line.
#[derive(Default)]
pub struct Reader {
    count: Count,
    /// unittest says how many ran one line before it says how many of them failed.
    ran: u64,
}

impl Reader {
    /// Takes one line of output.
    pub fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.count.passed += before(rest, " passed");
            self.count.failed += before(rest, " failed");
        } else if let Some(rest) = line.strip_prefix("Ran ") {
            self.ran = leading(rest);
        } else if self.ran > 0 || line.starts_with("FAILED (") {
            self.verdict(line);
        }
    }

    /// unittest's last line: `OK`, `OK (skipped=1)`, `FAILED (failures=1, errors=2)`.
    fn verdict(&mut self, line: &str) {
        let (ok, failed) = (line.starts_with("OK"), line.starts_with("FAILED ("));
        if !ok && !failed {
            return;
        }
        let bad = after(line, "failures=") + after(line, "errors=");
        let skipped = after(line, "skipped=");
        self.count.passed += self.ran.saturating_sub(bad + skipped);
        self.count.failed += bad;
        self.ran = 0;
    }

    /// What was counted, given how the runner ended: one that fails without a failed test to show
    /// (it crashed, did not compile) counts as one failure, and so does one that ran no test.
    pub fn finish(self, success: bool) -> Count {
        let mut count = self.count;
        if count.failed == 0 && (!success || count.passed == 0) {
            count.failed = 1;
        }
        count
    }
}

fn leading(text: &str) -> u64 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}

/// The number just before `word`.
fn before(text: &str, word: &str) -> u64 {
    let head = text.split(word).next().unwrap_or_default();
    let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
    head[head.len() - digits..].parse().unwrap_or(0)
}

/// The number just after `word`; 0 without it.
fn after(text: &str, word: &str) -> u64 {
    text.split_once(word).map_or(0, |(_, rest)| leading(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, success: bool) -> Count {
        let mut reader = Reader::default();
        text.lines().for_each(|line| reader.line(line));
        reader.finish(success)
    }

    fn count(passed: u64, failed: u64) -> Count {
        Count { passed, failed }
    }

    #[test]
    fn sums_every_program_of_cargo() {
        let text = "test a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(read(text, false), count(15, 2));
    }

    #[test]
    fn reads_unittest() {
        assert_eq!(
            read("Ran 7 tests in 3.1s\n\nOK (skipped=2)\n", true),
            count(5, 0)
        );
        let text = "OK then\nRan 7 tests in 3.1s\n\nFAILED (failures=1, errors=2)\n";
        assert_eq!(read(text, false), count(4, 3));
        // A class that cannot be set up is an error without a test.
        assert_eq!(
            read("Ran 0 tests in 1s\n\nFAILED (errors=1)\n", false),
            count(0, 1)
        );
    }

    #[test]
    fn a_crash_and_an_empty_run_are_failures() {
        let passed = "test result: ok. 12 passed; 0 failed; 0 ignored\n";
        assert_eq!(read(passed, false), count(12, 1));
        assert_eq!(read(passed, true), count(12, 0));
        assert_eq!(read("", true), count(0, 1));
        assert_eq!(
            read("Ran 3 tests in 1s\n\nOK (skipped=3)\n", true),
            count(0, 1)
        );
    }
}
