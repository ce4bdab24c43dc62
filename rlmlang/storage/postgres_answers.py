"""Answers and claims in PostgreSQL: many keys in one statement, and each piece of work in few round trips.

No writer waits for another that writes other keys. Claims are a transaction of their own, and lock rows in the order of
their keys, so that two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

from attrs import frozen

from rlmlang.storage.answers import broken_deadlocks, renewed
from rlmlang.storage.batches import LEASE, AnswerCheck, Awaited, Found, WriteBatch, WriteResult, digest_of
from rlmlang.storage.database import DatabaseWork, Row, SqlStatement
from rlmlang.storage.owner import is_dead

T = TypeVar("T")

NOW = "extract(epoch from clock_timestamp())::double precision"


class Connection(Protocol):
    """What carries out work: see `Database.do`."""

    def do(self, work: DatabaseWork[T]) -> T: ...


@frozen
class PostgresWork:
    """The work that is done with answers and claims, for one owner of claims."""

    owner: str
    check: AnswerCheck

    def look(self, keys: Collection[bytes]) -> DatabaseWork[dict[bytes, str]]:
        """Return the stored values of keys, as canonical JSON."""
        (rows,) = yield [_look(keys)]
        return self._values(rows)

    def _values(self, rows: list[Row]) -> dict[bytes, str]:
        values = {key: self.check.value(key, *rest) for key, *rest in rows}
        return {key: value for key, value in values.items() if value is not None}

    def writing(self, batch: WriteBatch) -> Callable[[], DatabaseWork[WriteResult]]:
        """Return what makes the work of writing a batch, once for each attempt.

        If the connection was lost, it is not known whether the first attempt was written: then its events may be there.
        """
        is_again = False

        def attempt() -> DatabaseWork[WriteResult]:
            nonlocal is_again
            work = self._write(batch, is_again)
            is_again = True
            return work

        return attempt

    def _write(self, batch: WriteBatch, is_again: bool) -> DatabaseWork[WriteResult]:
        ended: set[bytes] = set()
        claimed: dict[bytes, int] = {}
        found: dict[bytes, str] = {}
        if batch.answers or batch.events or batch.released:
            saved, *_ = yield [self._save(batch, is_again), *self._touch()]
            ended = {key for (key,) in saved}
        if batch.claims:  # in a transaction of its own: while it waits for others, it holds nothing that they wait for
            claims = sorted(batch.claims)
            rows, answered = yield [(_CLAIM, (self.owner, batch.run, claims)), _look(claims)]
            claimed, found = {key: int(fence) for key, fence in rows}, self._values(answered)
        for key in ended:
            self.check.damaged.discard(key)
        late = sorted(claimed.keys() & found.keys())  # answered after the look, and before the claim
        lost = [key for key in batch.answers if key not in ended]
        refused: dict[bytes, str | None] = {}
        if late or lost:
            _, rows = yield [(_DROP, (late, self.owner, batch.run)), _look(lost)]
            values = self._values(rows)
            refused = {key: values.get(key) for key in lost}
        return WriteResult({key: each for key, each in claimed.items() if key not in found}, found, refused)

    def _touch(self) -> list[SqlStatement]:
        touched = self.check.take_touched()
        return [(_TOUCH, (touched,))] if touched else []

    def _save(self, batch: WriteBatch, is_again: bool) -> SqlStatement:
        answers = [batch.answers[key] for key in batch.answers]
        return (
            _SAVE.format(conflict="on conflict (run, seq) do nothing" if is_again else ""),
            (
                [*batch.answers],
                [each.data for each in answers],
                [digest_of(each.data) for each in answers],
                [each.prompt_tokens for each in answers],
                [each.completion_tokens for each in answers],
                [each.model for each in answers],
                [each.fence for each in answers],
                self.owner,
                batch.run,
                [seq for seq, _ in batch.events],
                [data for _, data in batch.events],
                [*batch.released],
                [*batch.released.values()],
            ),
        )

    def find(self, awaited: Awaited) -> DatabaseWork[Found]:
        """Look for keys that others have claimed: see `Answers.find`."""
        keys = sorted(awaited.keys)
        rows, claims = yield [
            _look(keys),
            (f"select key, owner, until < {NOW} from claims where key = any(%b::bytea[])", (keys,)),
        ]
        found = self._values(rows)
        held = {key for key, _, is_over in claims if not is_over}
        if dead := {owner for _, owner, is_over in claims if not is_over and is_dead(owner)}:
            (rows,) = yield [(_FREE, (keys, sorted(dead)))]
            held -= {key for (key,) in rows}
        free = set(keys) - held
        if awaited.edges is not None:
            free |= yield from broken_deadlocks(NOW, self.owner, awaited)
        return found, free - found.keys()

    def renew(self, run: str) -> DatabaseWork[None]:
        """Renew the claims of a run for another `LEASE` seconds."""
        return renewed(NOW, self.owner, run)


@frozen
class PostgresAnswers:
    """Answers and claims in PostgreSQL, asked where nothing else is to go on meanwhile."""

    db: Connection
    work: PostgresWork

    def get(self, key: bytes) -> str | None:
        return self.db.do(self.work.look([key])).get(key)

    def write(self, batch: WriteBatch) -> WriteResult:
        return self.db.do(self.work.writing(batch)())

    def find(self, awaited: Awaited) -> Found:
        return self.db.do(self.work.find(awaited))

    def renew(self, run: str) -> None:
        self.db.do(self.work.renew(run))


def postgres_sql(sql: str) -> Any:
    """Return a statement of the store in PostgreSQL's syntax."""
    return sql.replace("?", "%s").replace(" blob ", " bytea ")


def _look(keys: Collection[bytes]) -> SqlStatement:
    return "select key, value, digest, used from answers where key = any(%b::bytea[])", (sorted(keys),)


_SAVE = f"""
with given as (
    select * from unnest(
        %b::bytea[], %b::bytea[], %b::bytea[], %s::bigint[], %s::bigint[], %b::text[], %s::bigint[]
    ) as given(key, value, digest, prompt_tokens, completion_tokens, model, fence)
), mine as (
    select %s::text as owner, %s::text as run
), ended as (
    delete from claims using given, mine
    where claims.key = given.key and claims.fence = given.fence and claims.owner = mine.owner and claims.run = mine.run
    returning claims.key
), kept as (
    insert into answers (key, value, digest, prompt_tokens, completion_tokens, run, model, used)
    select key, value, digest, prompt_tokens, completion_tokens, mine.run, model, {NOW}
    from given join ended using (key), mine order by key
    on conflict (key) do update
    set value = excluded.value, digest = excluded.digest, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens, run = excluded.run, model = excluded.model, used = excluded.used
), logged as (
    insert into events (run, seq, data)
    select mine.run, seq, data from unnest(%s::bigint[], %b::text[]) as logged(seq, data), mine {{conflict}}
), released as (
    update claims set until = 0 from unnest(%b::bytea[], %s::bigint[]) as released(key, fence), mine
    where claims.key = released.key and claims.fence = released.fence
        and claims.owner = mine.owner and claims.run = mine.run
)
select key from ended"""
"""Stores answers whose claims this run still has, with events, and gives up other claims. Gives the keys stored."""

_CLAIM = f"""
with mine as (select %s::text as owner, %s::text as run)
insert into claims (key, owner, run, fence, until)
select wanted.key, mine.owner, mine.run, 1, {NOW} + {LEASE} from unnest(%b::bytea[]) as wanted(key), mine
where not exists (
    select from answers where answers.key = wanted.key and answers.digest = substring(sha256(answers.value) for 16)
)
order by wanted.key
on conflict (key) do update
set owner = excluded.owner, run = excluded.run, fence = claims.fence + 1, until = excluded.until
where claims.until < {NOW} or (claims.owner = excluded.owner and claims.run = excluded.run)
returning key, fence"""
"""Claims keys that have no answer. A claim that this run has is its own once more: it may not know of it, if the
connection was lost."""

_DROP = "delete from claims where key = any(%b::bytea[]) and owner = %s and run = %s"

_FREE = "update claims set until = 0 where key = any(%b::bytea[]) and owner = any(%b::text[]) returning key"

_TOUCH = f"""
update answers set used = {NOW} from (
    select key from answers where key = any(%b::bytea[]) order by key for update skip locked
) as touched where answers.key = touched.key"""
