"""Maintain a store: statistics, verification, removal of old content, and export as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from attrs import frozen

from rlmlang.storage.store import Store, digest_of


@frozen
class Stats:
    """The contents of a store in numbers. Sizes are in bytes."""

    place: str
    answers: int
    answer_bytes: int
    runs: int
    events: int
    event_bytes: int
    claims: int
    disk_bytes: int
    version: int


def stats(store: Store) -> Stats:
    """Count what a store holds. Raises UsageError E606, as all functions here do."""
    with store.reporting_errors():
        db = store.db
        ((answers, answer_bytes),) = db.query("select count(*), coalesce(sum(length(value)), 0) from answers")
        ((runs,),) = db.query("select count(*) from runs")
        ((events, event_bytes),) = db.query("select count(*), coalesce(sum(length(data)), 0) from events")
        ((claims,),) = db.query(f"select count(*) from claims where until > {db.now}")
        return Stats(store.name, answers, answer_bytes, runs, events, event_bytes, claims, db.size(), db.version())


def verify(store: Store) -> list[str]:
    """Return what is damaged: answers that do not match their digest, and what the database's own check finds."""
    with store.reporting_errors():
        found = [problem] if (problem := store.db.damage()) else []
        last = b""
        while rows := store.db.query(
            "select key, value, digest from answers where key > ? order by key limit 1000", (last,)
        ):
            last = bytes(rows[-1][0])
            for key, value, digest in rows:
                if not isinstance(value, bytes) or digest_of(value) != digest:
                    found.append(f"the answer of key {bytes(key).hex()}")
    return found


@frozen
class Collected:
    """What was removed from a store."""

    runs: int
    answers: int
    freed_bytes: int


def collect(store: Store, older_than: float | None = None, max_bytes: int | None = None) -> Collected:
    """Remove runs that began, and answers that were last used, more than `older_than` seconds ago.

    Then, while the store is larger than `max_bytes`, remove the oldest runs and the answers used longest ago. Runs that
    are still running stay.
    """
    with store.reporting_errors():
        db = store.db
        before = db.size()
        runs = answers = 0
        with db.transaction():
            if older_than is not None:
                limit = time.time() - older_than
                runs += _drop_runs(store, "begun < ?", limit)
                answers += len(db.query("delete from answers where used < ? returning 1", (limit,)))
            db.query(f"delete from claims where until < {db.now}")
        if max_bytes is not None:
            excess = _content(store) - max_bytes
            with db.transaction():
                for run, size in db.query(
                    "select runs.id, coalesce(sum(length(events.data)), 0) from runs left join events "
                    "on events.run = runs.id where runs.status <> 'running' group by runs.id order by min(runs.begun)"
                ):
                    if excess > 0:
                        excess -= int(size)
                        runs += _drop_runs(store, "id = ?", run)
                for key, size in db.query("select key, length(value) from answers order by used"):
                    if excess <= 0:
                        break
                    excess -= int(size) + _ROW
                    answers += len(db.query("delete from answers where key = ? returning 1", (key,)))
        db.compact()
        return Collected(runs, answers, max(0, before - db.size()))


_ROW = 150
"""The approximate size of an answer without its value, in bytes."""


def _content(store: Store) -> int:
    """Return the size of the contents, in bytes."""
    found = stats(store)
    return found.answer_bytes + found.answers * _ROW + found.event_bytes


def _drop_runs(store: Store, where: str, value: object) -> int:
    """Delete runs and their events, except those that are still running. Returns how many."""
    rows = store.db.query(f"delete from runs where {where} and status <> 'running' returning id", (value,))
    for (run,) in rows:
        store.db.query("delete from events where run = ?", (run,))
    return len(rows)


def export(store: Store) -> Iterator[str]:
    """Yield all answers and runs as JSON objects; `kind` says which each is."""
    with store.reporting_errors():
        last = b""
        while rows := store.db.query(
            "select key, value, digest, prompt_tokens, completion_tokens, run from answers "
            "where key > ? order by key limit 1000",
            (last,),
        ):
            last = bytes(rows[-1][0])
            for key, value, digest, prompt_tokens, completion_tokens, run in rows:
                if isinstance(value, bytes) and digest_of(value) == digest:
                    yield json.dumps(
                        {
                            "kind": "answer",
                            "key": bytes(key).hex(),
                            "value": json.loads(value.decode("utf-8", "surrogatepass")),
                            "prompt_tokens": prompt_tokens,
                            "completion_tokens": completion_tokens,
                            "run": run,
                        }
                    )
        for row in store.runs():
            yield json.dumps(
                {"kind": "run", "run": row.id, "status": row.status, "begun": row.begun, "ended": row.ended}
                | {"spec": row.spec, "usage": row.usage}
            )
