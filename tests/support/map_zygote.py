"""A process that forks others, which run `rlmlang map` and are killed after a while.

Everything is imported once, so that a child begins at once. Each line of standard input is a JSON object with the
`args` of a command line and the seconds to `kill_after`, or none; the exit status of the child is printed for it,
negative where it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress

from rlmlang.cli import main


def child(args: list[str]) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    os._exit(main(args))


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(job["args"])
        if job["kill_after"] is not None:
            time.sleep(job["kill_after"])
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
