"""The faults: each disturbs one thing by real means, says what it does, and can be taken back."""

from dataclasses import dataclass
from typing import Callable

from . import disturb, state as state_file
from .progress import DemoError


@dataclass(frozen=True)
class Fault:
    """A named disturbance. `begin` and `end` take the state and the fault's record in it."""

    does: str
    shows_as: str
    needs_netns: bool
    begin: Callable
    end: Callable


FAULTS = {
    "slow-reader": Fault(
        f"a coroutine of the app blocks its event loop for {disturb.BLOCK_MS} ms, again and again, as a "
        "synchronous call does: answers wait in the app's socket buffers until it reads them",
        "recv_queue where the app is the client; stalls caused by the reader",
        False, disturb.block_app, disturb.unblock_app),
    "slow-client": Fault(
        "a client asks every 5 s, waits 120 ms before each read and has a receive buffer of 2 kB",
        "recv_queue of the slow client; stalls caused by the reader",
        False, disturb.start_slow_client, disturb.stop_processes),
    "lossy-link": Fault(
        f"the link loses {disturb.LOSS:.0%} of all packets in both directions: TCP sends them again, "
        "mostly after its 200 ms timeout",
        "wire on the disturbed link (the database's, or --link model), with retransmits",
        True, disturb.lose, disturb.restore_link),
    "throttled-link": Fault(
        f"the link carries no more than {disturb.RATE}/s in each direction: packets queue in the middle",
        "wire on the disturbed link (the database's, or --link model); a few needless retransmits",
        True, disturb.throttle, disturb.restore_link),
    "starved-server": Fault(
        f"the chat model's server shares one core with {disturb.HOGS} programs that only burn CPU",
        "server and stream of the model; stalls caused by the engine",
        False, disturb.start_hogs, disturb.stop_processes),
}


def switch_on(state, name, link):
    """Begin a fault; what was half-begun is ended when it fails."""
    fault = FAULTS[name]
    if name in state["faults"]:
        raise DemoError(f"fault {name} is on already")
    if fault.needs_netns and not state["netns"]:
        raise DemoError(f"fault {name} needs the network namespaces: run `up` as root")
    record = state["faults"][name] = {"link": link}
    for other, present in state["faults"].items():
        both_on_links = fault.needs_netns and FAULTS[other].needs_netns
        if other != name and both_on_links and present["link"] == link:
            del state["faults"][name]
            raise DemoError(f"link {link} is disturbed by {other} already: switch that off first")
    try:
        fault.begin(state, record)
    except BaseException:
        switch_off(state, name)
        raise
    state_file.save(state)


def switch_off(state, name):
    """End a fault and forget it; a fault that is not on is no error."""
    if record := state["faults"].pop(name, None):
        try:
            FAULTS[name].end(state, record)
        finally:
            state_file.save(state)
