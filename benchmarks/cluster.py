"""Measure maps on a cluster of Ray on this machine: what a row costs, and how the rows a second grow with the workers.

    python -m benchmarks.cluster [--rows N] [--calls N] [--store postgresql://…] [--json]

A server of its own process answers each call after 50 ms; each worker asks two at once, so that the processors are not
what limits them. Prints the µs of wall and processor time a row with a model that answers at once, in one process and
by one worker, and the rows a second by 1, 2 and 4 workers that ask the server. The time until the first result, in
which Ray starts its workers, is given apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Any

import rlmlang
from benchmarks.instant import Instant

PROGRAM = rlmlang.compile('text: str\nCALL("Which?", text)\n', "program.rlm")
LATENCY = 0.05
AT_ONCE = 2
WORKERS = (1, 2, 4)


def rows(count: int) -> Iterator[dict[str, Any]]:
    return ({"text": f"text {i}", "id": i} for i in range(count))


def measured(count: int, model: Any, on: rlmlang.Cluster | None, **given: Any) -> tuple[float, float, float]:
    """Return the seconds until the first result, and those and the processor time here of a row after it."""
    began = perf_counter()
    results = iter(PROGRAM.map(rows(count), model=model, on=on, **given))
    next(results)
    first, worked = perf_counter(), process_time()
    found = 1 + sum(1 for _ in results)
    assert found == count
    return first - began, (perf_counter() - first) / count, (process_time() - worked) / count


@contextmanager
def server() -> Iterator[str]:
    """The name of a model on a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cluster", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"openai:fake@http://127.0.0.1:{int(process.stdout.readline())}/v1?ctx=32768"
        finally:
            process.terminate()


async def serve() -> None:
    """Answer requests in OpenAI's format until the process is ended."""
    from aiohttp import web

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(LATENCY)
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 1}
        return web.json_response({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000, help="rows with a model that answers at once")
    parser.add_argument("--calls", type=int, default=400, help="rows a worker that ask the server")
    parser.add_argument("--store", help="a database of PostgreSQL, empty, for the rows that ask the server")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve())
        return
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_BACKEND_LOG_LEVEL="fatal")
    import ray

    found: dict[str, float] = {}
    _, wall, here = measured(args.rows, Instant(), None)
    found |= {"one process, µs a row": wall * 1e6, "one process, µs of a processor a row": here * 1e6}
    ray.init(
        "local", num_cpus=max(WORKERS), include_dashboard=False, object_store_memory=200_000_000, log_to_driver=False,
        logging_level=logging.ERROR,
    )  # fmt: skip
    try:
        begin, wall, here = measured(args.rows, Instant(), rlmlang.Cluster("ray", workers=1))
        found |= {
            "until the first result, s": begin,
            "one worker, µs a row": wall * 1e6,
            "one worker, µs of the map's own processor a row": here * 1e6,
        }
        with server() as model:
            for workers in WORKERS:
                given = {"limits": {"concurrency": AT_ONCE}, "store": args.store, "guidance": f"{workers} workers"}
                _, wall, _ = measured(args.calls * workers, model, rlmlang.Cluster("ray", workers=workers), **given)
                found[f"rows a second by {workers} {'worker' if workers == 1 else 'workers'}"] = 1 / wall
    finally:
        ray.shutdown()
    if args.json:
        print(json.dumps(found))
        return
    for what, number in found.items():
        print(f"{what:50} {number:12,.1f}")


if __name__ == "__main__":
    main()
