"""The store compared with a simple model of it, for any operations in any order, including crashes."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from attrs import define, field
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rlmlang.errors import UsageError
from rlmlang.storage import upkeep
from rlmlang.storage.batches import StoredAnswer, WriteBatch
from rlmlang.storage.store import Store

KEYS = [bytes([i]) * 32 for i in range(3)]
WHO = st.integers(0, 1)


@define
class Held:
    """A claim as its owner knows it; another owner may have taken it over since."""

    who: int
    fence: int
    expired: bool = False


@define
class Expected:
    """What the store should hold."""

    answers: dict[bytes, str] = field(factory=dict)
    damaged: set[bytes] = field(factory=set)
    claims: dict[bytes, Held] = field(factory=dict)
    events: list[str] = field(factory=list)


class Stores(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        logging.getLogger("rlmlang").disabled = True  # damage is logged each time
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.stores = [Store(self.path), Store(self.path)]
        self.expected = Expected()
        self.fences: dict[tuple[int, bytes], int] = {}
        """The claims that each believes to have."""
        self.values = 0

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                store.close()
            self.folder.cleanup()
        logging.getLogger("rlmlang").disabled = False

    def present(self, key: bytes) -> str | None:
        return None if key in self.expected.damaged else self.expected.answers.get(key)

    @rule(who=WHO, key=st.sampled_from(KEYS))
    def claim(self, who: int, key: bytes) -> None:
        done = self.stores[who].write(WriteBatch("r", claims=[key]))
        held = self.expected.claims.get(key)
        free = held is None or held.expired
        if not free:
            assert (done.claimed, done.found) == ({}, {})
        elif (value := self.present(key)) is not None:
            assert (done.claimed, done.found) == ({}, {key: value})
            self.expected.claims.pop(key, None)
        else:
            fence = done.claimed[key]
            assert held is None or fence > held.fence
            self.expected.claims[key] = Held(who, fence)
            self.fences[who, key] = fence

    @rule(who=WHO, key=st.sampled_from(KEYS), fails=st.booleans())
    def keep(self, who: int, key: bytes, fails: bool) -> None:
        """Answer a call under a claim that may be lost; the transaction may fail at its end."""
        fence = self.fences.get((who, key))
        if fence is None:
            return
        self.values += 1
        value = f'"{self.values}"'
        seq = len(self.expected.events)
        events = [(seq, value), *([(seq, value)] if fails else [])]
        batch = WriteBatch("r", answers={key: StoredAnswer(value, 1, 1, fence)}, events=events)
        try:
            done = self.stores[who].write(batch)
        except UsageError:
            assert fails
            return
        assert not fails
        del self.fences[who, key]
        self.expected.events.append(value)
        held = self.expected.claims.get(key)
        if held is not None and (held.who, held.fence) == (who, fence):
            assert done.refused == {}
            del self.expected.claims[key]
            self.expected.answers[key] = value
            self.expected.damaged.discard(key)
        else:
            assert done.refused == {key: self.present(key)}

    @rule(who=WHO, key=st.sampled_from(KEYS))
    def release(self, who: int, key: bytes) -> None:
        fence = self.fences.pop((who, key), None)
        if fence is not None:
            self.stores[who].write(WriteBatch("r", released={key: fence}))
            held = self.expected.claims.get(key)
            if held is not None and (held.who, held.fence) == (who, fence):
                held.expired = True

    @rule(who=WHO)
    def lease_runs_out(self, who: int) -> None:
        self.stores[who].db.query("update claims set until = 1 where owner = ?", (self.stores[who].owner,))
        for held in self.expected.claims.values():
            if held.who == who:
                held.expired = True

    @rule(who=WHO)
    def renew(self, who: int) -> None:
        self.stores[who].renew("r")
        rows = self.stores[who].db.query("select key, until from claims where owner = ?", (self.stores[who].owner,))
        for key, until in rows:
            if until > 1:
                self.expected.claims[key].expired = False

    @rule(who=WHO)
    def crash(self, who: int) -> None:
        """The process dies, and another begins; the claims of the dead one are free when their lease is over."""
        self.lease_runs_out(who)
        self.stores[who].db.close()
        self.stores[who] = Store(self.path)
        for key in KEYS:
            self.fences.pop((who, key), None)

    @rule(key=st.sampled_from(KEYS), column=st.sampled_from(["value", "digest"]))
    def damage(self, key: bytes, column: str) -> None:
        self.stores[0].db.query(f"update answers set {column} = ? where key = ?", (b"\x00", key))
        if key in self.expected.answers:
            self.expected.damaged.add(key)

    @rule()
    def collect(self) -> None:
        """Nothing is old enough to go."""
        assert upkeep.collect(self.stores[0], older_than=1e6).answers == 0
        for key, held in list(self.expected.claims.items()):
            if held.expired:
                del self.expected.claims[key]

    @invariant()
    def everybody_reads_the_same(self) -> None:
        for store in getattr(self, "stores", []):
            assert {key: store.get(key) for key in KEYS} == {key: self.present(key) for key in KEYS}
            assert list(store.events("r")) == self.expected.events
            assert len(upkeep.verify(store)) == len(self.expected.damaged)


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=settings.default.max_examples * 2 // 3, stateful_step_count=25)
