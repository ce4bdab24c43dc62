"""SPEC.md: every example runs, and its tables are what the code says (decision 40).

In a block of the language, `#=> value` at the end of a line is the value of that line,
and `(2 calls)` after it the number of calls that the program made; `#! E303` is the error that
the line has, and `#! E303 5` gives the column too. An example is everything from the start of the
block to its line, without other lines that are examples; a block with a single example is
one program. A TOML block before it holds the model's `[[reply]]` tables, `[inputs]`,
`[limits]`, and what functions of the host give, as tables `[[functions.NAME]]`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import NOTHING, fields

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import CODES, RlmError
from rlmlang.files import stdlib_dir
from rlmlang.language import types
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, NUMBER_METHODS, STATIC, Builtin
from rlmlang.language.builtins.text import MAX_PATTERN
from rlmlang.language.check.formats import MAX_FORMAT_WIDTH
from rlmlang.language.parse import layout, literals
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime import values
from rlmlang.runtime.run_program import MAX_NESTING
from rlmlang.runtime.steps import APPLICATION, ITERATION
from rlmlang.runtime.strict_json import MAX_JSON_DEPTH
from rlmlang.runtime.values import preview
from rlmlang.testing.scripted_functions import scripted_function
from tests.support.places import ROOT

SPEC = ROOT / "grammar" / "SPEC.md"

_BLOCK = re.compile(r"^```(rlm|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"\s*#(=>|!) (.*?)(?: \((\d+) calls?\))?\s*$")


def examples() -> Iterator[Any]:
    """Yield the program, its line and mark, and the script of the model, of each example."""
    script: dict[str, Any] = {}
    text = SPEC.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        if match[1] == "toml":
            script = tomllib.loads(match[2])
            continue
        first = text.count("\n", 0, match.start()) + 2
        yield from _examples_of(match[2].rstrip("\n").split("\n"), first, script)
        script = {}


def _examples_of(lines: list[str], first: int, script: dict[str, Any]) -> Iterator[Any]:
    marks = [_MARK.search(line) for line in lines]
    whole = sum(found is not None for found in marks) == 1
    for at, found in enumerate(marks):
        if found is None:
            continue
        program = [
            re.sub(_MARK, "", line)
            for i, line in enumerate(lines)
            if i == at or (marks[i] is None and (i < at or whole))
        ]
        line = program.index(re.sub(_MARK, "", lines[at])) + 1
        yield pytest.param("\n".join(program) + "\n", line, found, script, id=f"line {first + at}")


@pytest.mark.parametrize(("program", "line", "mark", "script"), list(examples()))
def test_example(program: str, line: int, mark: re.Match[str], script: dict[str, Any]) -> None:
    model = ScriptedModel(script.get("reply", ()))
    limits = Limits(**script.get("limits", {}))
    functions = {name: scripted_function(name, calls) for name, calls in script.get("functions", {}).items()}
    kind, expected, calls = mark.groups()
    if kind == "!":
        with pytest.raises(RlmError) as caught:
            compile(program).run(script.get("inputs", {}), model=model, limits=limits, functions=functions)
        places = [found.to_json() for found in caught.value.diagnostics]
        code, _, column = expected.partition(" ")
        assert (code, line) in [(place["code"], place["line"]) for place in places]
        assert column in ("", *(str(place["column"]) for place in places))
        return
    result = compile(program).run(script.get("inputs", {}), model=model, limits=limits, functions=functions)
    assert preview(result.value, 10_000) == expected
    assert calls in (None, str(result.usage.calls))


def test_there_are_many_examples() -> None:
    assert len(list(examples())) > 100


# Sections that are made from the code ----------------------------------------------


def _entry(builtin: Builtin) -> str:
    texts = [f"`{text}`" for text in builtin.texts]
    shown = ", ".join(f"`{'; '.join(example.splitlines())}`" for example in builtin.examples)
    about = f"{builtin.doc}. {'Changes its receiver. ' if builtin.changes else ''}Cost: {builtin.cost}. {shown}"
    if len(texts) == 1:
        return f"- {texts[0]}: {about}\n"
    listed = "".join(f"  - {text}\n" for text in texts)
    return f"- `{builtin.name}`: {about}\n{listed}"


def builtins_section() -> str:
    parts = ["### 6.1 Functions\n\n", *map(_entry, BUILTINS.values())]
    for number, (type_, methods) in enumerate((METHODS | NUMBER_METHODS).items(), 2):
        parts.append(f"\n### 6.{number} Methods of {type_}\n\n")
        parts.extend(_entry(method) for method in methods.values())
        parts.extend(f"- `{type_}.`{_entry(row).removeprefix('- ')}" for row in STATIC.get(type_, {}).values())
    for number, (module, members) in enumerate(MODULES.items(), 2 + len(METHODS | NUMBER_METHODS)):
        parts.append(f"\n### 6.{number} Module {module}\n\n")
        for name, member in members.items():
            parts.append(_entry(member) if isinstance(member, Builtin) else f"- `{name}`: {member.doc}.\n")
    return "".join(parts)


def errors_section() -> str:
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in CODES.items())
    return f"| code | meaning |\n|---|---|\n{rows}"


def library_section() -> str:
    sections: list[str] = []
    for path in sorted(stdlib_dir().glob("*.rlm")):
        text = path.read_text(encoding="utf-8")
        rows = [f"\n`{path.name}`:\n\n"]
        for found in re.finditer(r"((?:^#.*\n)+)^def ([^:]+?\([^)]*\) -> [^\n]*):$", text, re.MULTILINE):
            comment = " ".join(line.lstrip("# ") for line in found[1].splitlines())
            head = re.sub(r"\( | ?,? \)", lambda m: m[0].strip(" ,"), " ".join(found[2].split()))
            rows.append(f"- `{head}`: {re.split(r'(?<=[.!?]) ', comment)[0]}\n")
        assert text.count("\ndef ") + text.startswith("def ") == sum(row.startswith("- ") for row in rows)
        sections += rows
    return "".join(sections)


def limits_section() -> str:
    rows = "| limit | default |\n|---|---|\n"
    for limit in fields(Limits):
        assert limit.default is not NOTHING
        default = {None: "none"}.get(limit.default, f"{limit.default:,}" if limit.default is not None else "")
        rows += f"| `{limit.name}`: {_MEANING[limit.name]} | {default} |\n"
    return rows


_MEANING = {
    "max_calls": "generations by the model, repairs included (E501)",
    "max_depth": "the deepest level of calls (E502)",
    "max_prompt_tokens": "tokens that the model reads (E503)",
    "max_completion_tokens": "tokens that the model writes (E504)",
    "max_answer_tokens": "tokens of one answer (E402)",
    "repairs": "how often a direct answer that is not of its type is asked for again (E401)",
    "max_cost": "money, in US dollars (E509)",
    "max_share": "the share that one call may take (E510), see below",
    "max_seconds": "time of the run (E505)",
    "max_steps": "steps of pure work (E506)",
    "max_bytes": "size of any one value: a byte a character, eight an element (E507)",
    "max_function_calls": "calls of functions of the host (E511)",
    "concurrency": "calls that run at once; by default as many as the model can use",
}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("builtins", builtins_section),
        ("errors", errors_section),
        ("library", library_section),
        ("limits", limits_section),
    ],
)
def test_section(name: str, made: Callable[[], str], request: pytest.FixtureRequest) -> None:
    """`pytest --update-golden` writes the section anew."""
    text = SPEC.read_text(encoding="utf-8")
    head, start, rest = text.partition(f"<!-- {name} -->\n")
    _, end, tail = rest.partition("<!-- end -->\n")
    assert start, name
    assert end, name
    if request.config.getoption("--update-golden"):
        SPEC.write_text(f"{head}{start}{made()}{end}{tail}", encoding="utf-8")
        text = SPEC.read_text(encoding="utf-8")
    assert f"{start}{made()}{end}" in text


@pytest.mark.parametrize(
    "row",
    [
        f"| length of a program | {layout.MAX_SOURCE:,} code points |",
        f"(here beyond {layout.MAX_DEPTH})",
        f"| clauses of one comprehension | {layout.MAX_CLAUSES} |",
        f"error it finds, up to {layout.MAX_PROBLEMS},",
        f"| integer literals, and digits that `int` reads | {literals.MAX_DIGITS:,} digits |",
        f"| integers | {values.MAX_INT_BITS:,} bits |",
        f"| width and precision of a format | {MAX_FORMAT_WIDTH:,} |",
        f"| length of a regular expression | {MAX_PATTERN:,} characters |",
        f"with the fields of its records | {types.MAX_SIZE:,} parts |",
        f"| programs run by programs | {MAX_NESTING} deep |",
        f"| brackets in an answer | {MAX_JSON_DEPTH} deep |",
        f"takes {ITERATION} steps and each\napplication of a function {APPLICATION},",
    ],
)
def test_limits_are_those_of_the_code(row: str) -> None:
    assert row in SPEC.read_text(encoding="utf-8")


def test_every_limit_is_described() -> None:
    assert {limit.name for limit in fields(Limits)} == set(_MEANING)
