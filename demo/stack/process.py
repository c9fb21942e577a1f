"""Start, recognise, await and end processes; a process is its pid together with its start time."""

import os
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from . import settings
from .progress import DemoError, tail


def start_ticks(pid):
    """Return a process's start in clock ticks since boot (field 22 of proc(5) stat); None if gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def command_line(pid):
    """Return a process's command line, empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return words.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(entry):
    """Say whether the recorded process still runs, and is not a stranger with a reused pid."""
    return start_ticks(entry["pid"]) == entry["start_ticks"]


def environment(extra):
    """Return the whole environment of a server: little, and the same on every machine."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(settings.STATE),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def spawn(name, command, extra_environment):
    """Start a server in a session of its own, logging to run/NAME.log; return its record."""
    log = settings.RUN / f"{name}.log"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(log, flags, 0o644), "wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=settings.STATE,
            env=environment(extra_environment),
        )
    ticks = start_ticks(child.pid)
    if ticks is None:
        raise DemoError(f"{name} ended at once, log {log}:\n{tail(log)}")
    return {"pid": child.pid, "start_ticks": ticks, "log": str(log)}


@contextmanager
def uninterrupted():
    """Hold back Ctrl-C and SIGTERM, so that a process is never started without being recorded."""
    waiting = []
    before = {
        number: signal.signal(number, lambda got, _: waiting.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waiting:
        raise KeyboardInterrupt


def stop(entry, first_signal=signal.SIGTERM, patience_s=8.0):
    """End the recorded process and wait until it is gone; return how it went."""
    try:
        handle = os.pidfd_open(entry["pid"])
    except ProcessLookupError:
        return "was gone"
    try:
        # The handle pins the process, so that the check and the signal meet the same one.
        if not is_alive(entry):
            return "was gone"
        for number, wait_s, outcome in (
            (first_signal, patience_s, "stopped"),
            (signal.SIGKILL, 5.0, "killed"),
        ):
            signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], wait_s)[0]:
                _reap(entry["pid"])
                return outcome
        raise DemoError(f"pid {entry['pid']} does not end, even by SIGKILL: see {entry['log']}")
    except ProcessLookupError:
        return "was gone"
    finally:
        os.close(handle)


def _reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # started by an earlier run: init reaps it


def wait_ready(name, entry, probe, timeout_s):
    """Call `probe` until it returns true; explain with the log when it never does."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if not is_alive(entry):
            raise DemoError(f"{name} ended while starting, log {entry['log']}:\n{tail(entry['log'])}")
        if probe():
            return
        time.sleep(0.05)
    raise DemoError(
        f"{name} was not ready within {timeout_s:.0f} s, log {entry['log']}:\n{tail(entry['log'])}"
    )


def http_ok(url):
    """Say whether a GET of `url` gives 200 now (within 1 s). Call it in the right namespace."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=1.0) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def port_taken(address, port):
    """Say whether something already listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address, port)) == 0
