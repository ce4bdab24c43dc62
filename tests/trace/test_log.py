"""Logs are read as histories, and anything else in a file is refused with a coded error."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.errors import UsageError
from rlmlang.trace import log
from rlmlang.trace.history import LoggedCall, history_of
from rlmlang.trace.log import read_log
from tests.support import traces
from tests.support.traces import call_event, end_event, generation_event, run_event, text_event


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        history_of(read_log(str(path)))
    assert caught.value.first.code == "E609"
    return caught.value.first.message


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "run.jsonl"
    path.write_bytes(data)
    return path


RUN = json.dumps(run_event()).encode() + b"\n"


# Files -----------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = list(traces.numbered(traces.events(50)))
    assert list(read_log(str(traces.write(tmp_path / "run.jsonl", events)))) == events


@pytest.mark.parametrize("tail", [b"{", b'{"kind": "call", "id": 3', b"\x00\x00\x00", b'{"kind": "call"}\xc3', b'"'])
def test_an_incomplete_last_line_is_left_out(tail: bytes, tmp_path: Path) -> None:
    assert [event["kind"] for event in read_log(str(written(tmp_path, RUN + tail)))] == ["run"]


def test_every_prefix_of_a_log_is_a_run(tmp_path: Path) -> None:
    whole = traces.write(tmp_path / "whole.jsonl", traces.events(12)).read_bytes()
    for size in range(whole.index(b"\n") + 1, len(whole), 97):
        history = history_of(read_log(str(written(tmp_path, whole[:size]))))
        assert history.status == "unfinished"
        assert {call.status for call in history.calls} <= {"done", "stored", "failed", "unfinished"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{\n", "line 2"),
        (b"[]\n", "not an object"),
        (b'{"kind": 1}\n', "not an object with a `kind`"),
        (b'{"kind": "call", "cost": 1e999}\n', "not a finite number"),
        (b'{"kind": "call", "cost": NaN}\n', "not a finite number"),
        (b'{"kind": "call", "id": ' + b"9" * 10_000 + b"}\n", "line 2"),
        (b'{"kind": "x", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "nested too deeply"),
        (b'{"kind": "x", "a": ' + b"[" * 20 + b"]" * 20 + b"}\n", "nested too deeply"),
        (b'{"kind": "x\xff"}\n', "line 2"),
        (b"\n", "line 2"),
    ],
)
def test_a_line_that_is_not_an_event(line: bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(written(tmp_path, RUN + line))


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_LINE", 1_000)
    assert "longer than 1,000 bytes" in refused(written(tmp_path, RUN + b"x" * 2_000))


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError) as caught:
            list(read_log(str(path)))
        assert caught.value.first.code == "E604"


# Events ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "empty"),
        ([call_event(0)], "does not begin with a run"),
        ([run_event(version=2)], "version 2"),
        ([run_event(program="text")], "`program`"),
        ([run_event(inputs={"x": 1})], "line 1 of the trace: `inputs[x]` must be an object, not a number"),
        ([run_event(started=1e300)], "`started`"),
        ([run_event(), call_event(1, parent=1)], "before its parent"),
        ([run_event(), call_event(1, parent=2)], "before its parent"),
        ([run_event(), call_event(-1)], "`id`"),
        ([run_event(), call_event(2**60)], "`id`"),
        ([run_event(), call_event(0, status="<b>")], "cannot be"),
        ([run_event(), call_event(0, started="0")], "`started`"),
        ([run_event(), call_event(0, finished=-1.0)], "`finished`"),
        ([run_event(), call_event(0, prompt_tokens=1.5)], "`prompt_tokens`"),
        ([run_event(), call_event(0, prompt_tokens=True)], "`prompt_tokens`"),
        ([run_event(), call_event(0, arguments=["x"])], "`arguments[0]`"),
        ([run_event(), call_event(0, instruction=["x"])], "`instruction`"),
        ([run_event(), generation_event(0, prompt=[{}, 1])], "line 2 of the trace: `prompt[1]`"),
        ([run_event(), generation_event(0, error="E400")], "`error`"),
        ([run_event(), generation_event(0, prompt=[{"role": 1}])], "`prompt[0].role` must be a string, not a number"),
        ([run_event(), generation_event(0, prompt={})], "`prompt` must be a list, not an object"),
        ([run_event(), call_event(0, line=None)], "`line` must be an integer, not null"),
        ([run_event(), call_event(0, span=[1])], "`span` must have 2 items"),
        ([run_event(), {"kind": "call"}], "line 2 of the trace: `id` is missing"),
    ],
)
def test_an_event_that_is_wrong(events: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        history_of(events)
    assert caught.value.first.code == "E609"
    assert message in caught.value.first.message


def test_unknown_kinds_and_fields_are_ignored() -> None:
    history = history_of([run_event(color="red"), {"kind": "weather"}, call_event(0, mood={"deep": [1]})])
    assert len(history.calls) == 1


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner)
)
_EVENTS = st.builds(
    lambda event, name, value: event | ({name: value} if name in event else {}),
    st.sampled_from(
        [run_event(), text_event(), generation_event(0), call_event(0), call_event(1, parent=0), end_event(1.0)]
    ),
    st.sampled_from(sorted({*run_event(), *generation_event(0), *call_event(0), *end_event(0.0)})),
    _VALUES,
)


def test_a_list_of_errors_stops_at_the_first() -> None:
    """A line may hold millions: an exception for each would take far more memory than the line."""
    for events in (
        generation_event(0, prompt=[1] * 100_000),
        run_event(inputs=dict.fromkeys(map(str, range(100_000)), 1)),
    ):
        tracemalloc.start()
        try:
            with pytest.raises(UsageError):
                history_of([run_event(), events])
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


@given(st.lists(_EVENTS, max_size=6))
def test_any_events_are_a_run_or_refused(events: list[dict[str, Any]]) -> None:
    try:
        history = history_of([run_event(), *events])
    except UsageError as error:
        assert error.first.code == "E609"
    else:
        assert len(history.lanes()) == len(history.calls)
        history.critical_path()
        history.lines()


# Runs ------------------------------------------------------------------------------


def test_calls_form_a_tree() -> None:
    history = history_of(traces.events(40))
    assert [call.id for call in history.calls] == list(range(40))
    assert [call.id for call in history.roots] == list(range(37))
    answered = history.roots[-1]
    assert [child.id for child in answered.children] == [37, 38, 39]
    assert len(answered.generations) == 2
    assert answered.generations[0].error is not None
    assert (answered.own.generations, answered.total.generations) == (2, 5)
    assert answered.generations[0].prompt[0].content == traces.SYSTEM
    assert history.status == "done"
    assert history.spent.generations == sum(len(call.generations) for call in history.calls)
    assert history.spent.prompt_tokens == sum(call.own.prompt_tokens for call in history.calls)


def test_hits_are_counted_on_their_lines() -> None:
    hit = {"kind": "hit", "of": 0, "parent": None, "line": 9, "source": "notes.rlm", "time": 0.5}
    history = history_of([run_event(), hit, call_event(0), hit, hit | {"line": 10}])
    assert history.calls[0].hits == {("notes.rlm", 9): 2, ("notes.rlm", 10): 1}
    assert history.counts()["hits"] == 3
    assert [(line.number, line.calls, line.hits) for line in history.lines()] == [(7, 1, 0), (9, 0, 2), (10, 0, 1)]


def test_a_resumed_run_shows_what_answered_its_stored_calls() -> None:
    first = [
        run_event(),
        text_event(),
        generation_event(0, output="kept"),
        call_event(0, key="aa"),
        generation_event(1),
    ]
    again = [
        run_event(resumed=True),
        call_event(2, key="aa", status="stored", prompt_tokens=0, completion_tokens=0, cost=None),
        generation_event(3),
        call_event(3),
        end_event(2.0),
    ]
    history = history_of([*first, *again])
    assert [call.id for call in history.calls] == [2, 3]
    stored = history.calls[0]
    assert stored.origin is not None
    assert stored.origin.id == 0
    assert [each.output for each in stored.shown_generations] == ["kept"]
    assert (history.resumptions, history.before.generations, history.spent.generations) == (1, 2, 1)


def test_a_call_without_an_end_is_unfinished() -> None:
    events = [
        run_event(),
        generation_event(0, started=1.0, finished=2.0),
        call_event(3, parent=1, started=4.0, finished=6.0),
    ]
    history = history_of(events)
    assert [(call.id, call.status, call.form) for call in history.calls] == [
        (0, "unfinished", "leaf"),
        (1, "unfinished", "program"),
        (3, "done", "leaf"),
    ]
    assert (history.calls[0].own.generations, history.calls[0].started, history.calls[0].finished) == (1, 1.0, 2.0)
    assert history.calls[1].finished == 6.0
    assert history.seconds == 6.0


def test_the_last_of_two_ends_of_a_call_counts() -> None:
    events = [run_event(), generation_event(0), call_event(0), call_event(0, status="cancelled", answer=None)]
    (call,) = history_of(events).calls
    assert (call.status, call.answer, len(call.generations), call.own.generations) == ("cancelled", None, 1, 1)
    events[-1] = call_event(0, status="stored")  # another process was faster
    (call,) = history_of(events).calls
    assert (call.status, len(call.shown_generations), call.origin) == ("stored", 1, None)


def test_a_missing_text_is_named() -> None:
    history = history_of([run_event(), generation_event(0), call_event(0)])
    assert "does not hold the text" in history.calls[0].generations[0].prompt[0].content


def ids(calls: list[LoggedCall]) -> list[int]:
    return [call.id for call in calls]


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    def call(id: int, asked: float, started: float, finished: float, **more: Any) -> dict[str, Any]:
        return call_event(id, asked=asked, started=started, finished=finished, **more)

    events = [
        run_event(),
        call(0, 0, 0, 3),
        call(1, 0, 0, 5),  # what 2 waited for
        call(2, 5, 6, 9, form="program"),
        call(3, 6, 6, 7, parent=2),
        call(4, 6, 6, 8, parent=2),
        call(5, 5, 5, 8),
        call(6, 0, 8, 8, status="stored"),
    ]
    assert ids(history_of(events).critical_path()) == [1, 2, 4]
    assert history_of([run_event()]).critical_path() == []
    at_once = [run_event(), *(call(id, 1, 1, 1) for id in range(5))]
    assert ids(history_of(at_once).critical_path()) == [0, 1, 2, 3, 4]


_TIMES = st.lists(st.tuples(*[st.integers(0, 20)] * 3), max_size=12)


@given(_TIMES)
def test_lanes_do_not_overlap_and_paths_go_forward(times: list[tuple[int, int, int]]) -> None:
    events = [run_event()]
    for id, each in enumerate(times):
        asked, started, finished = sorted(each)
        events.append(call_event(id, asked=float(asked), started=float(started), finished=float(finished)))
    history = history_of(events)
    lanes = history.lanes()
    for a, one in zip(lanes, history.calls, strict=True):
        for b, other in zip(lanes, history.calls, strict=True):
            if one is not other and a == b:
                assert one.finished <= other.started or other.finished <= one.started
    busiest = max((sum(each.started <= t < each.finished for each in history.calls) for t in range(21)), default=0)
    momentary = Counter(call.started for call in history.calls if call.started == call.finished)
    assert len(set(lanes)) <= busiest + max(momentary.values(), default=0)
    path = history.critical_path()
    assert all(before.finished <= after.asked for before, after in pairwise(path))
    if history.calls:
        assert path[-1].finished == max(call.finished for call in history.calls)


@pytest.mark.heavy
def test_deeply_nested_calls() -> None:
    depth = 20_000
    events = [run_event(), call_event(0)]
    events += [call_event(id, parent=id - 1, source="<answer>") for id in range(1, depth)]
    history = history_of(events)
    assert len(history.critical_path()) == depth
    assert history.roots[0].total.prompt_tokens == 10 * depth
