"""What a store refuses: places that are none, and to drop a run that is still running."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rlmlang.errors import UsageError
from rlmlang.storage.store import RunRow, Store
from rlmlang.storage.upkeep import forget_run


@pytest.mark.parametrize("place", ["", "\0", 0])
def test_a_place_that_is_none(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        Store(place)
    assert caught.value.diagnostics[0].code == "E607"
    assert not any(each.is_file() for each in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("mysql://user:secret@host/db", "such as mysql://…"),
        ("sqlite:///store.db", "such as sqlite://…"),
        ("FILE:///store.db", "such as file://…"),
        ("folder/", "folder/ names a folder"),
        ("new/folder/", "new/folder/ names a folder"),
        ("folder", "folder names a folder"),
        (Path("folder"), "folder names a folder"),
    ],
)
def test_a_place_where_no_store_can_be_makes_no_file(
    place: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        Store(place)
    assert caught.value.first.code == "E607"
    assert why in caught.value.first.message
    assert "secret" not in str(caught.value)
    assert [each.name for each in tmp_path.rglob("*")] == ["folder"]


def test_a_store_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9 #1?mode=ro%41.db")
    for _ in range(2):
        with Store(place) as store:
            assert store.runs() == []
    assert [os.fsencode(each.name) for each in tmp_path.iterdir()] == [b"caf\xe9 #1?mode=ro%41.db"]


def test_a_run_that_is_running_is_not_dropped(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store, pytest.raises(UsageError) as caught:
        forget_run(store, RunRow("r1", 1.0, None, "running", {}, {}))
    assert caught.value.diagnostics[0].code == "E610"
