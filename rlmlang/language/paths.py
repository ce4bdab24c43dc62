"""Paths to parts of values, such as `name[i].field`, by which programs change them."""

from __future__ import annotations

from collections.abc import Iterator

from rlmlang.language import nodes


def roots_of(target: nodes.Target | nodes.Expr) -> Iterator[nodes.Name]:
    """Yield the names that a target binds, and the variables that it changes."""
    match target:
        case nodes.TupleTarget(items=items):
            for item in items:
                yield from roots_of(item)
        case _ if isinstance(root := root_of(target), nodes.Name):
            yield root


def root_of(path: nodes.Expr) -> nodes.Expr:
    """Return what a path starts from: a variable, or what makes a value that no variable has."""
    while (inner := before_last(path)) is not None:
        path = inner
    return path


def before_last(path: nodes.Expr) -> nodes.Expr | None:
    """Return the path without its last step, which may be an application of `setdefault`; None if it has no step."""
    match path:
        case nodes.Index(value=value) | nodes.Attribute(value=value):
            return value
        case nodes.Apply(callee=nodes.Attribute(value=value, name="setdefault")):
            return value
    return None
