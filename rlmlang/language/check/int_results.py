"""Results whose values must be ints although their types are not.

`best = float("inf")` is how programs begin to look for a least number. The type of `best` is float from then on, while
its value is an int in the end. A `return` of it from a function whose result is an int makes sure of that.
"""

from __future__ import annotations

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.builtins import SYNTAX
from rlmlang.language.check.checked import NativeTarget, Tables
from rlmlang.language.hidden_names import WHOLE
from rlmlang.language.types import INT


def with_whole_results(function: nodes.Function, starts: set[int], tables: Tables) -> nodes.Function:
    """Return a function that makes sure of what it returns by the `return` statements that start at some places."""

    def body(statements: tuple[nodes.Statement, ...]) -> tuple[nodes.Statement, ...]:
        return tuple(map(statement, statements))

    def statement(node: nodes.Statement) -> nodes.Statement:
        match node:
            case nodes.Return(value=nodes.Node() as value) if node.span.start in starts:
                return evolve(node, value=_whole(value, tables))
            case nodes.If(branches=branches, orelse=orelse):
                inner = tuple(evolve(branch, body=body(branch.body)) for branch in branches)
                return evolve(node, branches=inner, orelse=body(orelse))
            case nodes.For() | nodes.While():
                return evolve(node, body=body(node.body))
            case nodes.Try(handlers=handlers):
                inner_handlers = tuple(evolve(handler, body=body(handler.body)) for handler in handlers)
                return evolve(node, body=body(node.body), handlers=inner_handlers)
        return node

    return evolve(function, body=body(function.body))


def _whole(value: nodes.Expr, tables: Tables) -> nodes.Apply:
    row = SYNTAX[""][WHOLE]
    number = -2 - value.node_id  # of no node that a text has
    made = nodes.Apply(nodes.Name(WHOLE, span=value.span), (value,), span=value.span, node_id=number)
    tables.targets[number] = NativeTarget(row, row.signatures[0], (value,), ())
    tables.types[number] = INT
    return made
