"""As whom the demo's programs run: never root.

Started by root, every server and every installed program runs as the user behind sudo, else as the
owner of the checkout, else as `nobody`. Started by anyone else, they run as that user.
"""

import os
import pwd
import shutil
import subprocess
import sys

from . import settings
from .progress import DemoError, say

NOBODY = pwd.getpwnam("nobody").pw_uid
_setpriv = None


def is_root():
    """Say whether the orchestrator itself may make namespaces and change users."""
    return os.geteuid() == 0


def target_ids():
    """Return the user and group id the demo's programs run under."""
    if not is_root():
        return os.getuid(), os.getgid()
    candidates = (int(os.environ.get("SUDO_UID") or 0), settings.DEMO.stat().st_uid)
    for uid in candidates:
        if uid:
            try:
                return uid, pwd.getpwuid(uid).pw_gid
            except KeyError:
                continue
    return NOBODY, pwd.getpwuid(NOBODY).pw_gid


def prepare_folders():
    """Make the state folders: servers own what they write, the orchestrator owns what it trusts."""
    uid, gid = target_ids()
    # `nobody` is shared by strangers, so what root acts upon must not be writable by it.
    keeper = (0, 0) if is_root() and uid == NOBODY else (uid, gid)
    missing = [folder for folder in settings.STATE.parents if not folder.exists()]
    for folder, owner in (
        *((folder, keeper) for folder in reversed(missing)),
        (settings.STATE, keeper),
        (settings.RUN, keeper),
        (settings.MODELS, (uid, gid)),
        (settings.DATA, (uid, gid)),
        (settings.VENV, (uid, gid)),
    ):
        made = not folder.exists()
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if is_root() and made:
            os.chown(folder, *owner)
        elif is_root() and folder.stat().st_uid != owner[0]:
            raise DemoError(
                f"{folder} belongs to user {folder.stat().st_uid}, this run would use {owner[0]}.\n"
                f"Run as that user, or start afresh: rm -r {settings.STATE}"
            )
        elif not os.access(folder, os.W_OK):
            raise DemoError(
                f"{folder} is not writable for user {os.getuid()}: an earlier run as root made it.\n"
                "Run with sudo again, or set FOREBAY_DEMO_DIR to another folder."
            )


def as_user():
    """Return the command prefix that drops root for good; empty when there is nothing to drop."""
    global _setpriv
    if not is_root():
        return []
    if _setpriv is None:
        _setpriv = _find_prefix()
    return _setpriv


def _find_prefix():
    if not shutil.which("setpriv"):
        raise DemoError("setpriv is missing: apt install util-linux")
    uid, gid = target_ids()
    prefix = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
    # `env` starts the interpreter without the capabilities that setpriv itself still holds.
    probe = ["env", sys.executable, "-c", f"import os, sys; open({str(settings.PACKAGE / 'app.py')!r}); "
             f"os.listdir({str(settings.STATE)!r}); sys.exit(sys.prefix != {sys.prefix!r})"]
    if subprocess.run(prefix + probe, capture_output=True).returncode == 0:
        return prefix
    # A checkout or a Python below /root: let the unprivileged user read there, and only read.
    reading = prefix + ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    found = subprocess.run(reading + probe, capture_output=True, text=True)
    if found.returncode:
        raise DemoError(
            f"user {uid} cannot run {sys.executable} on {settings.STATE}:\n{found.stderr.strip()}"
        )
    return reading


def describe():
    """Say in one line as whom the programs run, when that needs saying."""
    if is_root():
        uid, _ = target_ids()
        more = ""
        if "--ambient-caps=+dac_read_search" in as_user():
            more = ", with the capability to read all files: it cannot reach this Python or checkout"
        say(f"note: all programs run as {pwd.getpwuid(uid).pw_name} (user {uid}){more}")
