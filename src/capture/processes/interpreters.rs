//! What an interpreter runs, by its command line: the script or the module. Code, arguments and the
//! values of flags are never shown: they can hold secrets.

/// Programs whose name says nothing: the script or module they run does.
#[derive(Debug)]
pub(super) struct Interpreter {
    /// What its file is called, without a version.
    name: &'static str,
    /// Letters of the flags that code follows, or input from elsewhere, alone or among others.
    code: &'static str,
    /// Letters of the flags that have a value: the rest of the word, or the next one.
    valued: &'static str,
    /// Flags of more than a letter whose value is the next word.
    words: &'static [&'static str],
    /// The first word may be a command: what follows it runs.
    commands: &'static [&'static str],
}

const SHELL: Interpreter = Interpreter {
    name: "sh",
    code: "cs",
    valued: "oO",
    words: &["--rcfile", "--init-file"],
    commands: &[],
};

pub(super) const NODE: Interpreter = Interpreter {
    name: "node",
    code: "ep",
    valued: "rC",
    words: &[
        "--title",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "--conditions",
        "--env-file",
        "--env-file-if-exists",
        "--input-type",
        "--inspect-port",
        "--max-old-space-size",
        "--max-semi-space-size",
        "--stack-size",
        "--openssl-config",
        "--icu-data-dir",
        "--redirect-warnings",
        "--unhandled-rejections",
        "--dns-result-order",
        "--heapsnapshot-signal",
        "--diagnostic-dir",
        "--trace-event-categories",
    ],
    commands: &["inspect"],
};

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        name: "python",
        code: "c",
        valued: "XWQ",
        words: &["--check-hash-based-pycs"],
        commands: &[],
    },
    Interpreter {
        name: "pypy",
        code: "c",
        valued: "XWQ",
        words: &["--jit"],
        commands: &[],
    },
    NODE,
    Interpreter {
        name: "nodejs",
        ..NODE
    },
    Interpreter {
        name: "ruby",
        code: "e",
        valued: "rICEKTW",
        words: &["--encoding", "--external-encoding", "--internal-encoding"],
        commands: &[],
    },
    Interpreter {
        name: "perl",
        code: "eE",
        valued: "ImMdDVi",
        words: &[],
        commands: &[],
    },
    Interpreter {
        name: "php",
        code: "rBREa",
        valued: "dcStzg",
        words: &["--define", "--php-ini", "--server", "--docroot"],
        commands: &[],
    },
    Interpreter {
        name: "java",
        code: "",
        valued: "p",
        words: &[
            "-cp",
            "-classpath",
            "--class-path",
            "--module-path",
            "--upgrade-module-path",
            "--add-modules",
            "--add-opens",
            "--add-exports",
            "--add-reads",
            "--limit-modules",
            "--enable-native-access",
        ],
        commands: &[],
    },
    Interpreter {
        name: "bash",
        ..SHELL
    },
    Interpreter {
        name: "dash",
        ..SHELL
    },
    SHELL,
    Interpreter {
        name: "deno",
        code: "ep",
        valued: "cLr",
        words: &[
            "--config",
            "--import-map",
            "--lock",
            "--env-file",
            "--cert",
            "--location",
            "--seed",
        ],
        commands: &["run", "serve", "task"],
    },
    Interpreter {
        name: "bun",
        code: "ep",
        valued: "rc",
        words: &["--config", "--cwd", "--preload", "--env-file", "--port"],
        commands: &["run"],
    },
];

/// Flags that code follows, as words.
const CODE_FLAGS: &[&str] = &[
    "--eval",
    "--print",
    "--run",
    "--process-begin",
    "--process-code",
    "--process-end",
];

/// The interpreter of this name, with or without a version: `python3.13`, not `node_exporter`.
pub(super) fn interpreter(name: &str) -> Option<&'static Interpreter> {
    let is_version = |rest: &str| {
        rest.bytes()
            .all(|b| b.is_ascii_digit() || b".-".contains(&b))
    };
    let named = |i: &&Interpreter| name.strip_prefix(i.name).is_some_and(is_version);
    INTERPRETERS.iter().find(named)
}

/// What a word of the command line is.
enum Word<'a> {
    /// A flag by itself.
    Flag,
    /// Its value is the next word.
    Valued,
    /// A module follows: here, or in the next word.
    Module(&'a str),
    /// A file follows.
    File,
    /// Nothing that follows is a name.
    Code,
    /// No flag.
    Name(&'a str),
}

impl Interpreter {
    /// The module after `-m`, or the script's file name; `None` for code on the command line.
    pub(super) fn runs(&self, arguments: &[String]) -> Option<String> {
        let mut arguments = arguments.iter().map(String::as_str);
        let mut commands = self.commands;
        while let Some(argument) = arguments.next() {
            match self.word(argument) {
                Word::Flag => {}
                Word::Valued => drop(arguments.next()),
                // A module's name is its path: `stack.ask` is not `stack`.
                Word::Module("") => return arguments.next().map(str::to_owned),
                Word::Module(name) => return Some(name.to_owned()),
                Word::File => return stem(arguments.next()?),
                Word::Code => return None,
                Word::Name(command) if commands.contains(&command) => commands = &[],
                // So is a class's.
                Word::Name(class) if self.name == "java" && !class.ends_with(".java") => {
                    return Some(class.to_owned());
                }
                Word::Name(script) => return stem(script),
            }
        }
        None
    }

    fn word<'a>(&self, word: &'a str) -> Word<'a> {
        let key = word.split('=').next().unwrap_or(word);
        if self.words.contains(&word) {
            return Word::Valued;
        }
        if word == "-jar" {
            return Word::File;
        }
        if word == "-" || CODE_FLAGS.contains(&key) {
            return Word::Code;
        }
        match word.strip_prefix(['-', '+']) {
            None => Word::Name(word),
            Some(long) if long.starts_with('-') || self.name == "java" && long.len() > 1 => {
                Word::Flag
            }
            Some(letters) => self.letters(letters),
        }
    }

    /// `-Im`: flags of one letter, of which the last may have a value.
    fn letters<'a>(&self, letters: &'a str) -> Word<'a> {
        let modules = matches!(self.name, "python" | "pypy" | "java");
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            if self.code.contains(letter) {
                return Word::Code;
            }
            if letter == 'm' && modules {
                return Word::Module(rest);
            }
            if letter == 'f' && self.name == "php" && rest.is_empty() {
                return Word::File;
            }
            if self.valued.contains(letter) {
                return if rest.is_empty() {
                    Word::Valued
                } else {
                    Word::Flag
                };
            }
        }
        Word::Flag
    }
}

/// `app` of `/srv/app.py`.
fn stem(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the command line's first word runs; `-` for nothing that may be shown.
    fn runs(command: &str) -> String {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let known = interpreter(words[0].rsplit('/').next().unwrap()).unwrap();
        known.runs(&words[1..]).unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn a_script_or_module_is_found_behind_flags_and_their_values() {
        for (command, name) in [
            ("python3 -u /srv/llm_server.py model.gguf", "llm_server"),
            ("python -m uvicorn app:app", "uvicorn"),
            (
                "python3 -m vllm.entrypoints.openai.api_server --port 1",
                "vllm.entrypoints.openai.api_server",
            ),
            ("python3 -X dev -m uvicorn app:app", "uvicorn"),
            ("python3 -Xdev -W ignore -Wonce -Im uvicorn", "uvicorn"),
            ("python3 -muvicorn app:app", "uvicorn"),
            // What `env VAR=1 python app.py` has become when it opens a connection.
            ("python app.py", "app"),
            ("python3.13 --check-hash-based-pycs never -O app.py", "app"),
            ("pypy3 app.py", "app"),
            ("bash -o errexit /srv/start.sh", "start"),
            (
                "/bin/bash -euo pipefail +x -O extglob start.sh a b",
                "start",
            ),
            ("bash --rcfile /etc/rc -- start.sh", "start"),
            ("sh -e start.sh", "start"),
            ("node --title x app.js", "app"),
            ("node --title=x app.js", "app"),
            (
                "node -r dotenv/config --import ./t.mjs /srv/server.mjs -p 1",
                "server",
            ),
            (
                "nodejs --max-old-space-size 4096 --enable-source-maps server.js",
                "server",
            ),
            ("ruby -r bundler/setup -Ilib -W0 bin/puma.rb", "puma"),
            ("perl -I lib -Mstrict -w /srv/app.pl", "app"),
            (
                "php8.2 -d memory_limit=1G -c /etc/php.ini artisan queue:work",
                "artisan",
            ),
            ("php -f /srv/worker.php", "worker"),
            (
                "java -Xmx1g -Dkey=secret -cp a.jar:b.jar com.acme.Main x",
                "com.acme.Main",
            ),
            (
                "java -ea --add-opens java.base/java.nio=ALL-UNNAMED -jar /srv/search.jar",
                "search",
            ),
            (
                "java -p mods -m com.acme/com.acme.Main",
                "com.acme/com.acme.Main",
            ),
            ("deno run --allow-net -c deno.json main.ts", "main"),
            ("bun run --port 3000 dev", "dev"),
            ("bun server.ts", "server"),
        ] {
            assert_eq!(runs(command), name, "{command}");
        }
    }

    #[test]
    fn code_input_and_values_are_never_shown() {
        for command in [
            "python -c secret",
            "python3 -X dev -Ic secret",
            "python3 - secret",
            "bash -c secret secret",
            "bash -o errexit -lc secret",
            "sh -s secret",
            "node -e secret",
            "node --title secret",
            "node --eval=1 secret",
            "node - secret",
            "ruby -rset -ne secret",
            "perl -Ilib -lE secret",
            "php -d secret",
            "php -r secret",
            "java -cp secret",
            "deno run --config secret",
            "bun -e secret",
        ] {
            assert_eq!(runs(command), "-", "{command}");
        }
    }

    #[test]
    fn a_version_belongs_to_an_interpreter_and_a_word_does_not() {
        for name in [
            "python",
            "python3",
            "python3.13",
            "php8.2",
            "perl5.36.0",
            "ruby3.1",
        ] {
            assert!(interpreter(name).is_some(), "{name}");
        }
        for name in [
            "node_exporter",
            "shortener",
            "bunyan",
            "javac",
            "pythonista",
            "",
        ] {
            assert!(interpreter(name).is_none(), "{name}");
        }
    }
}
