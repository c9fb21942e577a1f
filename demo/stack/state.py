"""What is running right now, on disk: written after every change, so that a crash loses nothing."""

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path

from . import settings
from .progress import DemoError

EMPTY = {"netns": False, "tiny": False, "servers": {}, "faults": {}, "made_netns_mount": False}


def boot_id():
    """Return the kernel's id of this boot: start times of another boot prove nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def load():
    """Return the recorded state; an empty one when nothing ran since this boot."""
    try:
        state = json.loads(settings.STATE_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dict(EMPTY, servers={}, faults={}, boot_id=boot_id())
    except ValueError as error:
        raise DemoError(f"{settings.STATE_FILE} is damaged ({error}): remove it") from error
    if state.get("boot_id") != boot_id():
        return dict(EMPTY, servers={}, faults={}, boot_id=boot_id())
    return state


def save(state):
    """Write the state in one step: a reader sees the old one or the new one."""
    draft = settings.STATE_FILE.with_suffix(".new")
    draft.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    draft.replace(settings.STATE_FILE)


def clear():
    """Forget the state: nothing runs any more."""
    settings.STATE_FILE.unlink(missing_ok=True)


@contextmanager
def exclusive():
    """Let one `up`, `down` or `fault` work at a time on a state folder."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        lock = os.open(settings.LOCK_FILE, flags, 0o644)
    except FileNotFoundError as error:
        raise DemoError("nothing is installed yet: python -m stack up") from error
    except PermissionError as error:
        raise DemoError(f"{settings.RUN} belongs to another user: use sudo, as `up` did") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(f"another command works on {settings.STATE} now: wait for it") from error
        yield
    finally:
        os.close(lock)
