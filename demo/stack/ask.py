"""Ask the RAG app questions and time the answers by the asker's own clock.

    python -m stack ask [--count 5] [--rate 2/s --duration 20s] [--warm] [--json]

Without --rate one question follows the other. With --rate questions start on a fixed schedule,
whether or not earlier ones are answered (bounded: a question that finds MAX_OPEN unanswered ones is
counted as skipped). --read-delay-ms and --receive-buffer make a client that reads late.
"""

import argparse
import ctypes
import json
import sys
import threading
import time

from .asker import Asker
from .report import print_answer, print_summary, summarise

MAX_OPEN = 16
WARM_SET = 4
PR_SET_NAME = 15


def seconds(text):
    """Parse 20, 20s, 500ms or 2m into seconds."""
    for unit, factor in (("ms", 1e-3), ("s", 1.0), ("m", 60.0)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text)


def rate(text):
    """Parse 2 or 2/s into questions per second."""
    value = float(text.removesuffix("/s"))
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError("a rate is above 0 and at most 100 questions a second")
    return value


def run(asker, questions, options, tell):
    """Ask as the options say; return results and how many questions were skipped."""
    results, skipped = [], 0
    if not options.rate:
        for number in range(options.count):
            results.append(asker.ask(questions[number % len(questions)]))
            tell(results[-1])
        return results, skipped
    places = threading.Semaphore(MAX_OPEN)

    def one(entry):
        try:
            results.append(asker.ask(entry))
            tell(results[-1])
        finally:
            places.release()

    begun_s, threads = time.monotonic(), []
    for number in range(max(1, round(options.rate * options.duration))):
        time.sleep(max(0.0, begun_s + number / options.rate - time.monotonic()))
        if places.acquire(blocking=False):
            threads.append(threading.Thread(target=one, args=(questions[number % len(questions)],)))
            threads[-1].start()
        else:
            skipped += 1
    for thread in threads:
        thread.join()
    return results, skipped


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="stack ask", description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--questions", required=True)
    parser.add_argument("--count", type=int, default=5, help="questions, without --rate")
    parser.add_argument("--skip", type=int, default=0, help="start at this question")
    parser.add_argument("--distinct", type=int, help="cycle through this many questions only")
    parser.add_argument("--rate", type=rate, help="questions a second, such as 2/s")
    parser.add_argument("--duration", type=seconds, default=10.0, help="with --rate, such as 20s")
    parser.add_argument("--warm", action="store_true",
                        help=f"repeat {WARM_SET} questions (or --distinct), all asked before")
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--read-delay-ms", type=float, default=0.0, help="wait before each read")
    parser.add_argument("--receive-buffer", type=int, help="bytes (SO_RCVBUF)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, a summary last")
    return parser.parse_args()


def main():
    """Ask, report, and fail when any question failed."""
    options = parse()
    # The name that ps and observe show; every thread started from here inherits it.
    name = b"slow-client" if options.read_delay_ms else b"asker"
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)
    with open(options.questions, encoding="utf-8") as file:
        questions = json.load(file)
    questions = questions[options.skip % len(questions) :] + questions[: options.skip % len(questions)]
    asker = Asker(options)
    questions = questions[: options.distinct or (WARM_SET if options.warm else None)]
    if options.warm:
        print(f"asking {len(questions)} questions once to warm the prompt cache", file=sys.stderr)
        for entry in questions:
            asker.ask(entry)
    results, skipped = run(asker, questions, options, lambda r: print_answer(r, options.json))
    summary = summarise(results, skipped)
    print_summary(summary, options.json)
    return 0 if results and summary["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
