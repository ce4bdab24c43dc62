"""Folders, and files that a pattern names, as a table of names and texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from glob import glob, has_magic
from pathlib import Path

from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow


def is_folder(place: DataPlace) -> bool:
    """Return whether a place is a folder, or a pattern such as `letters/*.txt`."""
    if place.path is None:
        return False
    return place.path.is_dir() or (has_magic(str(place.path)) and not place.path.exists())


def folder_form(text_of: Callable[[DataPlace], str]) -> DataForm:
    """Return the form of a folder, whose files are read by `text_of`."""

    def rows(place: DataPlace) -> Table:
        files = _files(place)

        def begin() -> Iterator[TableRow]:
            for name, path in files:
                yield {"name": name, "text": text_of(DataPlace(str(path), path))}

        return Table(place.name, begin, ("name", "text"), len(files))

    def text(place: DataPlace) -> str:
        return "\n".join(f"# {row['name']}\n\n{row['text']}" for row in rows(place))

    return DataForm("a folder", text, rows)


def _files(place: DataPlace) -> list[tuple[str, Path]]:
    """Return the files with their names, sorted: all in a folder and below that are not hidden, or those of a pattern.

    Raises UsageError E604.
    """
    assert place.path is not None
    if place.path.is_dir():
        found = sorted(_below(place.path))
        if not found:
            raise place.broken("there are no files in it")
        return found
    named = sorted(glob(str(place.path), recursive=True))
    found = [(path, Path(path)) for path in named if Path(path).is_file()]
    if not found:
        raise place.broken("no file has such a name", f"the pattern is relative to {Path.cwd()}")
    return found


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for inner, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                path = Path(inner) / name
                yield path.relative_to(folder).as_posix(), path
