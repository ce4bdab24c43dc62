"""What is kept in a store, used by commands, sessions and maps, in SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rlmlang import ModelError, Session, Store, compile, replay, resume
from rlmlang.storage import upkeep
from rlmlang.storage.runs import find_run
from rlmlang.storage.sessions import sessions
from tests.support.fakes import Fake, obedient

ROWS = [{"text": f"row {i % 150}"} for i in range(200)]


class Briefly(Fake):
    """Does what it is told, after a moment."""

    async def wait(self, request: Any) -> None:
        await asyncio.sleep(0.005)


async def mapped(place: str | Path, model: Fake) -> list[Any]:
    program = compile('text: str\nCALL("up", text)')
    with Store(place) as store:
        return [result.value async for result in program.map(ROWS, model=model, store=store)]


def test_two_maps_on_one_database_make_each_call_once(place: str | Path) -> None:
    async def steps() -> tuple[Counter[str], list[Any], list[Any]]:
        one, two = Briefly(obedient), Briefly(obedient)
        found = await asyncio.gather(mapped(place, one), mapped(place, two))
        return Counter([*one.labels, *two.labels]), *found

    asked, first, second = asyncio.run(steps())
    assert first == second == [each["text"].upper() for each in ROWS]
    assert asked == dict.fromkeys((f"up row {i}" for i in range(150)), 1)


def test_a_session_goes_on_in_another_process(place: str | Path) -> None:
    def answer(request: Any) -> str:
        return "return doc.upper()" if request.program else "short"

    first = Session("s", store=str(place))
    first.bind(doc="ada")
    assert first.ask("Shout it", model=Fake(answer)).value == "ADA"
    again = Session("s", store=str(place))
    assert list(again.values.items()) == [("doc", "ada"), ("answer_1", "ADA")]

    async def both() -> None:
        await asyncio.gather(*(again.aask(f"Shout it {i}", model=Fake(answer)) for i in range(4)))

    asyncio.run(both())
    assert list(again.values) == ["doc", *(f"answer_{i}" for i in range(1, 6))]
    with Store(place) as store:
        assert [(row.name, row.values) for row in sessions(store)] == [("s", 6)]
    assert again.forget() == 6
    assert again.values == {}


def test_runs_are_counted_exported_and_forgotten(place: str | Path) -> None:
    program = compile('xs: list[str]\n[CALL("up", x) for x in xs]')
    with Store(place) as store:
        for xs in (["a", "b"], ["b", "c", "d"]):
            program.run(xs=xs, model=Fake(obedient), store=store)
        counted = upkeep.stats(store)
        assert (counted.answers, counted.runs, counted.claims) == (4, 2, 0)
        assert counted.answer_bytes == 4 * len('"A"')
        assert upkeep.verify(store) == []
        lines = [json.loads(line) for line in upkeep.export(store)]
        assert sorted(each["value"] for each in lines if each["kind"] == "answer") == ["A", "B", "C", "D"]
        last = find_run(store, "last")
        call = next(
            e["id"] for e in map(json.loads, store.events(last.id)) if e["kind"] == "call" and e["answer"] == '"C"'
        )
        assert upkeep.forget_call(store, last, call) == upkeep.Forgotten(1)
        with pytest.raises(ModelError, match="E410"):
            replay(store=store)
        again = Fake(obedient)
        assert resume(store=store, model=again).value == ["B", "C", "D"]
        assert again.labels == ["up c"]
        assert upkeep.forget_run(store, find_run(store, last.id)) == upkeep.Forgotten(2, 1)
        assert upkeep.forget_model(store, "fake") == upkeep.Forgotten(2)
        store.db.query("insert into waits values (?, ?, 'killed', 'r')", (b"k", b"o"))
        assert upkeep.collect(store, older_than=0).runs == 1
        assert store.db.query("select * from waits") == []
        assert (upkeep.stats(store).answers, upkeep.stats(store).events) == (0, 0)
