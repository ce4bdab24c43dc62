"""One name means one thing: classes and type aliases of the package have names of their own."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.support.places import ROOT

PACKAGE = ROOT / "rlmlang"


def named(path: Path) -> list[str]:
    """The classes and type aliases that a module defines at its top."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.lstrip("_")[:1].isupper() and not name.isupper():
                found.append(name)
    return found


def test_no_two_classes_or_aliases_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in named(path):
            places[name].append(str(path.relative_to(PACKAGE)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_class_and_an_alias_are_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("class A: ...\n_Bs = list[int]\nCONSTANT = 1\nvalue = 2\n")
    assert named(path) == ["A", "_Bs"]
