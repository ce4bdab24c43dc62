"""A process that forks others, which run a program and can be killed at any moment.

Everything is imported once; a child that is forked starts at once. Commands are JSON objects, one a
line, on standard input: a list of `jobs` that are done side by side. One with `alone_until`
begins alone: those after it wait until it has made the file of that name. One with `kill_after` is
killed so many seconds after all have begun. A result for each is printed, when all have ended, as one
line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rlmlang.models.servers.openai
import rlmlang.storage.postgres
from rlmlang import Limits, Store, Trace, compile
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.registry import open_model
from rlmlang.storage.sqlite import Sqlite

PROGRAM = 'n: int\n"".join([CALL("say", i) for i in range(n)])\n'


def said(i: object) -> str:
    """What the models of the tests answer to the i-th call."""
    return f"<{i}>"


class Counting:
    """Answers, and writes each answer given to the end of a file."""

    name = "counting"
    identity = '{"kind": "counting"}'
    context = 100_000
    capabilities = Capabilities()

    def __init__(self, path: str, delay: float, concurrency: int) -> None:
        self.concurrency = concurrency
        self._delay = delay
        self._begun = f"{path}.begun"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def count_tokens(self, request: Request) -> int:
        return 1

    async def generate(self, request: Request) -> Reply:
        os.close(os.open(self._begun, os.O_CREAT))
        await asyncio.sleep(self._delay)
        text = said(request.arguments[0][1])
        os.write(self._file, text.encode() + b"\n")
        return Reply(text, 1, 1, "stop")

    async def aclose(self) -> None:
        pass


@contextmanager
def exit_at(number: int, after: bool) -> Iterator[None]:
    """End the process at its n-th transaction, before or after that is committed."""
    real, count = Sqlite.transaction, 0

    @contextmanager
    def transaction(self: Sqlite) -> Iterator[None]:
        nonlocal count
        count += 1
        with real(self):
            yield
            if count == number and not after:
                os._exit(9)
        if count == number:
            os._exit(9)

    Sqlite.transaction = transaction  # type: ignore[method-assign]
    yield


def run(job: dict[str, Any]) -> str:
    store = Store(job["store"])
    model = open_model(job["model"]) if "model" in job else Counting(**job["counting"])
    trace = Trace(job["run"], keep=False)
    limits = Limits(max_calls=None, concurrency=job.get("concurrency"))
    result = compile(PROGRAM).run(n=job["n"], model=model, store=store, trace=trace, limits=limits)
    store.close()
    value: str = result.value
    return value


def child(job: dict[str, Any], out: int) -> None:
    """Do a job, and end this process."""
    os.setpgid(0, 0)
    try:
        if "exit_at" in job:
            with exit_at(*job["exit_at"]):
                value = run(job)
        else:
            value = run(job)
        os.write(out, value.encode())
        os._exit(0)
    except BaseException as error:
        os.write(out, f"{type(error).__name__}: {error}".encode())
        os._exit(1)


def has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def do(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    begun: list[tuple[int, int, dict[str, Any]]] = []
    for job in jobs:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            child(job, writing)
        os.close(writing)
        begun.append((pid, reading, job))
        while "alone_until" in job and not os.path.exists(job["alone_until"]) and not has_ended(pid):
            time.sleep(0.01)
    results = []
    for pid, reading, job in begun:
        if "kill_after" in job:
            time.sleep(job["kill_after"])
            os.kill(pid, signal.SIGKILL)
        with open(reading, "rb") as pipe:
            text = pipe.read().decode()
        _, status = os.waitpid(pid, 0)
        results.append({"code": os.waitstatus_to_exitcode(status), "text": text})
    return results


if __name__ == "__main__":
    assert rlmlang.models.servers.openai
    assert rlmlang.storage.postgres
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
