"""The steps of pure work that turns of loops and applications of functions take (SPEC.md, section 12).

They are found once from the text, so that the run and its estimate charge the same. Parts count whether or not
evaluation comes to them, since a turn or an application is charged before it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Union, get_args

from rlmlang.language import nodes

ITERATION, APPLICATION = 4, 8
"""Steps of a turn of a loop or comprehension, and of an application, without the parts that they evaluate."""

CATCH = 50
"""Steps of catching an error, which takes longer than other work."""

WAIT = 20
"""Steps of putting work off until what it needs is there."""

SHARED = 50
"""Steps of asking again for a call that was asked before."""

_EXPRESSIONS = frozenset(get_args(nodes.Expr))


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


def loop_steps(node: nodes.For | nodes.While) -> int:
    """Return the steps of one turn of a loop.

    The iterable of a `for` and the test of a `while` are parts of what contains the loop; the test, which follows
    each turn too, is also a part of the turn. A turn over `range(…)` takes a step for the number.
    """
    steps = ITERATION + _count_body(node.body)
    if isinstance(node, nodes.While):
        return steps + count_parts(node.test)
    match node.iterable:
        case nodes.Apply(callee=nodes.Name(id="range")):
            return steps + 1
    return steps


def function_steps(node: nodes.Function | nodes.Lambda) -> int:
    """Return the steps of one application of a function."""
    if isinstance(node, nodes.Lambda):
        return APPLICATION + count_parts(node.body)
    return APPLICATION + _count_body(node.body)


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
            case _ if type(node) in _EXPRESSIONS:
                rest.extend(getattr(node, name) for name in nodes.PART_NAMES[type(node)])
            case _:  # a text, or a bound of a slice that is left out
                continue
        count += 1
    return count


def _count_body(body: tuple[nodes.Statement, ...]) -> int:
    """Return the number of parts in statements, without the bodies of the loops and functions among them."""
    count = 0
    rest: list[Union[nodes.Statement, nodes.Branch, nodes.Handler]] = [*body]
    while rest:
        node = rest.pop()
        match node:
            case nodes.If(branches=branches, orelse=orelse):
                rest += branches
                rest += orelse
            case nodes.Branch(test=test, body=inner):
                count += count_parts(test)
                rest += inner
            case nodes.Try(body=inner, handlers=handlers):
                rest += inner
                rest += handlers
            case nodes.Handler(body=inner):
                rest += inner
            case nodes.For(iterable=head) | nodes.While(test=head):
                count += count_parts(head)
            case nodes.Assign(targets=targets, value=value):
                count += count_parts(*_evaluated(targets), value)
            case nodes.AugmentedAssign(target=target, value=value):
                count += 1 + count_parts(target, value)
            case nodes.Assert(test=test, message=message):
                count += count_parts(test) + _count_optional(message)
            case nodes.Raise(message=value) | nodes.Return(value=value) | nodes.AnnotatedAssign(value=value):
                count += _count_optional(value)
            case nodes.ExprStatement(value=value):
                count += count_parts(value)
            case _:  # what has no expressions, or a function, whose parts are those of its applications
                pass
    return count


def _count_optional(expr: nodes.Expr | None) -> int:
    return 0 if expr is None else count_parts(expr)


def _evaluated(targets: tuple[nodes.Target, ...]) -> Iterator[nodes.Index]:
    """Return the targets that evaluate something: `xs[i]` does, a name does not."""
    for target in targets:
        if isinstance(target, nodes.TupleTarget):
            yield from _evaluated(target.items)
        elif isinstance(target, nodes.Index):
            yield target
