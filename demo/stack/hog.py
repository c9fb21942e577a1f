"""Burn one core for a bounded time: the neighbour that starves a server.

    hog.py CORE SECONDS
"""

import os
import sys
import time


def main():
    """Pin to the core and compute until the time is over or somebody ends the process."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    end_s = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end_s:
        sum(range(10_000))


if __name__ == "__main__":
    main()
