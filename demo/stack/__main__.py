"""The demo stack's command: python -m stack up|down|status|ask|fault."""

import argparse
import json
import os
import shutil
import signal
import sys

from . import faults, identity, install, lifecycle, network, process, settings, state as state_file
from .progress import DemoError, say

FAILED, NOT_RUNNING, INTERRUPTED = 1, 3, 130


def parse():
    """Read the command line; what follows `ask` is the asker's."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="install what is missing, start everything, load the documents")
    up.add_argument("--tiny", action="store_true", help="random-weight chat model: fast, nonsense")
    up.add_argument("--no-netns", action="store_true", help="run on loopback, without link faults")
    up.add_argument("--documents", type=int, default=150)
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C, then stop all")
    down = verbs.add_parser("down", help="stop everything")
    down.add_argument("--purge", action="store_true", help="delete the state folder, too")
    status = verbs.add_parser("status", help="what runs (exit status 3: not everything)")
    fault = verbs.add_parser("fault", help="disturb the stack, or stop disturbing it")
    fault.add_argument("action", choices=("on", "off", "list"))
    fault.add_argument("name", nargs="?", choices=tuple(faults.FAULTS))
    fault.add_argument("--link", choices=tuple(settings.LINKS), default="db", help="for link faults")
    for verb in (up, down, status, fault):
        verb.add_argument("--json", action="store_true", help="print the result as JSON")
    verbs.add_parser("ask", help="ask questions and time the answers", add_help=False)
    return parser.parse_known_args()


def running_state():
    """Return the recorded state, or fail when the stack is not up."""
    state = state_file.load()
    servers = state["servers"]
    if not state.get("ready") or not all(process.is_alive(entry) for entry in servers.values()):
        raise DemoError("the stack is not up: python -m stack up")
    return state


def ask(rest):
    """Become the asker, inside the app's namespace and as the unprivileged user."""
    state = running_state()
    command = network.enter("app", state["netns"]) + identity.as_user()
    url = settings.server_environment(state["netns"])["APP_URL"]
    command += [install.python(), "-m", "stack.ask", "--url", url, "--questions", settings.QUESTIONS]
    words = [str(word) for word in command + rest]
    environment = process.environment({"PYTHONPATH": str(settings.DEMO)})
    sys.stdout.flush()
    os.execve(shutil.which(words[0]), words, environment)


def fault(options):
    """Switch one fault on or off; return what it does."""
    if options.action == "list":
        state = state_file.load()
        return {
            name: {
                "does": kind.does,
                "shows_as": kind.shows_as,
                "needs_netns": kind.needs_netns,
                "on": name in state["faults"],
            }
            for name, kind in faults.FAULTS.items()
        }
    if options.name is None:
        raise DemoError(f"which fault? one of: {', '.join(faults.FAULTS)}")
    with state_file.exclusive():
        state = running_state()
        if options.action == "on":
            faults.switch_on(state, options.name, options.link)
        else:
            faults.switch_off(state, options.name)
    kind = faults.FAULTS[options.name]
    is_on = options.action == "on"
    say(f"fault {options.name} is {options.action}" + (f": {kind.does}" if is_on else ""))
    return {"fault": options.name, "on": is_on, "does": kind.does, "shows_as": kind.shows_as}


def perform(options, rest):
    """Carry out the verb; return its result and the exit status."""
    if options.verb == "ask":
        ask(rest)
    if rest:
        raise DemoError(f"unknown words: {' '.join(rest)} (see --help)")
    if options.verb == "up":
        return lifecycle.up(options), 0
    if options.verb == "down":
        return lifecycle.down(options.purge), 0
    if options.verb == "status":
        result = lifecycle.status(state_file.load())
        return result, 0 if result["state"] == "up" else NOT_RUNNING
    return fault(options), 0


def show(verb, result):
    """Print a result for people."""
    if verb == "status":
        print(f"the stack is {result['state']}"
              + (f" ({result['mode']}, {result['model']})" if result["servers"] else ""))
        for name, server in result["servers"].items():
            print(f"  {name:<10} pid {server['pid']:<8} {server['address']}:{server['port']:<6} "
                  f"{'runs' if server['alive'] else 'ENDED, log ' + server['log']}")
        print(f"  faults on: {', '.join(result['faults']) or 'none'}")
    elif verb == "fault" and "fault" not in result:
        for name, kind in result.items():
            print(f"{name:<15} {'ON ' if kind['on'] else 'off'} {kind['does']}")


def main():
    """Run the verb; errors are sentences, Ctrl-C stops what was begun."""
    os.umask(0o022)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, rest = parse()
    try:
        result, code = perform(options, rest)
    except (DemoError, OSError) as error:
        say(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.json:
        print(json.dumps(result))
    else:
        show(options.verb, result)
    return code


if __name__ == "__main__":
    sys.exit(main())
