"""The types that were found for the variables and functions of a program, for people to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rlmlang.language import nodes
from rlmlang.language.check.body import names_bound_by
from rlmlang.language.check.checked import Checked, CheckedFunction, Tables, applied_functions
from rlmlang.language.types import Type, fits


def inferred_types(checked: Checked) -> list[str]:
    """Return lines that say the types of a program's variables, and of each function with those of its variables.

    A function that is applied to several types is listed once for each.
    """
    lines = list(_variables(checked.module.statements, checked.tables))
    functions = applied_functions(checked.tables, *([] if checked.entry is None else [checked.entry.tables]))
    if checked.entry is not None:
        functions.setdefault(checked.entry)
    for function in sorted(functions, key=lambda each: each.node.span.start):
        if not function.in_library:
            lines += ["", f"{_head(function)}:"]
            lines += [f"    {line}" for line in _variables(function.node.body, function.tables)]
    return lines if lines and lines[0] else lines[1:]


def _head(function: CheckedFunction) -> str:
    params = (
        f"{param.name.id}: {type_}" + (f" = {param.default.span.text}" if param.default is not None else "")
        for param, type_ in zip(function.node.params, function.params)
    )
    return f"def {function.node.name.id}({', '.join(params)}) -> {function.result}"


def _variables(statements: tuple[nodes.Statement, ...], tables: Tables) -> Iterator[str]:
    """Yield a line for each variable with its types, in the order in which they are first bound."""
    types: dict[str, list[Type]] = {}
    for name, kind in names_bound_by(statements):
        if kind in ("variable", "input"):
            types.setdefault(name.id, [])
    for name in _names(statements):
        if name.id in types and name.node_id in tables.types:
            types[name.id].append(tables.types[name.node_id])
    for variable, found in types.items():
        widest = _widest(found)
        if widest:
            yield f"{variable}: {', then '.join(map(str, widest))}"


def _names(statements: Iterable[nodes.Statement]) -> Iterator[nodes.Name]:
    """Yield all names in statements, in the order of the text, without those in functions."""
    names = [
        each
        for statement in statements
        if not isinstance(statement, nodes.Function)
        for each in nodes.nodes_in(statement)
        if isinstance(each, nodes.Name)
    ]
    yield from sorted(names, key=lambda name: name.span.start)


def _widest(types: list[Type]) -> list[Type]:
    """Return types without those that fit another, such as that of `[]` before something is put in."""
    distinct = list(dict.fromkeys(types))
    return [
        type_
        for type_ in distinct
        if not any(other != type_ and fits(type_, other) and not fits(other, type_) for other in distinct)
    ]
