"""Progress and errors, in plain lines on standard error; standard output stays for results."""

import sys
import time


class DemoError(Exception):
    """Something the user can act on: what failed, on what, and what to do next."""


class Steps:
    """Numbered steps, each with the seconds it took."""

    def __init__(self, total):
        self.total = total
        self.number = 0
        self.started_s = time.monotonic()
        self.seconds = {}

    def begin(self, text):
        """Announce the next step and start its clock."""
        self.number += 1
        self.started_s = time.monotonic()
        say(f"[{self.number}/{self.total}] {text} …")

    def end(self, name, text="done"):
        """Close the step; its time is kept under `name` for the machine-readable result."""
        took_s = time.monotonic() - self.started_s
        self.seconds[name] = round(took_s, 3)
        say(f"      {text} ({took_s:.1f} s)")


def say(text):
    """Print one line to standard error at once."""
    print(text, file=sys.stderr, flush=True)


def tail(path, lines=12):
    """Return the last lines of a log, indented, for an error message."""
    try:
        with open(path, "rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 8192))
            text = log.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError as error:
        return f"  (no log: {error})"
    return "\n".join("  | " + line for line in text) or "  (the log is empty)"
