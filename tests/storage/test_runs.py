"""Recorded runs: resumed, replayed, and found by the keys of their calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rlmlang import BudgetError, Limits, ModelError, Store, Trace, UsageError, aresume, compile, replay, resume
from rlmlang.calls import caller, workers
from rlmlang.storage.runs import find_run, read_spec
from rlmlang.storage.store import RunRow
from tests.support.fakes import Fake, Held, obedient

TEXT = 'xs: list[str]\n[CALL("up", x) for x in xs]\n'
XS = ["a", "b", "c", "d"]


@pytest.fixture
def store(place: str | Path) -> Any:
    store = Store(place)
    yield store
    store.close()


def only(store: Store) -> RunRow:
    (row,) = store.runs()
    return row


def events(store: Store, run: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in store.events(run)]


def run_out(store: Store) -> RunRow:
    """Start a run that its budget ends after two calls."""
    limits = Limits(max_completion_tokens=4)
    with pytest.raises(BudgetError, match="E504"):
        compile(TEXT).run(xs=XS, model=Fake(obedient, concurrency=1), store=store, limits=limits)
    return only(store)


def test_a_run_that_its_budget_ended_is_resumed(store: Store) -> None:
    row = run_out(store)
    assert row.status == "failed"
    model = Fake(obedient)
    result = resume(row.id, store=store, model=model, limits={"max_calls": 10})
    assert result.value == ["A", "B", "C", "D"]
    assert model.labels == ["up c", "up d"]
    assert result.run_id == row.id
    row = only(store)
    assert (row.status, row.usage["calls"], row.spec["limits"]["max_calls"]) == ("done", 2, 10)


@pytest.mark.parametrize(
    "value", [["Ada"], ["Ada", None], (1, "a"), ({2, 1},), {2: (1.0, True)}, [], (), {}, {"a": {(1, "b")}}, None]
)
def test_types_that_were_found_from_the_inputs_are_recorded(value: object, store: Store) -> None:
    program = compile('def shown(x, y=(1, 2)):\n    return CALL("up", "a"), str(x), str(y)\n')
    first = program.run(x=value, store=store, model=Fake(obedient))
    assert first.value == ("A", str(value), "(1, 2)")
    for again in (resume("last", store=store, model=Fake(obedient)), replay("last", store=store)):
        assert (again.value, again.type, again.program.inputs) == (first.value, first.type, first.program.inputs)


def test_a_function_that_is_tried_out_below_it_is_resumed(store: Store) -> None:
    compile("def double(x: int) -> int:\n    return 2 * x\n\ndouble(1)\n").run(x=4, store=store)
    assert resume("last", store=store).value == replay("last", store=store).value == 8


def test_with_the_same_budget_it_ends_as_before(store: Store) -> None:
    row = run_out(store)
    result = resume(row.id, store=store, model=Fake(obedient))  # the limit is for what is missing
    assert result.value == ["A", "B", "C", "D"]


def test_the_log_of_a_resumed_run_continues(store: Store) -> None:
    row = run_out(store)
    resume(row.id, store=store, model=Fake(obedient), limits={"max_calls": 9})
    log = events(store, row.id)
    assert [event["seq"] for event in log] == list(range(len(log)))
    assert [(event["resumed"]) for event in log if event["kind"] == "run"] == [False, True]
    again = max(i for i, event in enumerate(log) if event["kind"] == "run")
    first = {event["id"] for event in log[:again] if event["kind"] == "call"}
    second = {event["id"]: event["status"] for event in log[again:] if event["kind"] == "call"}
    assert first.isdisjoint(second)
    assert sorted(second.values()) == ["done", "done", "stored", "stored"]
    assert [event["status"] for event in log if event["kind"] == "end"] == ["failed", "done"]


def test_a_run_is_replayed_without_a_model(store: Store) -> None:
    result = compile(TEXT).run(xs=XS, model=Fake(obedient), store=store)
    before = events(store, result.run_id)
    again = replay(store=store)
    assert (again.value, again.usage.calls) == (result.value, 0)
    assert events(store, result.run_id) == before
    assert only(store).status == "done"


def test_a_replay_fails_if_an_answer_is_missing(store: Store) -> None:
    row = run_out(store)
    with pytest.raises(ModelError, match=r"E410.*'up'"):
        replay(row.id, store=store)
    assert not store.db.query("select * from claims where until > 0")


def test_a_program_that_a_model_wrote_is_replayed(store: Store) -> None:
    def answer(request: Any) -> Any:
        return '"-".join([CALL("up", x) for x in arg1])' if request.program else obedient(request)

    text = 'CALL("join", ["a", "b"])'
    compile(text).run(model=Fake(answer), store=store, limits=Limits(max_depth=2))
    log = events(store, only(store).id)
    top = next(event for event in log if event["kind"] == "call" and event["form"] == "program")
    assert top["program"] == 'arg1: list[str]\n"-".join([CALL("up", x) for x in arg1])\n'
    below = [event for event in log if event["kind"] == "call" and event["parent"] == top["id"]]
    assert [(event["source"], event["level"], event["line"]) for event in below] == [("<answer>", 2, 2)] * 2
    assert [top["program"][slice(*event["span"])] for event in below] == ['CALL("up", x)'] * 2
    assert replay(store=store).value == "A-B"


def test_an_interrupted_run_is_recorded_and_resumed(store: Store) -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = asyncio.ensure_future(compile(TEXT).arun(xs=XS, model=model, store=store))
        await model.until_running("up a", "up b", "up c", "up d")
        assert only(store).status == "running"
        with pytest.raises(UsageError, match=r"E610.*still running"):
            await aresume(store=store, model=model)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(steps())
    row = only(store)
    assert row.status == "interrupted"
    assert events(store, row.id)[-1]["status"] == "interrupted"
    assert resume(row.id, store=store, model=Fake(obedient)).value == ["A", "B", "C", "D"]


def test_runs_are_found_by_prefixes_of_their_ids(store: Store) -> None:
    for id in ("aa", "ab", "b"):
        compile("1").run(store=store, trace=Trace(id))
    assert find_run(store, "b").id == find_run(store, "last").id == "b"
    for beginning in ("a", "c"):
        with pytest.raises(UsageError, match="E610"):
            find_run(store, beginning)


def test_runs_of_other_versions_are_refused(store: Store) -> None:
    compile("1").run(store=store)
    row = only(store)
    for spec in (row.spec | {"prompts": 99}, row.spec | {"language": 0}, {"command": "run"}):
        with pytest.raises(UsageError, match="E610"):
            read_spec(evolve(row, spec=spec))


# Golden histories ----------------------------------------------------------------

HISTORIES: dict[str, Callable[[Any], Any]] = {
    "leaves": lambda store: compile(
        'class P:\n    x: int\n    w: Literal["a", "b"]\ndoc: str\n'
        '[CALL("up", doc), CALL("up", doc, sample=1), CALL("up", text=doc)]'
        ' + [str(CALL[P]("make", doc).x), str(CALL[list[int]]("list", [doc], 1.5)), CALL[Literal["a"]]("one", P(1, "b"))]'
    ).run(doc="é\n", model=Fake(_golden), store=store),
    "programs": lambda store: compile('CALL("join", ["a", "b"], sep="-")').run(
        model=Fake(_golden), store=store, limits=Limits(max_depth=3)
    ),
}


def _golden(request: Any) -> Any:
    if request.program:
        return 'sep.join([CALL("up", x) for x in arg1])' if request.instruction == "join" else "arg1.upper()"
    known = {"make": {"x": 1, "w": "a"}, "list": [1], "one": "a"}
    return known.get(request.instruction, "text")


@pytest.mark.parametrize("name", HISTORIES)
def test_the_keys_of_calls_do_not_change(name: str, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """If this fails, every store is out of date: raise LANGUAGE_VERSION or PROMPT_VERSION, then --update-golden."""
    store = Store(tmp_path / "store.db")
    HISTORIES[name](store)
    row = only(store)
    lines = [f"language {row.spec['language']}, prompts {row.spec['prompts']}"]
    calls = sorted((event for event in events(store, row.id) if event["kind"] == "call"), key=lambda each: each["id"])
    lines += [f"{call['key']} {call['type']} {call['instruction']}" for call in calls]
    store.close()
    golden(f"histories/{name}.txt", "\n".join(lines) + "\n")


# Big runs ------------------------------------------------------------------------


def test_the_number_of_calls_in_flight_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(workers, "MAX_QUEUE", 20)
    trace, most = Trace(keep=False), 0

    def answer(request: Any) -> str:
        nonlocal most
        most = max(most, len(trace.active))
        return str(request.arguments[0][1])

    text = 'n: int\n[CALL("say", i * 10 + j) for i in range(n) for j in range(10) if j % 2 == 0]'
    result = compile(text).run(n=50, model=Fake(answer, concurrency=4), trace=trace)
    assert result.value == [str(i * 10 + j) for i in range(50) for j in range(0, 10, 2)]
    assert 20 <= most <= 26
    assert trace.calls == []
    assert trace.active == {}


def test_the_first_failure_among_queued_calls_counts(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(workers, "MAX_QUEUE", 4)
    asked: list[int] = []

    def answer(request: Any) -> Any:
        number: int = request.arguments[0][1]
        asked.append(number)
        return ModelError.of("E404", f"no {number}") if number in (13, 17) else "x"

    with pytest.raises(ModelError, match="no 13"):
        compile('[CALL("say", i) for i in range(1000)]').run(model=Fake(answer, concurrency=3))
    assert max(asked) < 60


def test_answers_that_the_store_has_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    monkeypatch.setattr(caller, "REMEMBERED", 3)
    text = 'first = [CALL("say", i) for i in range(9)]\nfirst + [CALL("say", len(first[0]) - 1 + i) for i in range(9)]'
    model = Fake(lambda request: "x")
    result = compile(text).run(model=model, store=tmp_path / "s")
    assert result.value == ["x"] * 18
    assert (result.usage.calls, result.usage.memo_hits) == (9, 9)
