"""The steps of pure work that turns of comprehensions and applications of functions take (SPEC.md, section 12).

They are found once from the text, so that the run and its estimate charge the same. Parts count whether or not
evaluation comes to them, since a turn or an application is charged before it begins.
"""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

from attrs import fields

from rlmlang.language import nodes

ITERATION, APPLICATION = 4, 8
"""Steps of a turn of a comprehension and of an application of a function, without the parts that it evaluates."""

_FIELDS: dict[type, list[str]] = {
    kind: [part.name for part in fields(kind) if part.eq] for kind in get_args(nodes.Expr)
}


def turn_steps(node: nodes.Comprehension) -> list[int]:
    """Return the steps of one turn of each `for` of a comprehension, in order.

    A turn evaluates the tests and the iterable up to the next `for`; a turn of the last one, the element. The first
    iterable is evaluated once, as a part of the expression that contains the comprehension.
    """
    loops = [i for i, clause in enumerate(node.clauses) if isinstance(clause, nodes.ForClause)]
    steps = []
    for start, end in pairwise([*loops, len(node.clauses)]):
        inner = [clause.test for clause in node.clauses[start + 1 : end] if isinstance(clause, nodes.IfClause)]
        if end < len(node.clauses):
            following = node.clauses[end]
            assert isinstance(following, nodes.ForClause)
            inner.append(following.iterable)
        else:
            inner += [node.element] if node.key is None else [node.key, node.element]
        steps.append(ITERATION + count_parts(*inner))
    return steps


def function_steps(node: nodes.Function | nodes.Lambda) -> int:
    """Return the steps of one application of a function."""
    if isinstance(node, nodes.Lambda):
        return APPLICATION + count_parts(node.body)
    return APPLICATION + count_parts(*(local.value for local in node.body), node.value)


def count_parts(*exprs: nodes.Expr) -> int:
    """Return the number of literals, names and operations of every kind in expressions.

    What is evaluated in turns or applications of its own is not counted: all of a comprehension but its first iterable,
    and the body of a `lambda`. Nor are names that are not evaluated: those of what is applied.
    """
    count = 0
    rest: list[object] = [*exprs]
    while rest:
        node = rest.pop()
        match node:
            case tuple():
                rest.extend(node)
                continue
            case nodes.Keyword() | nodes.Hole():
                rest.append(node.value)
                continue
            case nodes.Comprehension(clauses=(nodes.ForClause(iterable=first), *_)):
                rest.append(first)
            case nodes.Lambda():
                pass
            case nodes.Apply(callee=nodes.Attribute(value=receiver)):
                rest += receiver, node.args, node.keywords
            case nodes.Apply() | nodes.Call():
                rest += node.args, node.keywords
            case _ if type(node) in _FIELDS:
                rest.extend(getattr(node, name) for name in _FIELDS[type(node)])
            case _:  # a text, or a bound of a slice that is left out
                continue
        count += 1
    return count
