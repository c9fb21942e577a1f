"""The demo's own network: three namespaces joined by two links that run through a fourth.

    PREFIX-app ── br-model ── PREFIX-model        (10.77.1.0/30)
    PREFIX-app ── br-db ───── PREFIX-db           (10.77.2.0/30)

Both bridges live in PREFIX-net, so a disturbed link is disturbed in the middle, out of the sight of
either end, and nothing outside these namespaces is touched.
"""

import ctypes
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

from . import settings
from .progress import DemoError, say

NAMES = ("net", "app", "model", "db")
FOLDER = Path("/run/netns")
# Written on each namespace's loopback device: proof of whose it is that outlives every process.
MARK = f"forebay-demo:{settings.STATE}"
CLONE_NEWNET = 0x40000000


def name_of(role):
    """Return the namespace's name as `ip netns` shows it."""
    return f"{settings.PREFIX}-{role}"


def path_of(role):
    """Return the file that `nsenter --net=` and setns(2) take."""
    return FOLDER / name_of(role)


def enter(role, netns):
    """Return the command prefix that runs a program inside; the mounts stay as they are."""
    return ["nsenter", f"--net={path_of(role)}"] if netns else []


def inside(role, netns, call):
    """Run `call` in a thread that has moved to the namespace; return its result."""
    if not netns:
        return call()
    results = []

    def move_and_call():
        handle = os.open(path_of(role), os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) == 0:
                results.append(call())
        finally:
            os.close(handle)

    mover = threading.Thread(target=move_and_call)
    mover.start()
    mover.join()
    if not results:
        raise DemoError(f"cannot work inside namespace {name_of(role)}: is it still there?")
    return results[0]


def run_ip(*words, lines=None):
    """Run iproute2's `ip` (a batch when `lines` is given) and return its output."""
    if not shutil.which("ip"):
        raise DemoError("ip is missing: apt install iproute2 (or use --no-netns)")
    done = subprocess.run(["ip", *words], input=lines, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout


def is_mounted():
    """Say whether /run/netns is a mount of its own, which the first `ip netns add` makes it."""
    # A folder mounted onto itself has its parent's device: only the mount table tells.
    table = Path("/proc/self/mounts").read_text(encoding="utf-8")
    return any(line.split()[1] == str(FOLDER) for line in table.splitlines())


def build():
    """Make the namespaces and links; return whether /run/netns had to be mounted for it."""
    made_mount = not is_mounted()
    for role in NAMES:
        try:
            run_ip("netns", "add", name_of(role))
        except DemoError as error:
            raise DemoError(f"{error}\nWithout namespaces: python -m stack up --no-netns") from error
        run_ip("-n", name_of(role), "link", "set", "dev", "lo", "alias", MARK)
        run_ip("-n", name_of(role), "link", "set", "dev", "lo", "up")
    middle, app = name_of("net"), name_of("app")
    plan = []
    for role, ends in settings.LINKS.items():
        plan += [
            f"link add br-{role} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link add to-{role} type veth peer name eth0 netns {name_of(role)}",
            f"link add from-{role} type veth peer name {role}0 netns {app}",
        ]
        for port in (f"to-{role}", f"from-{role}"):
            plan += [f"link set dev {port} master br-{role}", f"link set dev {port} up"]
        plan.append(f"link set dev br-{role} up")
    run_ip("-n", middle, "-batch", "-", lines="\n".join(plan) + "\n")
    for role, ends in settings.LINKS.items():
        for where, device, address in (
            (app, f"{role}0", ends["app"]),
            (name_of(role), "eth0", ends["server"]),
        ):
            run_ip("-n", where, "addr", "add", f"{address}/30", "dev", device)
            run_ip("-n", where, "link", "set", "dev", device, "up")
    return made_mount


def leftovers():
    """Return our namespaces that exist; a stranger's under one of our names is an error."""
    ours = []
    for role in NAMES:
        if not path_of(role).exists():
            continue
        shown = json.loads(run_ip("-n", name_of(role), "-j", "link", "show", "dev", "lo"))
        owner = shown[0].get("ifalias", "an unknown owner")
        if owner != MARK:
            raise DemoError(
                f"namespace {name_of(role)} belongs to {owner}, not to {MARK}.\n"
                "Stop that stack, or choose other names: FOREBAY_DEMO_NETNS=mydemo"
            )
        ours.append(role)
    return ours


def processes(role):
    """Return the pids of all processes in the namespace."""
    return [int(pid) for pid in run_ip("netns", "pids", name_of(role)).split()]


def remove(made_mount):
    """Delete our namespaces with all their links; tell about processes that stay in them."""
    for role in leftovers():
        if strangers := processes(role):
            say(f"note: pid {', '.join(map(str, strangers))} still runs in {name_of(role)} and is not "
                "the demo's; the namespace disappears with it")
        run_ip("netns", "del", name_of(role))
    if made_mount and is_mounted() and not any(FOLDER.iterdir()):
        # Refused by the kernel when somebody made a namespace meanwhile, which is right.
        if subprocess.run(["umount", str(FOLDER)], capture_output=True).returncode == 0:
            FOLDER.rmdir()
