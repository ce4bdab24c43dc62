"""Work on the records of runs: that one begins, where its events go on, and how it ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rlmlang.storage.database import DatabaseWork

PAGE = 1_000
"""How many events are read at once."""


def begun(now: str, owner: str, id: str, spec: Mapping[str, Any]) -> DatabaseWork[int]:
    """Record that a run begins or is resumed. Returns the number of its next event."""
    _, ((last,),) = yield [
        (
            "insert into runs (id, begun, status, owner, spec, usage) "
            f"values (?, {now}, 'running', ?, ?, '{{}}') on conflict (id) do update "
            "set status = excluded.status, owner = excluded.owner, spec = excluded.spec, ended = null",
            (id, owner, json.dumps(spec)),
        ),
        ("select max(seq) from events where run = ?", (id,)),
    ]
    return 0 if last is None else int(last) + 1


def ended(now: str, id: str, status: str, usage: Mapping[str, Any]) -> DatabaseWork[None]:
    """Record how a run ended."""
    yield [
        (
            f"update runs set status = ?, usage = ?, ended = {now} where id = ?",
            (status, json.dumps(usage), id),
        )
    ]


def events_after(run: str, seq: int) -> DatabaseWork[list[tuple[int, str]]]:
    """Return the next events of a run, in order, as JSON texts with their numbers."""
    (rows,) = yield [
        (f"select seq, data from events where run = ? and seq > ? order by seq limit {PAGE}", (run, seq)),
    ]
    return [(int(number), str(data)) for number, data in rows]


def next_call(run: str) -> DatabaseWork[int]:
    """Return the number for the next call of a run, greater than those before it was resumed."""
    seq = last = -1
    while rows := (yield from events_after(run, seq)):
        seq = rows[-1][0]
        for _, text in rows:
            event = json.loads(text)
            last = max(last, *(event[name] for name in ("id", "call", "of") if event.get(name) is not None), -1)
    return last + 1


def usage_since(begun: float) -> DatabaseWork[list[tuple[str, dict[str, Any]]]]:
    """Return the ids of the runs that began since then with what they have used.

    For a run whose process was killed, that is what its events say.
    """
    (rows,) = yield [("select id, usage from runs where begun >= ?", (begun,))]
    found = [(str(id), json.loads(usage)) for id, usage in rows]
    for i, (id, usage) in enumerate(found):
        if not usage:
            found[i] = id, (yield from _usage_of_events(id))
    return found


def _usage_of_events(run: str) -> DatabaseWork[dict[str, Any]]:
    """Return what the generations of a run have used, by its events."""
    seq, spent = -1, Counter[str]()
    while rows := (yield from events_after(run, seq)):
        seq = rows[-1][0]
        for event in map(json.loads, (text for _, text in rows)):
            if event["kind"] == "generation":
                names = ("prompt_tokens", "completion_tokens", "cost")
                spent.update(calls=1, **{name: event.get(name) or 0 for name in names})
    return dict(spent)
