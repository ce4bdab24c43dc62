"""Programs of the conformance suite mean the same if parts of them go through a function of the host that gives them back.

So calls stand in every place of the language: in tests, loops, comprehensions, changes, arguments and handlers.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections import Counter
from typing import Any

import pytest

from rlmlang.api import Program, compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import ProgramError, RlmError
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, Tables
from rlmlang.language.types import BOOL, INT, STR, ListType, Type
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.effects import walk
from rlmlang.runtime.values import to_json
from tests.support.places import CONFORMANCE

FUNCTIONS: dict[Type, str] = {
    INT: "same_int", STR: "same_str", BOOL: "same_bool", ListType(INT): "same_ints", ListType(STR): "same_strs",
}  # fmt: skip
DECLARED = "".join(f"def {name}(x: {type_}) -> {type_}: ...\n" for type_, name in FUNCTIONS.items())
GIVEN = dict.fromkeys(FUNCTIONS.values(), lambda x: x)
LIMITS = Limits(max_function_calls=20_000)


def cases() -> list[dict[str, Any]]:
    found = []
    for path in sorted(CONFORMANCE.glob("[rct]*/*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            special = {"functions", "limits", "inputs", "context"} & case.keys() or any(
                isinstance(reply.get("args"), dict) for reply in case.get("model", ())
            )
            if (
                not special
                and "value" in case["expect"]
                and len(case["program"]) < 1_500
                and "run_program" not in case["program"]
            ):
                found.append(case)
    return found


def may_be_given_back(node: nodes.Node, type_: Type) -> bool:
    """Return whether an expression may be another value that is equal: no list that something may change in place.

    `sum([], xs)` is `xs` itself. A range may be longer than the lists that a function can be given.
    """
    if isinstance(node, nodes.Binary | nodes.Call):
        return True
    if isinstance(type_, ListType):
        callee = node.callee if isinstance(node, nodes.Apply) else None
        return isinstance(callee, nodes.Name) and callee.id not in ("sum", "range")
    return isinstance(node, nodes.Apply | nodes.Index)


def parts(checked: Checked) -> dict[int, tuple[int, str]]:
    """Return where expressions begin that a function of the host may give back, with their ends and the function."""
    found: dict[int, tuple[int, str]] = {}
    bodies: list[tuple[Any, Tables]] = [(checked.module.statements, checked.tables)]
    bodies += [(each.node.body, each.tables) for each in ([checked.entry] if checked.entry else [])]
    for body, tables in bodies:
        for statement in body:
            for node in walk(statement):
                type_ = tables.types.get(getattr(node, "node_id", -1))
                name = FUNCTIONS.get(type_) if type_ is not None else None
                if name is not None and type_ is not None and may_be_given_back(node, type_):
                    found[node.span.start] = node.span.end, name
    return found


def wrapped(text: str, checked: Checked, chance: random.Random) -> str:
    """Return a program with one of its expressions in an application of a function of the host."""
    starts = sorted(parts(checked).items())
    if not starts:
        return text
    start, (end, name) = chance.choice(starts)
    return f"{text[:start]}{name}({text[start:end]}){text[end:]}"


def result(program: Program, case: dict[str, Any], **options: Any) -> tuple[Any, int | None]:
    """Return the value of a program and how many calls of functions it made, or the code of its error and None."""
    try:
        found = program.run(model=ScriptedModel(case.get("model", ())), limits=LIMITS, **options)
    except RlmError as error:
        return error.first.code, None
    return to_json(found.value), found.usage.function_calls


def estimated(program: Program) -> tuple[int, int | None] | None:
    """Return how many calls of functions a program makes at least and at most, if it does not fail before any."""
    try:
        return program.cost(limits=LIMITS).function_calls
    except RlmError:
        return None


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, 20))])
def test_a_program_means_the_same_with_calls_in_it(part: int) -> None:
    chance = random.Random(part)
    found: Counter[str] = Counter()
    for case in cases()[part::20]:
        text = case["program"].lstrip("\n")
        if re.search(r"(?m)^from __future__|same_", text):
            continue
        program = compile(text)
        expected, _ = result(program, case)
        is_estimated = estimated(program) is not None
        for _ in range(3):
            changed = DECLARED + wrapped(text, program.checked, chance)
            try:
                again = compile(changed)
            except ProgramError as error:  # in a `while`, as a target of a change, where a constant is needed …
                found[error.first.code] += 1
                continue
            value, calls = result(again, case, functions=GIVEN)
            assert value == expected, changed
            found["same"] += 1
            if is_estimated and calls is not None:
                cost = estimated(again)
                assert cost is not None, changed
                assert cost[0] <= calls, changed
                assert cost[1] is None or calls <= cost[1], changed
    assert found["same"] > 100
