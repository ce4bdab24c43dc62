"""The store: what is kept, what counts as missing, and what cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from rlmlang.errors import UsageError
from rlmlang.store import Store, default_path

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "store.db"


def test_a_value_is_there_before_and_after_it_is_committed(path: Path) -> None:
    store = Store(path)
    assert store.get(KEY) is None
    store.put(KEY, '"é \ud83d"', 3, 4)
    assert store.get(KEY) == '"é \ud83d"'
    store.close()


def test_values_are_there_in_the_next_run(path: Path) -> None:
    store = Store(path)
    store.put(KEY, "[1,2]", 3, 4)
    store.close()
    again = Store(path)
    assert again.get(KEY) == "[1,2]"
    assert again.get(b"other") is None
    again.close()


def test_what_is_not_committed_is_seen_by_no_one_else(path: Path) -> None:
    one, two = Store(path), Store(path)
    one.put(KEY, "1", 0, 0)
    assert two.get(KEY) is None
    one.commit()
    assert two.get(KEY) == "1"
    one.commit()  # nothing new: fine
    one.close()
    two.close()


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    Store(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("column", ["value", "digest"])
def test_a_damaged_row_counts_as_missing(path: Path, column: str) -> None:
    store = Store(path)
    store.put(KEY, "1", 0, 0)
    store.commit()
    with sqlite3.connect(path) as db:
        db.execute(f"update answers set {column} = ?", ("2" if column == "value" else b"x",))
    db.close()
    assert store.get(KEY) is None
    store.put(KEY, "3", 0, 0)
    store.commit()
    assert store.get(KEY) == "3"
    store.close()


def test_a_row_of_another_kind_counts_as_missing(path: Path) -> None:
    store = Store(path)
    store.put(KEY, "1", 0, 0)
    store.commit()
    with sqlite3.connect(path) as db:
        db.execute("update answers set value = ?", (b"\xff\x00",))
    db.close()
    assert store.get(KEY) is None
    store.close()


def code(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Store(path)
    assert "--no-store" in (caught.value.first.hint or "") or "--store" in (caught.value.first.hint or "")
    return caught.value.first.code


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("not a database, but long enough to have a header " * 40)
    before = path.read_bytes()
    assert code(path) == "E606"
    assert path.read_bytes() == before


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert code(tmp_path) == "E606"


def test_a_store_of_a_newer_version_is_refused(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    assert code(path) == "E606"


def test_failures_of_the_database_are_coded(path: Path) -> None:
    store = Store(path)
    with sqlite3.connect(path) as db:
        db.execute("drop table answers")
    db.close()
    with pytest.raises(UsageError, match="E606"):
        store.get(KEY)
    store.put(KEY, "1", 0, 0)
    with pytest.raises(UsageError, match="E606"):
        store.commit()
    # the failed transaction is rolled back, so that the store goes on once the table is there
    with sqlite3.connect(path) as db:
        db.execute("create table answers (key blob primary key, value text, digest blob, p integer, c integer)")
    db.close()
    store.close()
    again = Store(path)
    assert again.get(KEY) == "1"
    again.close()


def test_answers_wait_while_another_process_holds_the_file(path: Path) -> None:
    store = Store(path)
    store._db.execute("pragma busy_timeout = 0")
    store.put(KEY, "1", 0, 0)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("begin exclusive")
        with pytest.raises(UsageError, match="E606"):
            store.commit()
        other.execute("rollback")
    other.close()
    store.close()
    again = Store(path)
    assert again.get(KEY) == "1"
    again.close()


def test_the_default_path_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "rlmlang" / "store.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "share" / "rlmlang" / "store.db"
