"""Runs that are killed, and runs that share a store: nothing is lost, damaged, or made twice."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlmlang.storage import upkeep
from rlmlang.storage.store import Store
from tests.support.fake_server import Answer, FakeServer, server
from tests.support.places import ROOT
from tests.support.zygote import said

pytestmark = pytest.mark.heavy

__all__ = ["server"]  # a fixture


Do = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def do() -> Iterator[Do]:
    """A function that runs each job in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def work(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
        print(json.dumps(jobs), file=process.stdin, flush=True)
        results: list[dict[str, Any]] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        return results

    with process:
        yield work
        process.stdin.close()


def expected(n: int) -> str:
    return "".join(map(said, range(n)))


def kept(place: str | Path) -> set[str]:
    """Return the answers in a store, none of which may be damaged."""
    store = Store(place)
    assert upkeep.verify(store) == []
    values = {json.loads(line)["value"] for line in upkeep.export(store) if json.loads(line)["kind"] == "answer"}
    store.close()
    return values


def number_in(body: Any) -> str:
    """Return the number of the call of a request."""
    return re.findall(r"\d+", body["messages"][-1]["content"])[-1]


def chat(body: Any) -> Any:
    """Return what the server answers to a call of the program."""
    message = {"role": "assistant", "content": said(number_in(body))}
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def asked(server: FakeServer) -> list[str]:
    return [said(number_in(body)) for body in server.bodies("/v1/chat/completions")]


def test_a_run_that_is_killed_again_and_again(do: Do, server: FakeServer, tmp_path: Path, kills: int) -> None:
    """No call whose answer was stored is sent again, whenever the process is killed."""
    n, left, chance = 1_000, kills, random.Random(kills)
    server.on("/v1/chat/completions", chat)
    server.on("/v1/models", Answer(404))
    part = 0
    while left:
        part += 1
        store = tmp_path / f"store{part}.db"
        job = {"model": f"openai:m@{server.url}/v1?dialect=none&key=", "store": str(store), "run": "r", "n": n}
        job["concurrency"] = 16
        known: set[str] = set()
        while True:
            server.seen.clear()
            attempt = job | ({"kill_after": chance.uniform(0.01, 0.4)} if left else {})
            (result,) = do(attempt)
            assert known.isdisjoint(asked(server))
            if result["code"] == 0:
                break
            assert result["code"] == -9, result
            left -= 1
            before, known = known, kept(store)
            assert before <= known
        assert result["text"] == expected(n)
        assert kept(store) == set(map(said, range(n)))


@pytest.fixture(params=[12, pytest.param(200, marks=pytest.mark.long)])
def kills(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_at_each_of_its_writes(do: Do, tmp_path: Path, after: bool) -> None:
    n = 6
    for number in range(1, 1_000):
        counted, store = tmp_path / f"calls{number}", tmp_path / f"store{number}.db"
        counting = {"path": str(counted), "delay": 0.0, "concurrency": 3}
        job = {"counting": counting, "store": str(store), "run": "r", "n": n}
        (result,) = do(job | {"exit_at": [number, after]})
        if result["code"] == 0:
            break
        assert result["code"] == 9, result
        before = kept(store)
        counted.unlink(missing_ok=True)
        (again,) = do(job)
        assert again == {"code": 0, "text": expected(n)}
        calls = counted.read_text().splitlines() if counted.exists() else []
        assert before.isdisjoint(calls)
        assert len(calls) == n - len(before)
        store_again = Store(store)
        events = [json.loads(text) for text in store_again.events("r")]
        store_again.close()
        assert [event["seq"] for event in events] == list(range(len(events)))
        done = {event["answer"] for event in events if event["kind"] == "call" and event["status"] == "done"}
        assert done == {json.dumps(each) for each in map(said, range(n))}
    assert number > n // 3


def test_processes_share_the_work(do: Do, place: str | Path, tmp_path: Path) -> None:
    """Each call is made by exactly one process, and all get the value."""
    n, counted = 1_000, tmp_path / "calls"
    counting = {"path": str(counted), "delay": 0.004, "concurrency": 8}
    jobs = [{"counting": counting, "store": str(place), "run": f"r{i}", "n": n} for i in range(4)]
    assert do(*jobs) == [{"code": 0, "text": expected(n)}] * 4
    calls = Counter(counted.read_text().splitlines())
    assert set(calls) == set(map(said, range(n)))
    assert set(calls.values()) == {1}
    store = Store(place)
    shares = [row.usage["calls"] for row in store.runs()]
    store.close()
    assert sum(shares) == n
    assert max(shares) < n


def test_the_work_of_a_process_that_dies_is_taken_over(do: Do, place: str | Path, tmp_path: Path) -> None:
    n, counted = 200, tmp_path / "calls"
    job = {"store": str(place), "n": n}
    slow = {"path": str(tmp_path / "lost"), "delay": 60.0, "concurrency": 8}
    quick = {"path": str(counted), "delay": 0.01, "concurrency": 8}
    first = {"counting": slow, "run": "a", "alone_until": f"{tmp_path}/lost.begun", "kill_after": 0.5}
    dead, alive = do(job | first, job | {"counting": quick, "run": "b"})
    assert dead == {"code": -9, "text": ""}
    assert alive == {"code": 0, "text": expected(n)}
    assert not os.path.getsize(tmp_path / "lost")
    assert len(counted.read_text().splitlines()) == n
