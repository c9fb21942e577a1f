"""Bring the tiny stack up, ask it, disturb it, take it down, and prove that nothing is left.

    python3 demo/test_stack.py        (root: in network namespaces, else: on loopback)

Uses a folder, namespace names and ports of its own, so that it never meets a running demo.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

DEMO = Path(__file__).resolve().parent
ROOT = os.geteuid() == 0
PORT_BASE = 28000
TEST_DIR = os.environ.get("FOREBAY_DEMO_TEST_DIR") or str(DEMO.parent / ".forebay" / "demo-test")
ENVIRONMENT = {
    **os.environ,
    "FOREBAY_DEMO_DIR": TEST_DIR,
    "FOREBAY_DEMO_NETNS": "fbdtest",
    "FOREBAY_DEMO_PORT_BASE": str(PORT_BASE),
}
FOLDER = str(Path(ENVIRONMENT["FOREBAY_DEMO_DIR"]).resolve())


def stack(*words, check=True):
    """Run one command of the stack; return its exit status and the JSON lines it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", *words], cwd=DEMO, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=900,
    )
    if check and done.returncode:
        raise AssertionError(f"stack {' '.join(words)} failed:\n{done.stderr}\n{done.stdout}")
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def ask(*words):
    """Ask; return the answers and the summary."""
    _, lines = stack("ask", "--json", *words)
    return lines[:-1], lines[-1]["summary"]


def left_behind():
    """Return every process that runs from the stack's folder, and every namespace of its name."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ")
        except OSError:
            continue
        if FOLDER in words:
            found.append(f"pid {pid}: {words}")
    found += [str(path) for path in Path("/run/netns").glob("fbdtest-*")]
    for port in (0, 80, 81, 432):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT_BASE + port)) == 0:
                found.append(f"port {PORT_BASE + port} answers")
    return found


class Stack(unittest.TestCase):
    """What holds for both networks; `UP` says which one."""

    UP = ("--no-netns",)

    @classmethod
    def setUpClass(cls):
        stack("down")
        _, (cls.up,) = stack("up", "--tiny", "--documents", "60", "--json", *cls.UP)

    @classmethod
    def tearDownClass(cls):
        stack("down")
        remains = left_behind()
        if remains:
            raise AssertionError("left behind: " + "; ".join(remains))

    def test_answers_stream_from_the_right_documents(self):
        answers, summary = ask("--count", "5", "--max-tokens", "200")
        self.assertEqual((summary["asked"], summary["failed"]), (5, 0))
        for answer in answers:
            self.assertTrue(answer["found"], answer)
            self.assertEqual(answer["app"]["tokens"], 200)
            self.assertLess(answer["first_token_ms"], answer["total_ms"])
        # On a busy machine one answer may be read late and in one piece, not all five.
        spreads_ms = [answer["spread_ms"] for answer in answers]
        self.assertGreater(max(spreads_ms), 5.0, "all tokens came at once: not a stream")

    def test_a_wrong_document_is_noticed(self):
        swapped = [{"question": "What is Astronomy?", "title": "No such document"}]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(swapped, file)
            file.flush()
            os.chmod(file.name, 0o644)
            answers, summary = ask("--count", "1", "--questions", file.name)
        self.assertEqual((summary["found"], len(answers[0]["titles"])), (0, 2))

    def test_questions_at_a_rate(self):
        _, summary = ask("--rate", "5/s", "--duration", "2s", "--warm")
        self.assertEqual((summary["asked"], summary["failed"], summary["skipped"]), (10, 0, 0))

    def test_programs_do_not_run_as_root(self):
        for name, server in self.up["servers"].items():
            status = Path(f"/proc/{server['pid']}/status").read_text(encoding="utf-8")
            uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
            self.assertNotIn("0", uids, name)

    def test_up_again_changes_nothing(self):
        _, (again,) = stack("up", "--tiny", "--documents", "60", "--json", *self.UP)
        self.assertEqual(again["servers"], self.up["servers"])

    def disturbed(self, name, value):
        """Return p50 of `value` of the app before, during and after a fault."""
        readings = []
        for switch in (None, "on", "off"):
            if switch:
                stack("fault", switch, name, "--json")
            try:
                _, summary = ask("--count", "8", "--warm")
            except BaseException:
                stack("fault", "off", name, check=False)
                raise
            readings.append(summary["app"][value]["p50"])
        return readings

    def test_slow_reader_delays_the_search_and_ends(self):
        before, during, after = self.disturbed("slow-reader", "search_ms")
        self.assertGreater(during, before + 15)
        self.assertLess(after, during / 2)

    def test_starved_server_slows_the_stream_and_ends(self):
        cores = os.sched_getaffinity(self.up["servers"]["chat"]["pid"])
        before, during, after = self.disturbed("starved-server", "total_ms")
        self.assertGreater(during, before * 1.3)
        self.assertLess(after, during)
        self.assertEqual(os.sched_getaffinity(self.up["servers"]["chat"]["pid"]), cores)
        self.assertFalse([line for line in left_behind() if "hog.py" in line])

    def test_slow_client_ends(self):
        stack("fault", "on", "slow-client")
        self.assertTrue([line for line in left_behind() if "--read-delay-ms" in line])
        log = Path(FOLDER) / "run" / "slow-client.log"
        end_s = time.monotonic() + 20
        while "total" not in (text := log.read_text(encoding="utf-8")) and time.monotonic() < end_s:
            time.sleep(0.2)
        self.assertGreater(float(re.search(r"total ([0-9.]+) ms", text)[1]), 1000)
        stack("fault", "off", "slow-client")
        self.assertFalse([line for line in left_behind() if "--read-delay-ms" in line])


class LoopbackStack(Stack):
    """On loopback link faults are refused in a sentence."""

    def test_link_faults_are_refused(self):
        for name in ("lossy-link", "throttled-link"):
            self.assertEqual(stack("fault", "on", name, check=False)[0], 1)


@unittest.skipUnless(ROOT, "network namespaces need root")
class NamespaceStack(Stack):
    """In network namespaces the links can be disturbed, too."""

    UP = ()

    def test_throttled_link_delays_the_search_and_ends(self):
        before, during, after = self.disturbed("throttled-link", "search_ms")
        self.assertGreater(during, before + 10)
        self.assertLess(after, during / 2)

    def test_lossy_link_drops_packets_and_ends(self):
        stack("fault", "on", "lossy-link")
        try:
            ask("--count", "16", "--warm")
            shown = subprocess.check_output(
                ["tc", "-n", "fbdtest-net", "-s", "-j", "qdisc", "show", "dev", "to-db"])
        finally:
            stack("fault", "off", "lossy-link")
        self.assertGreater(sum(queue.get("drops", 0) for queue in json.loads(shown)), 0)
        plain = subprocess.check_output(["tc", "-n", "fbdtest-net", "qdisc", "show", "dev", "to-db"])
        self.assertNotIn(b"htb", plain)

    def test_only_one_fault_on_a_link(self):
        stack("fault", "on", "lossy-link")
        self.assertEqual(stack("fault", "on", "throttled-link", check=False)[0], 1)
        stack("fault", "off", "lossy-link")


class Accidents(unittest.TestCase):
    """Crashes and interruptions leave nothing, either."""

    UP = ("up", "--tiny", "--documents", "60", "--json")

    def tearDown(self):
        stack("down")
        self.assertEqual(left_behind(), [])

    def test_a_dead_server_is_noticed_and_replaced(self):
        _, (first,) = stack(*self.UP)
        os.kill(first["servers"]["app"]["pid"], signal.SIGKILL)
        self.assertEqual(stack("ask", "--count", "1", check=False)[0], 1)
        self.assertEqual(stack("status", "--json", check=False)[0], 3)
        _, (second,) = stack(*self.UP)
        self.assertNotEqual(first["servers"]["app"]["pid"], second["servers"]["app"]["pid"])
        ask("--count", "1")

    def interrupted_up(self, number):
        """Send a signal to `up` when it has started its first servers; return its exit status."""
        up = subprocess.Popen(
            [sys.executable, "-m", "stack", *self.UP], cwd=DEMO, env=ENVIRONMENT, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        with up:
            for line in up.stderr:
                if line.startswith("[5/7]"):
                    up.send_signal(number)
            return up.wait(60)

    def test_an_interrupted_up_stops_what_it_started(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.assertEqual(self.interrupted_up(number), 130)
            self.assertEqual(left_behind(), [])

    def test_a_killed_up_is_cleaned_by_the_next(self):
        self.interrupted_up(signal.SIGKILL)
        self.assertNotEqual(left_behind(), [])
        stack(*self.UP)
        ask("--count", "1")

    def test_lost_records_are_no_obstacle(self):
        if not ROOT:
            self.skipTest("without namespaces only the records know the servers")
        stack(*self.UP)
        (Path(FOLDER) / "run" / "state.json").unlink()
        stack("down")
        self.assertEqual(left_behind(), [])


del Stack  # the two networks run its tests

if __name__ == "__main__":
    unittest.main()
