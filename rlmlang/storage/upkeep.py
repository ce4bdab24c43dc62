"""Maintain a store: statistics, verification, removal of old content, and export as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from attrs import frozen

from rlmlang.errors import UsageError
from rlmlang.storage.batches import digest_of
from rlmlang.storage.store import RunRow, Store


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
            db.query(
                "delete from waits where not exists (select 1 from claims where claims.key = waits.key "
                "and claims.owner = waits.owner and claims.run = waits.run)"
            )
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


@frozen
class Forgotten:
    """What was dropped from a store because somebody asked for it."""

    answers: int
    runs: int = 0


def forget_run(store: Store, run: RunRow) -> Forgotten:
    """Drop a run, its trace and the answers that it made. Raises UsageError E610 for one that is still running."""
    if run.status == "running":
        raise UsageError.of("E610", f"the run {run.id} is still running", hint="stop it first")
    with store.reporting_errors(), store.db.transaction():
        answers = store.db.query("delete from answers where run = ? returning 1", (run.id,))
        store.db.query("delete from events where run = ?", (run.id,))
        store.db.query("delete from runs where id = ?", (run.id,))
        return Forgotten(len(answers), 1)


def forget_call(store: Store, run: RunRow, call: int) -> Forgotten:
    """Drop the answer of a call by its number in the trace of a run. Raises UsageError E610 if there is none."""
    for text in store.events(run.id):
        event = json.loads(text)
        if event.get("kind") == "call" and event.get("id") == call and event.get("key"):
            return forget_answer(store, event["key"])
    raise UsageError.of("E610", f"the run {run.id} has no call {call} with an answer in the store")


def forget_answer(store: Store, prefix: str) -> Forgotten:
    """Drop the one answer whose key begins with these hex digits. Raises UsageError E610 for none or several."""
    with store.reporting_errors(), store.db.transaction():
        keys = [key for (key,) in store.db.query("select key from answers") if bytes(key).hex().startswith(prefix)]
        if len(keys) != 1:
            what = f"{len(keys):,} answers have keys that begin" if keys else "no answer has a key that begins"
            raise UsageError.of("E610", f"{what} with {prefix!r} in {store.name}")
        store.db.query("delete from answers where key = ?", keys)
        return Forgotten(1)


def forget_model(store: Store, name: str) -> Forgotten:
    """Drop the answers of a model. Raises UsageError E610 if there are none."""
    with store.reporting_errors(), store.db.transaction():
        # Before the store kept the names of models, only runs had them.
        runs = [row.id for row in store.runs() if row.spec.get("model") == name]
        answers = len(store.db.query("delete from answers where model = ? returning 1", (name,)))
        for run in runs:
            answers += len(store.db.query("delete from answers where model = '' and run = ? returning 1", (run,)))
        if not answers:
            known = [str(model) for (model,) in store.db.query("select distinct model from answers order by model")]
            listed = ", ".join(filter(None, known)) or "none"
            raise UsageError.of(
                "E610", f"no answer of {name!r} is in {store.name}", hint=f"there are those of {listed}"
            )
        return Forgotten(answers)


def export(store: Store) -> Iterator[str]:
    """Yield all answers and runs as JSON objects; `kind` says which each is."""
    with store.reporting_errors():
        last = b""
        while rows := store.db.query(
            "select key, value, digest, prompt_tokens, completion_tokens, run, model from answers "
            "where key > ? order by key limit 1000",
            (last,),
        ):
            last = bytes(rows[-1][0])
            for key, value, digest, prompt_tokens, completion_tokens, run, model in rows:
                if isinstance(value, bytes) and digest_of(value) == digest:
                    yield json.dumps(
                        {
                            "kind": "answer",
                            "key": bytes(key).hex(),
                            "value": json.loads(value.decode("utf-8", "surrogatepass")),
                            "prompt_tokens": prompt_tokens,
                            "completion_tokens": completion_tokens,
                            "run": run,
                            "model": model,
                        }
                    )
        for row in store.runs():
            yield json.dumps(
                {"kind": "run", "run": row.id, "status": row.status, "begun": row.begun, "ended": row.ended}
                | {"spec": row.spec, "usage": row.usage}
            )
