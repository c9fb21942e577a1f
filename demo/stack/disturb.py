"""The means of the faults: each begins or ends one disturbance, given the state and its record there."""

import json
import os
import shutil
import subprocess
import urllib.request

from . import identity, install, network, process, settings
from .progress import DemoError

LONGEST_S = 600
BLOCK_MS = 30
LOSS = 0.15
# A question's vector is 1.6 kB, two packets: the burst lets the first go at once, the second waits
# 20 ms, or 100 ms when questions follow closely. Slower, and TCP takes the wait for a loss (200 ms).
RATE, BURST_BYTES, QUEUE_MS = "128kbit", 1600, 800
HOGS = 4


def block_app(state, record, seconds=LONGEST_S):
    """Tell the app to hold its event loop, over its control endpoint."""
    entry = state["servers"]["app"]
    url = (f"http://{entry['address']}:{entry['port']}/control/block"
           f"?block_ms={BLOCK_MS}&seconds={seconds}")

    def post():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, method="POST"), timeout=20) as answer:
            return json.load(answer)["blocking"]

    if network.inside("app", state["netns"], post) != bool(seconds):
        raise DemoError(f"the app did not take {url}")


def unblock_app(state, record):
    """Give the event loop back."""
    block_app(state, record, seconds=0)


def start_slow_client(state, record):
    """Start an asker that reads late, as a client of the app."""
    app = state["servers"]["app"]
    command = network.enter("app", state["netns"]) + identity.as_user()
    command += [install.python(), "-m", "stack.ask", "--url", f"http://{app['address']}:{app['port']}"]
    command += ["--questions", settings.QUESTIONS, "--rate", "0.2", "--duration", LONGEST_S]
    # One question, whose prompt stays cached: its lateness is to show, not its load on the model.
    command += ["--distinct", 1]
    command += ["--read-delay-ms", 120, "--receive-buffer", 2304]
    record["processes"] = [
        process.spawn("slow-client", list(map(str, command)), {"PYTHONPATH": str(settings.DEMO)})
    ]


def start_hogs(state, record):
    """Pin the chat server and four busy programs to one core."""
    pid = state["servers"]["chat"]["pid"]
    core = max(os.sched_getaffinity(pid))
    record |= {"pid": pid, "cores": sorted(os.sched_getaffinity(pid)), "core": core}
    pin(pid, {core})
    command = [*identity.as_user(), install.python(), install.script("hog.py"), core, LONGEST_S]
    record["processes"] = []
    for number in range(HOGS):
        # Each in a session of its own: where the kernel groups by session, each counts as one.
        record["processes"].append(process.spawn(f"hog-{number}", list(map(str, command)), {}))


def stop_processes(state, record):
    """End the fault's own processes, and give the server its cores back."""
    for entry in record.get("processes", ()):
        process.stop(entry)
    chat = state["servers"].get("chat")
    if record.get("pid") and chat and chat["pid"] == record["pid"] and process.is_alive(chat):
        pin(record["pid"], set(record["cores"]))


def pin(pid, cores):
    """Bind every thread of a process to the cores."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(thread), cores)
        except ProcessLookupError:
            continue


def tc(*words):
    """Run `tc` on the middle of the links."""
    if not shutil.which("tc"):
        raise DemoError("tc is missing: apt install iproute2")
    command = ["tc", "-n", network.name_of("net"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def throttle(state, record):
    """Shape both directions of the app–db link by a token bucket."""
    for port in ports(record):
        tc("qdisc", "replace", "dev", port, "root", "tbf", "rate", RATE,
           "burst", BURST_BYTES, "latency", f"{QUEUE_MS}ms")


def lose(state, record):
    """Drop packets at random in both directions of the app–db link.

    A classic BPF filter (ld rand; jge) sends each packet, with the given chance, to a class whose
    queue holds one byte, thus nothing: unlike netem, this works on kernels built without it.
    """
    program = f"4,32 0 0 4294963256,53 0 1 {round(LOSS * 2**32)},6 0 0 0,6 0 0 4294967295"
    for port in ports(record):
        tc("qdisc", "replace", "dev", port, "root", "handle", "1:", "htb", "default", "10")
        for number in (10, 20):
            tc("class", "add", "dev", port, "parent", "1:", "classid", f"1:{number}",
               "htb", "rate", "10gbit", "quantum", 60000)
        tc("qdisc", "add", "dev", port, "parent", "1:20", "bfifo", "limit", "1")
        tc("filter", "add", "dev", port, "parent", "1:", "protocol", "ip", "bpf",
           "bytecode", program, "flowid", "1:20")


def restore_link(state, record):
    """Take the disturbance off the link."""
    for port in ports(record):
        tc("qdisc", "del", "dev", port, "root")


def ports(record):
    """Return the bridge ports of the disturbed link, one for each direction."""
    return (f"to-{record['link']}", f"from-{record['link']}")
