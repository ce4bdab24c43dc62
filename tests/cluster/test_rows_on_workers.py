"""Maps on a cluster: what workers are sent and give back, without Ray, whose part is played."""

from __future__ import annotations

import asyncio
import builtins
import json
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.limits import Limits
from rlmlang.calls.reservations import Reservation
from rlmlang.cluster import engine, spending
from rlmlang.cluster.drivers import DriverOfClient, RowsDriver
from rlmlang.cluster.jobs import FEWEST_ROWS, MOST_BYTES, MOST_ROWS, chunks, unpacked
from rlmlang.cluster.options import Cluster, workers_of
from rlmlang.cluster.spending import BudgetKeeper, KeptBudget
from rlmlang.errors import BudgetError, CallsExhausted, ClusterUnusable, InvalidOption, RlmError, RunError
from rlmlang.mapping.records import TAKEN_COLUMNS, record_of
from tests.support.command_line import Run, run
from tests.support.played_ray import PlayedActor, PlayedRay, ray_played

__all__ = ["ray_played", "run"]

ASK = rlmlang.compile('text: str\nquestion: str = "What?"\nCALL(question, text)\n')


def upper(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"].split("```")[1].strip().upper()


def texts(count: int) -> list[dict[str, Any]]:
    return [{"text": f"t{number % 30}", "id": number, "right": f"T{number % 29}"} for number in range(count)]


# What is sent ------------------------------------------------------------------


def test_chunks_are_small_at_first_and_hold_all_rows() -> None:
    found = [unpacked(*chunk) for chunk in chunks(enumerate(texts(10_000), 1))]
    assert [row for chunk in found for row in chunk] == [*enumerate(texts(10_000), 1)]
    assert len(found[0]) == FEWEST_ROWS
    assert max(map(len, found)) == MOST_ROWS == len(found[-2])


def test_a_chunk_of_large_rows_ends_early() -> None:
    rows = [(number, {"text": "x" * MOST_BYTES}) for number in range(3)]
    assert [numbers for numbers, _ in chunks(iter(rows))] == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"address": "http://x"}, "no cluster at 'http://x'"),
        ({"address": ""}, "no cluster at ''"),
        ({"address": "head"}, "no cluster at 'head'"),
        ({"workers": 0}, "not 0"),
        ({"workers": (3, 2)}, r"not \(3, 2\)"),
        ({"workers": (1, 2, 3)}, "workers are a number"),
        ({"cpus": -1}, "cpus of a worker"),
        ({"gpus": "1"}, "gpus of a worker"),
    ],
)
def test_what_is_no_cluster_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        Cluster(**given)


def test_how_many_workers_there_are() -> None:
    assert (workers_of("4"), workers_of("2-16"), workers_of("3-3")) == (4, (2, 16), 3)
    with pytest.raises(ValueError, match="four: expected"):
        workers_of("four")
    assert Cluster("auto").bounds(3, 24.0) == (3, 24)
    assert Cluster("auto", cpus=4).bounds(3, 24.0) == (3, 6)
    assert Cluster("ray").bounds(1, 8.0) == (8, 8)
    assert Cluster("ray", cpus=0).bounds(1, 8.0) == (8, 8)
    assert Cluster("ray://head:10001", workers=5).bounds(3, 24.0) == (5, 5)
    assert Cluster("head:6379", workers=(2, 9)).bounds(3, 24.0) == (2, 9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": "answers.db"}, "the store answers.db is a file of this machine"),
        ({"store": Path("answers.db")}, "is a file of this machine"),
        ({"limits": {"max_function_calls": 5}}, "functions of all rows together"),
        ({"model": rlmlang.open_model(upper)}, "is open in this process"),
        ({"on": 3}, "on is 'ray', the address"),
        ({"on": "nowhere"}, "no cluster at 'nowhere'"),
    ],
)
def test_what_other_machines_cannot_use_is_refused_before_anything_runs(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        ASK.map(texts(1), **{"on": "ray", "model": upper, **given})


@pytest.mark.heavy
def test_a_cluster_that_is_not_there_is_an_error_at_once() -> None:
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # which nobody listens at
        host, port = taken.getsockname()
        with pytest.raises(ClusterUnusable, match=f"{host}:{port} cannot be reached: .*refused"):
            list(ASK.map(texts(1), on=f"{host}:{port}", model=upper))
    assert (Cluster("ray://head").host, Cluster("ray").host, Cluster("auto").host) == (("head", 10_001), None, None)


def test_a_model_that_cannot_be_sent_is_refused(ray_played: PlayedRay) -> None:
    with pytest.raises(InvalidOption, match="cannot be sent to other machines"):
        list(ASK.map(texts(1), on="ray", model=lambda messages: "x"))  # which plain pickle cannot


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *args: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "ray":
            raise ImportError("No module named 'ray'")
        return plain(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ClusterUnusable, match=r"Ray is needed") as caught:
        list(ASK.map(texts(1), on="ray", model=upper))
    assert caught.value.first.hint == "pip install 'rlmlang[ray]'"


# What comes back -----------------------------------------------------------------


def test_results_are_those_of_one_process(ray_played: PlayedRay) -> None:
    rows = [*texts(100), {"text": 5}]
    alone = [record_of(row) for row in ASK.map(rows, model=upper, expect="right")]
    mapped = ASK.map(rows, model=upper, expect="right", on=Cluster("auto", workers=(1, 3), gpus=1))
    shared = [record_of(row) for row in mapped]
    assert len(ray_played.blocks) > 20
    taken = dict.fromkeys(TAKEN_COLUMNS)  # by whichever of equal rows came first
    assert [record | taken for record in shared] == [record | taken for record in alone]
    assert {record["score"] for record in shared} == {0.0, 1.0, None}
    assert shared[-1]["error"] == "E603"
    assert ray_played.in_order
    assert (ray_played.options["compute"]["min_size"], ray_played.options["compute"]["max_size"]) == (1, 3)
    assert ray_played.options["num_gpus"] == 1
    assert mapped.usage.calls == sum(record["calls"] for record in shared) == 60  # each worker asks for itself
    assert mapped.usage.cost is None


def test_a_client_of_ray_has_an_actor_drive_the_rows(ray_played: PlayedRay, monkeypatch: pytest.MonkeyPatch) -> None:
    class Actor:
        def __init__(self, driver: RowsDriver) -> None:
            self._driver = driver

        def __getattr__(self, name: str) -> Any:
            return SimpleNamespace(remote=getattr(self._driver, name))

    def drive(*given: Any) -> DriverOfClient:
        return DriverOfClient(SimpleNamespace(get=lambda found: found), Actor(RowsDriver(*given)))

    monkeypatch.setattr(engine, "_driver", drive)
    assert [row.value for row in ASK.map(texts(40), model=upper, on="ray://head")] == [f"T{n % 30}" for n in range(40)]
    with pytest.raises(CallsExhausted):
        list(ASK.map(texts(40), model=upper, on="ray://head", limits={"max_calls": 3}))


def test_rows_that_are_done_are_not_sent(ray_played: PlayedRay) -> None:
    mapped = ASK.map(texts(10), model=upper, on="ray", ordered=False)
    mapped.is_done = lambda number, row: number in {1, 2, 5}
    assert [row.number for row in mapped] == [3, 4, 6, 7, 8, 9, 10]
    assert not ray_played.in_order
    mapped = ASK.map(texts(2), model=upper, on="ray")
    mapped.is_done = lambda number, row: True
    assert list(mapped) == []
    assert list(ASK.map([], model=upper, on="ray")) == []


def test_what_ends_a_worker_ends_all_rows(ray_played: PlayedRay) -> None:
    with pytest.raises(rlmlang.MissingModel):
        list(ASK.map(texts(10), on="ray"))
    with pytest.raises(rlmlang.PriceUnknown):
        list(ASK.map(texts(10), model=upper, on="ray", row_limits={"max_cost": 1}))
    with pytest.raises(rlmlang.UnknownModel):
        list(ASK.map(texts(10), model="nothing of the kind", on="ray"))


def test_errors_of_rows_are_counted(ray_played: PlayedRay) -> None:
    rows = [{"text": "a"}, *({"text": number} for number in range(20))]
    with pytest.raises(RunError, match="3 rows failed, and max_errors is 2; the last is row 4: E603"):
        list(ASK.map(rows, model=upper, on="ray", max_errors=2))


def test_the_time_of_all_rows_is_limited(ray_played: PlayedRay) -> None:
    with pytest.raises(rlmlang.TimeExhausted, match="more than 0 seconds"):
        list(ASK.map(texts(100), model=upper, on="ray", limits={"max_seconds": 0}))


def test_an_error_of_time_in_the_rows_themselves_is_theirs(ray_played: PlayedRay) -> None:
    def slow() -> Iterator[dict[str, Any]]:
        yield from texts(20)
        raise TimeoutError("the disk is slow")

    with pytest.raises(TimeoutError, match="the disk is slow"):
        list(ASK.map(slow(), model=upper, on="ray", limits={"max_seconds": 60}))


def test_an_error_while_rows_are_read_ends_them(ray_played: PlayedRay) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from texts(20)
        raise rlmlang.FileUnreadable.of("E604", "the disk is gone")

    with pytest.raises(rlmlang.FileUnreadable, match="the disk is gone"):
        list(ASK.map(broken(), model=upper, on="ray"))


def test_the_command_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.rlm").write_text("text: str\nlen(text)\n")
    (tmp_path / "rows.csv").write_text("text\na\n")
    given = ["map", "p.rlm", "rows.csv", "-o", "x.jsonl"]
    code, _, err = run(*given, "--on", "ray", "--store", "s.db")
    assert (code, "error[E607]: the store s.db is a file of this machine" in err) == (2, True)
    assert "--no-store" in err
    code, _, err = run(*given, "--on", "ray", "--workers", "many")
    assert (code, "expected a number of workers" in err) == (2, True)
    code, _, err = run(*given, "--workers", "2")
    assert (code, "name it: --on ray" in err) == (2, True)


def test_the_trace_of_all_workers_is_one(ray_played: PlayedRay) -> None:
    log: list[dict[str, Any]] = []
    trace = rlmlang.Trace(keep=False, sinks=[lambda seq, text: log.append(json.loads(text))])
    rows = [*texts(20), {"text": 5}, *texts(40)]
    printing = rlmlang.compile('text: str\nprint("row of", text)\nCALL("What?", text)\n')
    list(printing.map(rows, model=upper, on="ray", ordered=False, trace=trace, limits={"max_calls": 500}))
    assert [event["seq"] for event in log] == [*range(len(log))]
    assert [event["kind"] for event in (log[0], log[-1])] == ["run", "end"]
    assert (log[0]["run"], log[0]["limits"]["max_calls"], log[-1]["status"]) == (trace.run_id, 500, "done")
    numbers = [event["row"] for event in log if event["kind"] not in ("run", "end", "text")]
    assert numbers == sorted(numbers)
    assert set(numbers) == {*range(1, 62)} - {21}
    calls = [event for event in log if event["kind"] == "call"]
    assert sorted(event["id"] for event in calls) == [*range(len(calls))]
    of_rows = {event["id"]: event["row"] for event in calls}
    for event in log:
        if event["kind"] == "generation":
            assert of_rows[event["call"]] == event["row"]
    hits = [event for event in log if event["kind"] == "hit"]
    assert len(hits) + len(calls) == 60
    assert all(rows[of_rows[hit["of"]] - 1]["text"] == rows[hit["row"] - 1]["text"] for hit in hits)
    digests = [event["digest"] for event in log if event["kind"] == "text"]
    assert len(digests) == len(set(digests)) > 0
    printed = {event["row"]: event["text"] for event in log if event["kind"] == "print"}
    assert printed[61] == "row of t9\n"


def test_the_command_writes_results_and_a_trace(run: Run, tmp_path: Path, ray_played: PlayedRay) -> None:
    (tmp_path / "model.py").write_text("def model(request):\n    return str(request.arguments[0][1]).upper()\n")
    (tmp_path / "p.rlm").write_text('text: str\nCALL("Which?", text)\n')
    (tmp_path / "rows.csv").write_text("text\n" + "".join(f"t{number}\n" for number in range(30)))
    given = ["map", "p.rlm", "rows.csv", "-m", "scripted:model.py", "--no-store"]
    code, _, err = run(*given, "-o", "many.jsonl", "--on", "ray", "--trace", "t.jsonl", "--max-calls", "100")
    assert (code, "30 calls, 0 memo hits" in err) == (0, True), err
    assert run(*given, "-o", "one.jsonl")[0] == 0
    assert (tmp_path / "many.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert run("trace", "show", "t.jsonl")[0] == 0
    assert (tmp_path / "t.jsonl").read_text().count('"kind":"call"') == 30


def test_the_trace_says_what_ended_the_rows(ray_played: PlayedRay) -> None:
    log: list[dict[str, Any]] = []
    trace = rlmlang.Trace(keep=False, sinks=[lambda seq, text: log.append(json.loads(text))])
    with pytest.raises(CallsExhausted):
        list(ASK.map(texts(20), model=upper, on="ray", trace=trace, limits={"max_calls": 5}))
    assert (log[-1]["status"], log[-1]["error"]["code"]) == ("failed", "E501")


# Errors between processes ----------------------------------------------------------


def test_errors_are_pickled() -> None:
    _, row = ASK.map([*texts(1), {"text": 5}], model=upper)
    found = pickle.loads(pickle.dumps(row))
    assert type(found.error) is type(row.error)
    assert isinstance(found.error, RlmError)
    assert str(found.error) == str(row.error)


# The budget of all workers -------------------------------------------------------------


async def _reserve(budget: KeptBudget, completion: int = 10) -> Reservation:
    return await budget.reserve(5, completion, None)


def test_workers_spend_from_one_budget() -> None:
    async def work() -> None:
        keeper = BudgetKeeper(Limits(max_calls=3, max_completion_tokens=25))
        first, second = (KeptBudget(PlayedActor(keeper), name) for name in ("first", "second"))
        one, two = await _reserve(first), await _reserve(second)
        waiting = asyncio.ensure_future(_reserve(second))
        await asyncio.sleep(0.01)
        assert not waiting.done()  # for what the others really take
        first.settle(one, (5, 2, 0), True, None)
        three = await waiting
        assert three.completion_tokens == 10
        second.settle(two, (5, 10, 0), True, None)
        second.settle(three, (5, 10, 0), True, None)
        with pytest.raises(CallsExhausted, match="3 of 3 calls are used"):
            await _reserve(first)
        assert (keeper.usage().calls, keeper.usage().completion_tokens) == (3, 22)

    asyncio.run(work())


def test_what_a_dead_worker_has_reserved_counts_as_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(spending, "monotonic", lambda: now)

    async def work() -> None:
        nonlocal now
        keeper = BudgetKeeper(Limits(max_completion_tokens=20))
        dead, alive = (KeptBudget(PlayedActor(keeper), name) for name in ("dead", "alive"))
        lost = await _reserve(dead, 15)
        waiting = asyncio.ensure_future(_reserve(alive))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        now = spending.SILENCE + 1
        keeper.beat("alive")
        assert (await waiting).completion_tokens == 5
        dead.settle(lost, (5, 1, 0), True, None)  # too late
        assert keeper.usage().completion_tokens == 15

    asyncio.run(work())


def test_what_is_not_needed_any_more_is_not_spent() -> None:
    async def work() -> None:
        keeper = BudgetKeeper(Limits(max_completion_tokens=10, max_calls=2))
        budget = KeptBudget(PlayedActor(keeper), "one")
        first = await _reserve(budget)
        waiting = asyncio.ensure_future(_reserve(budget))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        budget.settle(first, (5, 1, 0), True, None)
        await asyncio.sleep(0.01)
        assert keeper.usage().calls == 1
        await _reserve(budget, 9)

    asyncio.run(work())


def test_a_budget_that_is_lost_ends_the_rows() -> None:
    class Gone:
        async def reserve(self, *_: Any) -> None:
            raise ConnectionError("the actor died")

    async def work() -> None:
        with pytest.raises(ClusterUnusable, match="the budget of all workers was lost: the actor died"):
            await _reserve(KeptBudget(PlayedActor(Gone()), "one"))

    asyncio.run(work())


def test_an_account_reserves_in_the_shared_budget_too() -> None:
    async def work() -> None:
        keeper = BudgetKeeper(Limits(max_completion_tokens=6, max_calls=2))
        account = rlmlang.calls.budget.Account(Limits(max_calls=None))
        account.shared = KeptBudget(PlayedActor(keeper), "one")
        granted = await account.reserve(5, 10)
        assert (granted.completion_tokens, granted.short is not None) == (6, True)
        account.settle(granted, (5, 6, 0))
        assert (account.usage.completion_tokens, account._reserved_completion) == (6, 0)
        assert keeper.usage().completion_tokens == 6
        with pytest.raises(BudgetError, match="6 of 6 tokens are used"):
            await account.reserve(5, 10)
        assert (account.usage.calls, account._open, account._reserved_completion) == (1, 0, 0)

    asyncio.run(work())
