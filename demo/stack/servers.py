"""Start and stop the five parts of the stack, in order, each in its namespace and as its user."""

import json
import signal
import subprocess

from . import identity, install, network, process, settings, state as state_file
from .progress import DemoError, tail

# Stopped in this order: who asks goes before who is asked.
STOP_ORDER = ("app", "chat", "embedding", "postgres")
ROLE = {"app": "app", "chat": "model", "embedding": "model", "postgres": "db"}
PORT = {
    "app": settings.APP_PORT,
    "chat": settings.CHAT_PORT,
    "embedding": settings.EMBEDDING_PORT,
    "postgres": settings.POSTGRES_PORT,
}


def command_prefix(name, state):
    """Return what moves a program into its namespace and away from root."""
    return network.enter(ROLE[name], state["netns"]) + identity.as_user()


def start(name, state, command, environment, ready, timeout_s):
    """Start one server, record it at once, and wait until it answers."""
    host = settings.addresses(state["netns"])[name]
    if network.inside(ROLE[name], state["netns"], lambda: process.port_taken(host, PORT[name])):
        raise DemoError(
            f"{host}:{PORT[name]} is taken by another program, {name} needs it.\n"
            "Find it: ss -ltnp; or choose other ports: FOREBAY_DEMO_PORT_BASE=28000"
        )
    words = [str(word) for word in command_prefix(name, state) + command]
    with process.uninterrupted():
        entry = process.spawn(name, words, environment)
        state["servers"][name] = entry | {"address": host, "port": PORT[name]}
        state_file.save(state)
    process.wait_ready(
        name, entry, lambda: network.inside(ROLE[name], state["netns"], ready), timeout_s
    )


def start_postgres(state):
    """Make the database cluster when there is none, and start PostgreSQL."""
    home = settings.postgres_home()
    if home is None:
        raise DemoError(f"PostgreSQL is not in {settings.VENV}: remove that folder and run `up` again")
    if not settings.PGDATA.exists():
        make_cluster(home)
    host = settings.addresses(state["netns"])["postgres"]
    options = {
        "listen_addresses": host,
        "port": settings.POSTGRES_PORT,
        "unix_socket_directories": "",
        "max_connections": 32,
        "shared_buffers": "32MB",
    }
    flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    ask = [home / "bin" / "pg_isready", "-q", "-h", host, "-p", settings.POSTGRES_PORT]
    probe = [str(word) for word in command_prefix("postgres", state) + ask]
    start(
        "postgres",
        state,
        [home / "bin" / "postgres", "-D", settings.PGDATA, *flags],
        {},
        lambda: subprocess.run(probe, capture_output=True, env=process.environment({})).returncode == 0,
        30,
    )


def make_cluster(home):
    """Run initdb under a draft name: an interrupted one is never taken for a database."""
    recipe = (
        'rm -rf "$1.new" && "$2/bin/initdb" -D "$1.new" -U postgres -A trust --no-sync '
        f'&& echo "host all all {settings.LINKS["db"]["app"]}/32 trust" >> "$1.new/pg_hba.conf" '
        '&& mv "$1.new" "$1"'
    )
    install.run("making the database cluster", ["sh", "-c", recipe, "sh", settings.PGDATA, home])


def start_model(name, state, model):
    """Start a llama.cpp server: `chat` or `embedding`."""
    host = settings.addresses(state["netns"])[name]
    command = [install.python(), install.script("llm_server.py"), model, "--host", host]
    command += ["--port", PORT[name], "--name", "llama-server" if name == "chat" else "embed-server"]
    if name == "embedding":
        command.append("--embedding")
    url = f"http://{host}:{PORT[name]}/health"
    start(name, state, command, {}, lambda: process.http_ok(url), 120)


def start_app(state, target="stack.app:app", more=None):
    """Start the FastAPI app under uvicorn with uvloop; a benchmark wraps it, with `more` variables."""
    host = settings.addresses(state["netns"])["app"]
    model = "tiny-random" if state["tiny"] else "smollm2-135m-instruct"
    command = [settings.VENV / "bin" / "uvicorn", target, "--app-dir", settings.DEMO]
    command += ["--host", host, "--port", PORT["app"], "--loop", "uvloop", "--http", "httptools"]
    command += ["--no-access-log"]
    environment = settings.server_environment(state["netns"]) | {"CHAT_MODEL_NAME": model}
    environment |= more or {}
    url = f"http://{host}:{PORT['app']}/health"
    start("app", state, command, environment, lambda: process.http_ok(url), 60)


def load_documents(state, count):
    """Fill the vector store from the app's side of the links; return what the loader did."""
    command = [install.python(), "-m", "stack.load", settings.CORPUS, settings.DATA]
    command += ["--documents", count]
    environment = settings.server_environment(state["netns"]) | {"PYTHONPATH": str(settings.DEMO)}
    done = subprocess.run(
        [str(word) for word in command_prefix("app", state) + command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=settings.STATE,
        env=process.environment(environment),
    )
    if done.returncode:
        embedding = state["servers"]["embedding"]["log"]
        raise DemoError(
            f"loading the documents failed (see above); embedding server's log {embedding}:\n"
            f"{tail(embedding)}"
        )
    return json.loads(done.stdout)


def stop_all(state):
    """Stop every recorded server that still runs; return how each went."""
    outcome = {}
    for name in STOP_ORDER:
        if entry := state["servers"].pop(name, None):
            # PostgreSQL ends its clients' connections on SIGINT and waits for them on SIGTERM.
            first = signal.SIGINT if name == "postgres" else signal.SIGTERM
            outcome[name] = process.stop(entry, first)
            state_file.save(state)
    return outcome
