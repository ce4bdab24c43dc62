"""Work on the records of runs: that one begins, where its events go on, and how it ended."""

from __future__ import annotations

import json
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
