"""The emitted code of a program as text, for readers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction, FunctionTarget, Tables
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.emit.unit import Unit


def listing(checked: Checked) -> str:
    """Return everything that is emitted for a program, with a comment that says what the generated names stand for.

    Of a program that makes calls, these are the functions and loops that make none.
    """
    emitted = emitted_program(checked)
    if emitted.whole() is None:
        for function in _functions(checked):
            emitted.function(function)
        for tables, body in [(checked.tables, checked.module.statements), *_bodies(checked)]:
            for node in nodes.nodes_in(*body):
                if isinstance(node, (nodes.For, nodes.While)):
                    emitted.loop(tables, node)
    unit = emitted.unit
    if not unit.definitions:
        return "# Nothing is emitted: every part of the program may wait for an answer, or prints.\n"
    return "\n\n".join(_shown(unit, definition) for definition in unit.definitions) + "\n"


def _bodies(checked: Checked) -> Iterator[tuple[Tables, tuple[nodes.Statement, ...]]]:
    for function in _functions(checked):
        if function.makes_calls or function.prints:
            yield function.tables, function.node.body


def _functions(checked: Checked) -> list[CheckedFunction]:
    """Return the functions that a program applies, each once, also those that functions apply."""
    found = {} if checked.entry is None else {checked.entry: None}
    _collect(checked.tables, found)
    for function in (rest := [*found]):
        before = {*found}
        _collect(function.tables, found)
        rest += [each for each in found if each not in before]
    return [*found]


def _collect(tables: Tables, found: dict[CheckedFunction, None]) -> None:
    for target in tables.targets.values():
        if isinstance(target, FunctionTarget):
            found[target.function] = None
    for reference in tables.references.values():
        if isinstance(reference, CheckedFunction):
            found[reference] = None


def _shown(unit: Unit, definition: ast.FunctionDef) -> str:
    """Return a function with a comment about its names."""
    names = dict.fromkeys(node.id for node in ast.walk(definition) if isinstance(node, ast.Name))
    names |= dict.fromkeys(argument.arg for argument in definition.args.args)
    stand_for = [f"{name} is {unit.shown[name]}" for name in (definition.name, *names) if unit.shown.get(name)]
    return "".join(f"# {line}\n" for line in stand_for) + ast.unparse(ast.fix_missing_locations(definition))
