"""CPU per question of the demo's RAG app: bare, with OpenTelemetry's instrumentation, with Forebay.

The demo's own stack (FastAPI, asyncpg, pgvector, llama.cpp; a tiny random model) is brought up once,
on loopback; its app is started anew for each window, the three kinds in turn, and asked the same four
questions at a fixed rate. Everything lies in .forebay/bench-otel. One JSON line on standard output.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
# A stack of its own: a running demo is left alone. To be set before the stack's settings are read.
os.environ["FOREBAY_DEMO_DIR"] = str(ROOT / ".forebay/bench-otel")
os.environ.setdefault("FOREBAY_DEMO_NETNS", "fbotel")
os.environ.setdefault("FOREBAY_DEMO_PORT_BASE", "38000")
sys.path.insert(0, str(ROOT / "demo"))

from stack import install, lifecycle, process, servers, settings, state as state_file  # noqa: E402

# Beside the stack's environment, so that the other kinds cannot import them.
PACKAGES = settings.DATA / "otel-packages"
SPANS = settings.DATA / "spans"
WANTED = [
    "opentelemetry-sdk==1.45.1",
    "opentelemetry-instrumentation-fastapi==0.66b1",
    "opentelemetry-instrumentation-httpx==0.66b1",
    "opentelemetry-instrumentation-asyncpg==0.66b1",
]
KINDS = ("bare", "otel", "forebay")
QUESTIONS = 4


def cpu_ns(pid):
    """Return the CPU time of a process, kernel programs in its system calls included."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks)


def install_packages():
    """Install the instrumentation; quick when it is there."""
    stamp = PACKAGES / "ready"
    if not stamp.exists():
        pip = [install.python(), "-m", "pip", "install", "--no-cache-dir", "--upgrade"]
        install.run("installing OpenTelemetry", [*pip, "--target", PACKAGES, *WANTED])
        install.run("marking it", ["touch", stamp])


def restart_app(state, kind):
    """Start the app anew, instrumented where asked."""
    stop_app(state)
    if kind == "otel":
        more = {"PYTHONPATH": f"{PACKAGES}:{BENCH}", "SPANS_FILE": str(SPANS)}
        servers.start_app(state, "otel_app:app", more)
    else:
        servers.start_app(state)


def stop_app(state):
    """End the app as uvicorn expects it."""
    if entry := state["servers"].pop("app", None):
        process.stop(entry, signal.SIGINT)
        state_file.save(state)


def ask(*words):
    """Ask the app in the demo's way; return the summary."""
    command = [sys.executable, "-m", "stack", "ask", "--json", "--distinct", str(QUESTIONS), *words]
    done = subprocess.run(command, cwd=settings.DEMO, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["summary"]


def start_agent(folder, beside):
    """Start Forebay; return it once it listens."""
    socket = Path(folder, "api.sock")
    command = [ROOT / "target/release/forebay", "run", f"--socket={socket}"]
    log = Path(folder, "agent.log")
    with log.open("wb") as output:
        agent = subprocess.Popen(
            command + (["--beside"] if beside else []), stdout=output, stderr=output
        )
    for _ in range(200):
        if socket.exists():
            return agent
        if agent.poll() is not None:
            break
        time.sleep(0.05)
    agent.kill()
    raise SystemExit(f"otel.py: the agent does not listen: {log.read_text(encoding='utf-8')}")


def window(kind, state, folder, options):
    """Measure one kind once."""
    agent = None
    restart_app(state, kind)
    app = state["servers"]["app"]["pid"]
    try:
        if kind == "forebay":
            agent = start_agent(folder, options.beside)
        ask("--count", str(2 * QUESTIONS))
        before, agent_before = cpu_ns(app), cpu_ns(agent.pid) if agent else 0
        said = ask("--rate", f"{options.rate}/s", "--duration", f"{options.seconds}s")
        used = cpu_ns(app) - before
        own = cpu_ns(agent.pid) - agent_before if agent else 0
    finally:
        if agent:
            agent.terminate()
            agent.wait(10)
    answered = said["asked"] - said["failed"]
    if said["failed"] or said["skipped"]:
        raise SystemExit(f"otel.py: {kind}: {said['failed']} failed, {said['skipped']} skipped")
    return {
        "app_us": used / answered / 1e3,
        "agent_us": own / answered / 1e3,
        "p50_us": said["asker"]["total_ms"]["p50"] * 1e3,
        "first_token_p50_us": said["asker"]["first_token_ms"]["p50"] * 1e3,
        "asked": answered,
    }


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4, help="of each window")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rate", type=int, default=10, help="questions a second")
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--beside", action="store_true", help="another agent runs: figures hold it, too")
    return parser.parse_args()


def measure(options):
    """Return the windows of each kind, and the spans that a question made."""
    seen, spans = {kind: [] for kind in KINDS}, []
    with tempfile.TemporaryDirectory(prefix="forebay-otel-") as folder, state_file.exclusive():
        state = state_file.load()
        for _ in range(options.rounds):
            for kind in KINDS:
                seen[kind].append(window(kind, state, folder, options))
                if kind == "otel":
                    stop_app(state)
                    asked = seen[kind][-1]["asked"] + 2 * QUESTIONS
                    spans.append(int(SPANS.read_text(encoding="ascii")) / asked)
    return seen, statistics.median(spans)


def main():
    """Bring the stack up, measure, take it down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = parse()
    up = {"tiny": True, "no_netns": True, "documents": options.documents, "foreground": False}
    try:
        lifecycle.up(argparse.Namespace(**up))
        install_packages()
        seen, spans = measure(options)
    finally:
        lifecycle.down(purge=False)
    median = {kind: {key: round(statistics.median(w[key] for w in windows), 1) for key in windows[0]}
              for kind, windows in seen.items()}
    print(json.dumps({"experiment": "otel", "app": "demo", "rounds": options.rounds,
                      "seconds": options.seconds, "rate": options.rate,
                      "spans_per_question": round(spans, 1), **median}))


main()
