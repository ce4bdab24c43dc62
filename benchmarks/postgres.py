"""Measure a store in PostgreSQL, with a model that answers at once.

    python -m benchmarks.postgres postgresql://USER@HOST/DATABASE [--calls N] [--json]

Prints for calls that are made, and for calls that the store answers, of programs that ask many at once and of ones that
ask one after another: µs of this process's processor, and transactions, per call. Then milliseconds of the single
operations, the tenth part of them that were the fastest, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from functools import partial

import rlmlang
from benchmarks.instant import Instant, processor_seconds
from rlmlang import Limits, Store, Trace
from rlmlang.storage.batches import Awaited, StoredAnswer, WriteBatch
from rlmlang.storage.database import DatabaseWork

LIMITS = Limits(max_calls=None, max_steps=10**9)
AT_ONCE = 'n: int\nlen([CALL("Sum up", f"the text of item number {i}") for i in range(n)])\n'
IN_TURN = 'n: int\nx = ""\nfor i in range(n):\n    x = CALL("Go on", x, i)\nx\n'


def run(text: str, n: int, store: Store) -> None:
    rlmlang.compile(text).run(n=n, model=Instant(), store=store, limits=LIMITS, trace=Trace(keep=False))


def transactions(store: Store) -> int:
    """Return how many transactions the database has had."""
    time.sleep(1.1)  # the server counts them once a second
    query = "select xact_commit from pg_stat_database where datname = current_database()"
    return int(store.db.query(query)[0][0])


def of_calls(store: Store, n: int) -> dict[str, float]:
    found = {}
    for name, text, calls in (("many at once", AT_ONCE, n), ("one after another", IN_TURN, n // 10)):
        for what in ("made", "answered by the store"):
            before = transactions(store)
            took = processor_seconds(partial(run, text, calls, store))
            found[f"{what}, {name}: µs of the processor"] = took / calls * 1e6
            found[f"{what}, {name}: transactions"] = (transactions(store) - before) / calls
    return found


async def of_operations(store: Store, n: int = 300) -> dict[str, float]:
    assert store.pool is not None
    work = store.pool.work
    found = {}

    async def measure(name: str, make: Callable[[int], Callable[[], DatabaseWork[object]]]) -> None:
        took = []
        for i in range(n):
            begin = time.perf_counter()
            await store.ask(make(i))
            took.append(time.perf_counter() - begin)
        found[f"{name}, ms"] = sorted(took)[n // 10] * 1000

    def keys(i: int, count: int) -> list[bytes]:
        return [b"benchmark" + (i * 1_000 + j).to_bytes(23, "big") for j in range(count)]

    def answers(i: int, count: int) -> WriteBatch:
        given = {key: StoredAnswer('"a short answer"', 10, 4, 1) for key in keys(i, count)}
        return WriteBatch(f"benchmark {count}", given, [(i * count + j, "x" * 1_200) for j in range(count)])

    async def measure_all(count: int) -> None:
        run, of = f"benchmark {count}", partial(keys, count=count)
        await measure(f"look up {count}", lambda i: partial(work.look, of(i)))
        await measure(f"claim {count}", lambda i: work.writing(WriteBatch(run, claims=of(i))))
        await measure(f"look for {count} of others", lambda i: partial(work.find, Awaited(tuple(of(i)))))
        await measure(f"answer {count}, with events", lambda i: work.writing(answers(i, count)))
        store.db.query("delete from answers where run = ?", (run,))
        store.db.query("delete from events where run = ?", (run,))

    async with store.connected():
        await measure_all(1)
        await measure_all(16)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", help="a database that may be written to: what is measured stays in it")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Store(options.place) as store:
        run(AT_ONCE, 10, store)
        found = asyncio.run(of_operations(store)) | of_calls(store, options.calls)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:60} {value:10.3f}")


if __name__ == "__main__":
    main()
