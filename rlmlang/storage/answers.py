"""Answers and claims in SQLite, and the work with them that is the same in every database."""

from __future__ import annotations

from attrs import frozen

from rlmlang.storage.batches import LEASE, AnswerCheck, Awaited, Found, StoredAnswer, WriteBatch, WriteResult, digest_of
from rlmlang.storage.database import Database, DatabaseWork
from rlmlang.storage.deadlocks import keys_to_free
from rlmlang.storage.owner import is_dead


@frozen
class LocalAnswers:
    """Answers and claims in SQLite, whose writers take turns: key by key, in one transaction."""

    db: Database
    owner: str
    check: AnswerCheck

    def get(self, key: bytes) -> str | None:
        rows = self.db.query("select value, digest, used from answers where key = ?", (key,))
        return self.check.value(key, *rows[0]) if rows else None

    def write(self, batch: WriteBatch) -> WriteResult:
        claimed: dict[bytes, int] = {}
        found: dict[bytes, str] = {}
        refused: dict[bytes, str | None] = {}
        with self.db.transaction():
            for key, answer in batch.answers.items():
                if not self._save(key, answer, batch.run):
                    refused[key] = self.get(key)
            for key, fence in batch.released.items():
                self.db.query(
                    "update claims set until = 0 where key = ? and owner = ? and fence = ?", (key, self.owner, fence)
                )
            for key in batch.claims:
                number = self._claim(key, batch.run)
                if number is None:
                    continue
                value = self.get(key)  # it may have been answered before it was claimed
                if value is None:
                    claimed[key] = number
                else:
                    found[key] = value
                    self.db.query("delete from claims where key = ?", (key,))
            if batch.events:
                self.db.many(
                    "insert into events (run, seq, data) values (?, ?, ?)",
                    [(batch.run, seq, data) for seq, data in batch.events],
                )
            if touched := self.check.take_touched():
                self.db.many(f"update answers set used = {self.db.now} where key = ?", [(key,) for key in touched])
        return WriteResult(claimed, found, refused)

    def _save(self, key: bytes, answer: StoredAnswer, run: str) -> bool:
        """Store an answer. Returns False if its claim was taken over."""
        claims = self.db.query(
            "delete from claims where key = ? and owner = ? and fence = ? returning 1",
            (key, self.owner, answer.fence),
        )
        if not claims:
            return False
        self.db.query("delete from answers where key = ?", (key,))  # a damaged one
        self.db.query(
            "insert into answers (key, value, digest, prompt_tokens, completion_tokens, run, model, used) "
            f"values (?, ?, ?, ?, ?, ?, ?, {self.db.now})",
            (
                key, answer.data, digest_of(answer.data), answer.prompt_tokens, answer.completion_tokens, run,
                answer.model,
            ),
        )  # fmt: skip
        self.check.damaged.discard(key)
        return True

    def _claim(self, key: bytes, run: str) -> int | None:
        """Claim a key. Returns the fence of the claim, or None if another owner has one."""
        rows = self.db.query(f"select owner, fence, until < {self.db.now} from claims where key = ?", (key,))
        until = f"{self.db.now} + {LEASE}"
        if not rows:
            self.db.query(
                f"insert into claims (key, owner, run, fence, until) values (?, ?, ?, 1, {until})",
                (key, self.owner, run),
            )
            return 1
        owner, fence, expired = rows[0]
        if not expired and not is_dead(owner):
            return None
        self.db.query(
            f"update claims set owner = ?, run = ?, fence = ?, until = {until} where key = ?",
            (self.owner, run, fence + 1, key),
        )
        return int(fence) + 1

    def find(self, awaited: Awaited) -> Found:
        found, free = {}, set()
        for key in awaited.keys:
            if (value := self.get(key)) is not None:
                found[key] = value
                continue
            claims = self.db.query(f"select owner, until < {self.db.now} from claims where key = ?", (key,))
            if not claims or claims[0][1] or is_dead(claims[0][0]):
                free.add(key)
        if awaited.edges is not None:
            free |= self.db.do(broken_deadlocks(self.db.now, self.owner, awaited)) - found.keys()
        return found, free

    def renew(self, run: str) -> None:
        with self.db.transaction():
            self.db.do(renewed(self.db.now, self.owner, run))


def renewed(now: str, owner: str, run: str) -> DatabaseWork[None]:
    """Renew the claims of a run that have not been given up."""
    yield [(f"update claims set until = {now} + {LEASE} where owner = ? and run = ? and until > 0", (owner, run))]


def broken_deadlocks(now: str, owner: str, awaited: Awaited) -> DatabaseWork[set[bytes]]:
    """Record which claims of a run wait for which keys, and free those keys by which a deadlock is broken."""
    own, edges = (owner, awaited.run), awaited.edges or frozenset()
    (rows,) = yield [("select key, needs from waits where owner = ? and run = ?", own)]
    known = {(bytes(key), bytes(needs)) for key, needs in rows}
    *_, reached = yield [
        *[
            ("delete from waits where key = ? and needs = ? and owner = ? and run = ?", (*edge, *own))
            for edge in sorted(known - edges)
        ],
        *[
            ("insert into waits (key, needs, owner, run) values (?, ?, ?, ?) on conflict do nothing", (*edge, *own))
            for edge in sorted(edges - known)
        ],
        (_REACHED.format(now=now), own),
    ]
    broken = keys_to_free([(bytes(key), bytes(needs)) for key, needs in reached], edges)
    if broken:
        yield [
            ("update claims set until = 0 where key = ? and not (owner = ? and run = ?)", (key, *own))
            for key in sorted(broken)
        ]
    return broken


_REACHED = """
with recursive live(key, needs) as (
    select waits.key, waits.needs from waits join claims
    on claims.key = waits.key and claims.owner = waits.owner and claims.run = waits.run
    where claims.until >= {now}
), reached(key) as (
    select needs from waits where owner = ? and run = ?
    union
    select live.needs from live join reached on live.key = reached.key
)
select live.key, live.needs from live join reached on live.key = reached.key"""
"""The edges that those of a run lead to, of claims that have not ended."""
