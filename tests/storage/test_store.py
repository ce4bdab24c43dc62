"""The store: what it keeps, what counts as missing, who may write, and what cannot be opened."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from rlmlang.errors import UsageError
from rlmlang.storage.batches import Awaited, StoredAnswer, WriteBatch, WriteResult
from rlmlang.storage.database import MIGRATIONS
from rlmlang.storage.owner import is_dead, new_owner
from rlmlang.storage.run_records import begun, ended
from rlmlang.storage.sqlite import Sqlite, journal_mode
from rlmlang.storage.store import Store, default_path

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "store.db"


def claim(store: Store, *keys: bytes) -> WriteResult:
    return store.write(WriteBatch("r", claims=list(keys)))


def begin_run(store: Store, id: str, spec: dict[str, Any]) -> int:
    return store.db.do(begun(store.db.now, store.owner, id, spec))


def keep(store: Store, key: bytes, value: str, fence: int | None = None) -> WriteResult:
    """Claim a key, and answer it."""
    number = claim(store, key).claimed[key] if fence is None else fence
    return store.write(WriteBatch("r", answers={key: StoredAnswer(value, 3, 4, number)}))


def sql(path: Path, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    db = apsw.Connection(str(path))
    rows = list(db.execute(statement, values))
    db.close()
    return rows


# Answers -------------------------------------------------------------------------


def test_an_answer_is_visible_to_others_and_later(place: str | Path) -> None:
    store, other = Store(place), Store(place)
    assert store.get(KEY) is None
    assert keep(store, KEY, '"é \ud83d"').refused == {}
    assert store.get(KEY) == other.get(KEY) == '"é \ud83d"'
    assert store.get(OTHER) is None
    store.close()
    other.close()
    again = Store(place)
    assert again.get(KEY) == '"é \ud83d"'
    again.close()


def test_a_batch_is_atomic(place: str | Path) -> None:
    store = Store(place)
    number = claim(store, KEY).claimed[KEY]
    store.write(WriteBatch("r", events=[(0, "{}")]))
    with pytest.raises(UsageError, match="E606"):
        store.write(WriteBatch("r", answers={KEY: StoredAnswer("1", 0, 0, number)}, events=[(1, "{}"), (0, "{}")]))
    assert store.get(KEY) is None
    assert list(store.events("r")) == ["{}"]
    assert keep(store, KEY, "1", number).refused == {}
    store.close()


@pytest.mark.parametrize("column", ["value", "digest"])
@pytest.mark.parametrize("damage", ["2", b"\xff\x00", 7])
def test_a_damaged_answer_is_logged_and_replaced(
    path: Path, column: str, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(path)
    keep(store, KEY, "1")
    sql(path, f"update answers set {column} = ?", (damage,))
    with caplog.at_level(logging.WARNING):
        assert store.get(KEY) is None
        assert store.get(KEY) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"the store {path} holds a damaged answer (key {KEY.hex()[:12]}…); the call is made again"
    ]
    keep(store, KEY, "3")
    assert store.get(KEY) == "3"
    store.close()


# Claims --------------------------------------------------------------------------


def test_a_key_has_one_owner(place: str | Path) -> None:
    one, two = Store(place), Store(place)
    assert claim(one, KEY, OTHER).claimed == {KEY: 1, OTHER: 1}
    refused = claim(two, KEY)
    assert (refused.claimed, refused.found) == ({}, {})
    assert two.find(Awaited((KEY,))) == ({}, set())
    keep(one, KEY, "1", 1)
    assert two.find(Awaited((KEY,))) == ({KEY: "1"}, set())
    assert claim(two, KEY).found == {KEY: "1"}
    one.write(WriteBatch("r", released={OTHER: 1}))
    assert two.find(Awaited((OTHER,))) == ({}, {OTHER})
    assert claim(two, OTHER).claimed == {OTHER: 2}
    one.close()
    two.close()


def expire(store: Store) -> None:
    """Let all claims of a store expire, as if its process had died."""
    store.db.query("update claims set until = 1 where owner = ?", (store.owner,))


def test_the_answer_of_a_former_owner_is_refused(place: str | Path) -> None:
    one, two = Store(place), Store(place)
    first = claim(one, KEY).claimed[KEY]
    expire(one)
    assert two.find(Awaited((KEY,))) == ({}, {KEY})
    second = claim(two, KEY).claimed[KEY]
    assert second > first
    assert keep(one, KEY, '"late"', first).refused == {KEY: None}
    assert two.get(KEY) is None
    assert keep(two, KEY, '"right"', second).refused == {}
    assert keep(one, KEY, '"later still"', first).refused == {KEY: '"right"'}
    one.close()
    two.close()


def test_a_claim_is_renewed_as_long_as_its_owner_lives(place: str | Path) -> None:
    one, two = Store(place), Store(place)
    claim(one, KEY)
    expire(one)
    one.renew("r")
    assert two.find(Awaited((KEY,))) == ({}, set())
    one.write(WriteBatch("r", released={KEY: 1}))
    one.renew("r")  # what was given up is not taken again
    assert two.find(Awaited((KEY,))) == ({}, {KEY})
    one.close()
    two.close()


def test_closing_gives_up_all_claims(place: str | Path) -> None:
    one, two = Store(place), Store(place)
    claim(one, KEY)
    one.close()
    assert two.find(Awaited((KEY,))) == ({}, {KEY})
    two.close()


def test_the_claims_of_a_dead_process_are_free_at_once(place: str | Path) -> None:
    code = """if True:
        import os, sys
        from rlmlang.storage.batches import Awaited, WriteBatch
        from rlmlang.storage.store import Store
        store = Store(sys.argv[1])
        store.write(WriteBatch("r", claims=[b"k" * 32]))
        print(store.owner, flush=True)
        os._exit(9)
    """
    owner = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True).stdout.strip()
    assert is_dead(owner)
    store = Store(place)
    assert store.find(Awaited((KEY,))) == ({}, {KEY})
    assert claim(store, KEY).claimed == {KEY: 2}
    store.close()


def test_only_processes_of_this_machine_are_known_to_be_dead() -> None:
    owner = new_owner()
    machine, pid, begun, number = owner.split(" ")
    assert not is_dead(owner)
    assert is_dead(f"{machine} {pid} {begun}1 {number}")  # its number is another process's now
    assert is_dead(f"{machine} 999999999 {begun} {number}")
    assert not is_dead(f"elsewhere {pid} {begun}1 {number}")
    assert not is_dead("what is this")
    assert not is_dead("")


# Runs ----------------------------------------------------------------------------


def test_runs_are_listed_with_how_they_ended(place: str | Path) -> None:
    store = Store(place)
    assert begin_run(store, "aa1", {"model": "m"}) == 0
    store.write(WriteBatch("aa1", events=[(0, '{"seq":0}'), (1, '{"seq":1}')]))
    assert begin_run(store, "ab2", {}) == 0
    store.db.do(ended(store.db.now, "aa1", "done", {"calls": 3}))
    assert [(row.id, row.status) for row in store.runs()] == [("ab2", "running"), ("aa1", "done")]
    (row,) = store.runs("aa")
    assert (row.spec, row.usage) == ({"model": "m"}, {"calls": 3})
    assert row.ended is not None
    assert row.begun <= row.ended
    assert begin_run(store, "aa1", {"model": "m"}) == 2
    assert [(row.status, row.ended) for row in store.runs("aa1")] == [("running", None)]
    assert store.runs("b") == store.runs("%") == []
    assert list(store.events("ab2")) == []
    store.close()


def test_a_run_whose_process_died_was_interrupted(place: str | Path) -> None:
    store = Store(place)
    begin_run(store, "r", {})
    machine, *_ = store.owner.split(" ")
    store.db.query("update runs set owner = ?", (f"{machine} 999999999 1 x",))
    assert [row.status for row in store.runs()] == ["interrupted"]
    store.close()


def test_events_are_read_in_order_however_many(place: str | Path) -> None:
    store = Store(place)
    texts = [f'{{"seq":{i}}}' for i in range(2_500)]
    store.write(WriteBatch("r", events=list(enumerate(texts))))
    assert list(store.events("r")) == texts
    store.close()


# Files ---------------------------------------------------------------------------


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    store = Store(path)
    keep(store, KEY, "1")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600, file
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    store.close()


def code(place: str | Path) -> str:
    with pytest.raises(UsageError) as caught:
        Store(place)
    assert "another store" in (caught.value.first.hint or "")
    return caught.value.first.code


def test_a_file_that_is_not_a_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("not a database, but long enough to have a header " * 40)
    before = path.read_bytes()
    assert code(path) == "E606"
    assert path.read_bytes() == before


def test_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Store(f"postgresql://me:secret@/x?host={tmp_path}")
    assert caught.value.first.code == "E606"
    assert "secret" not in str(caught.value)


def test_a_store_of_a_newer_version_is_refused(place: str | Path) -> None:
    store = Store(place)
    store.db.set_version(99)
    store.close()
    assert code(place) == "E606"


def test_a_store_of_an_older_version_is_migrated(path: Path) -> None:
    path.parent.mkdir()
    for statement in MIGRATIONS[0]:
        sql(path, statement)
    data = b'"old"'
    import hashlib

    sql(path, "insert into answers values (?, ?, ?, 1, 2)", (KEY, data, hashlib.sha256(data).digest()[:16]))
    sql(path, "pragma user_version = 1")
    store = Store(path)
    assert store.get(KEY) == '"old"'
    keep(store, OTHER, "1")
    assert store.db.version() == len(MIGRATIONS)
    store.close()


def test_failures_of_the_database_are_coded(path: Path) -> None:
    store = Store(path)
    sql(path, "drop table answers")
    with pytest.raises(UsageError, match="E606"):
        store.get(KEY)
    with pytest.raises(UsageError, match="E606"):
        claim(store, KEY)
    assert not store.db.query("select * from claims")  # the failed transaction is taken back
    sql(path, "drop table claims")
    with pytest.raises(UsageError, match="E606"):
        store.close()


def test_only_a_safe_sqlite_uses_a_write_ahead_log() -> None:
    assert journal_mode("3.51.2") == journal_mode("3.40.1") == "truncate"
    assert journal_mode("3.51.3") == journal_mode("3.60.0") == journal_mode("4.0.0") == "wal"


def test_the_default_path_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "rlmlang" / "store.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "share" / "rlmlang" / "store.db"


@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
def test_a_file_with_a_second_hard_link_is_refused(path: Path, end: str) -> None:
    """An attacker may have made the link, to read the store or to plant content in it."""
    Store(path).close()
    other = path.with_name("planted")
    other.write_bytes(path.read_bytes() if not end else b"")
    planted = path.with_name(path.name + end)
    planted.unlink(missing_ok=True)
    os.link(other, planted)
    assert code(path) == "E606"


def test_a_symbolic_link_of_the_user_is_followed(path: Path, tmp_path: Path) -> None:
    Store(path).close()
    os.chmod(path, 0o644)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    store = Store(link)
    keep(store, KEY, "1")
    store.close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_opening_a_store_twice_keeps_its_locks(path: Path) -> None:
    """Closing any other descriptor of the file would release them."""
    one = Store(path)
    with one.db.transaction():
        one.db.query("delete from claims")
        Sqlite(path).close()
        code = "import apsw, sys; db = apsw.Connection(sys.argv[1]); db.execute('begin immediate')"
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert "BusyError" in other.stderr
    one.close()


def test_processes_that_open_a_store_at_once_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = Sqlite.query, [2]

    def query(self: Sqlite, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        if "journal_mode" in sql and left[0]:
            left[0] -= 1
            raise apsw.BusyError
        return real(self, sql, values)

    monkeypatch.setattr(Sqlite, "query", query)
    Store(path).close()
    assert left == [0]
    left[0] = 10**9
    monkeypatch.setattr("rlmlang.storage.sqlite.BUSY_TIMEOUT", 0)
    assert code(path) == "E606"
