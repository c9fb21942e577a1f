"""Bring the stack up and down as a whole, in an order that survives errors and Ctrl-C."""

import shutil
import signal
import time

from . import faults, identity, install, network, process, servers, settings, state as state_file
from .progress import DemoError, Steps, say


def up(options):
    """Install, start and load; stop everything again when that fails half-way."""
    if not 10 <= options.documents <= 2000:
        raise DemoError("--documents takes 10 to 2000")
    netns = identity.is_root() and not options.no_netns
    if not netns:
        why = "--no-netns" if options.no_netns else "not root"
        say(f"note: running on loopback ({why}): the faults {', '.join(off_without_netns())} are off")
    identity.prepare_folders()
    identity.describe()
    with state_file.exclusive():
        state = state_file.load()
        if is_up(state) and (state["netns"], state["tiny"], state.get("documents")) == (
            netns, options.tiny, options.documents,
        ):
            say("the stack is already up")
        else:
            state = bring_up(state, netns, options)
    result = status(state)
    if options.foreground:
        say("Ctrl-C stops the stack")
        try:
            signal.pause()
        except KeyboardInterrupt:
            down(purge=False)
            raise
    return result


def off_without_netns():
    """Return the faults that only a stack in namespaces can have."""
    return [name for name, fault in faults.FAULTS.items() if fault.needs_netns]


def is_up(state):
    """Say whether every server of the last complete `up` still runs."""
    return bool(state.get("ready")) and all(map(process.is_alive, state["servers"].values()))


def bring_up(state, netns, options):
    """Clean what is left of an earlier run, then take the seven steps."""
    if state["servers"] or (identity.is_root() and network.leftovers()):
        say("cleaning up what an earlier run left")
        take_down(state)
    state = state_file.load() | {"netns": netns, "tiny": options.tiny, "documents": options.documents}
    steps = Steps(7)
    begun_s = time.monotonic()
    try:
        install.programs(steps)
        install.models(steps, options.tiny)
        install.texts(steps)
        steps.begin("starting PostgreSQL and the embedding server"
                    + (" in network namespaces" if netns else ""))
        if netns:
            with process.uninterrupted():
                state["made_netns_mount"] = network.build()
                state_file.save(state)
        servers.start_postgres(state)
        servers.start_model("embedding", state, settings.EMBEDDING_MODEL)
        steps.end("start_store")
        steps.begin(f"loading {options.documents} documents into the vector store")
        state["load"] = servers.load_documents(state, options.documents)
        steps.end("load_documents")
        steps.begin("starting the chat model's server")
        chat = settings.TINY_MODEL if options.tiny else settings.CHAT_MODEL
        servers.start_model("chat", state, chat)
        steps.end("start_chat")
        steps.begin("starting the app")
        servers.start_app(state)
        steps.end("start_app")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            say("interrupted: stopping what was started")
        with process.uninterrupted():
            take_down(state)
        raise
    state["seconds"] = steps.seconds | {"total": round(time.monotonic() - begun_s, 3)}
    state["ready"] = True
    state_file.save(state)
    say(f"the stack is up after {state['seconds']['total']:.1f} s, files in {settings.STATE}")
    return state


def down(purge):
    """Stop everything, remove the namespaces and, when asked, the folder."""
    outcome = {}
    if settings.RUN.exists():
        with state_file.exclusive():
            outcome = take_down(state_file.load())
    elif identity.is_root():
        stop_unrecorded(outcome)
        network.remove(made_mount=False)
    if purge and settings.STATE.exists():
        # Only a folder that the demo made has this shape.
        if not settings.RUN.exists():
            raise DemoError(f"{settings.STATE} does not look like the demo's folder: not deleted")
        shutil.rmtree(settings.STATE)
    say("the stack is down" + (f", {settings.STATE} is deleted" if purge else ""))
    return {"state": "down", "servers": outcome, "purged": purge}


def take_down(state):
    """End faults, servers and namespaces, whatever is left of them."""
    for record in state["faults"].values():
        for entry in record.get("processes", ()):
            process.stop(entry)
    state["faults"] = {}
    outcome = servers.stop_all(state)
    if identity.is_root():
        stop_unrecorded(outcome)
        network.remove(state["made_netns_mount"])
    elif state["netns"]:
        raise DemoError("the network namespaces were made by root: run `down` with sudo")
    state_file.clear()
    return outcome


def stop_unrecorded(outcome):
    """Stop what runs in our namespaces from our folder: an asker, or what a crash left unrecorded."""
    for role in network.leftovers():
        for pid in network.processes(role):
            entry = {"pid": pid, "start_ticks": process.start_ticks(pid), "log": "none"}
            if str(settings.STATE) in process.command_line(pid):
                outcome[f"pid {pid}"] = process.stop(entry)


def status(state):
    """Return what runs, where, and since which `up` it took how long."""
    described = {
        name: {**entry, "alive": process.is_alive(entry)} for name, entry in state["servers"].items()
    }
    return {
        "state": "up" if is_up(state) else "degraded" if described else "down",
        "mode": "netns" if state["netns"] else "loopback",
        "model": "tiny-random" if state["tiny"] else "smollm2-135m-instruct",
        "netns": {role: network.name_of(role) for role in network.NAMES} if state["netns"] else None,
        "servers": described,
        "faults": sorted(state["faults"]),
        "load": state.get("load"),
        "seconds": state.get("seconds"),
        "folder": str(settings.STATE),
    }
