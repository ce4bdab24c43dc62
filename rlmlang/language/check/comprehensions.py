"""The rules for comprehensions and generator expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from rlmlang.language import nodes
from rlmlang.language.check.body import names_in
from rlmlang.language.check.inference import Inference, facts
from rlmlang.language.check.iteration import element_of, hashed, unpack
from rlmlang.language.check.scope import Scope, Unbound, Variable
from rlmlang.language.types import DictType, ListType, SetType, Type

Checks = TypeVar("Checks")

MAX_TURNS = 8
"""How many turns are followed in which functions give variables wider types."""


def in_turns(check: Inference, turn: Callable[[], Checks]) -> Checks:
    """Check a turn, again if a function in it has given a variable a wider type, which the next turn sees."""
    found = len(check.problems)
    for _ in range(MAX_TURNS):
        widenings = check.names.widenings
        result = turn()
        if check.names.widenings == widenings:
            break
        check.problems.forget(found)
    return result


def comprehension(check: Inference, node: nodes.Comprehension) -> Type:
    return in_turns(check, partial(_comprehension, check, node))


def _comprehension(check: Inference, node: nodes.Comprehension) -> Type:
    with clauses(check, node):
        if node.key is not None:
            key = hashed(check, check.infer(node.key), node.key, "the key")
            return DictType(key, check.infer(node.element))
        element = check.infer(node.element)
        if node.kind == "set":
            return SetType(hashed(check, element, node.element, "the element of a set"))
        return ListType(element)


@contextmanager
def clauses(check: Inference, node: nodes.Comprehension) -> Iterator[None]:
    """Check the clauses of a comprehension, and stay in the scope that they make for its element."""
    names = check.names
    outer = names.scope
    first = node.clauses[0]
    assert isinstance(first, nodes.ForClause)
    first_type = check.infer(first.iterable)
    names.scope = inner = Scope("comprehension", outer)
    try:
        for clause in node.clauses:
            if isinstance(clause, nodes.ForClause):
                for target in names_in(clause.target):
                    inner.entries.setdefault(target.id, Unbound(target.span))
        for clause in node.clauses:
            if isinstance(clause, nodes.ForClause):
                type_ = first_type if clause is first else check.infer(clause.iterable)
                _bind_target(check, clause.target, element_of(check, type_, clause.iterable), inner)
            else:
                check.test(clause.test)
                names.scope = Scope("facts", names.scope, facts=facts(check, clause.test, True))
        yield
    finally:
        names.scope = outer


def _bind_target(check: Inference, target: nodes.Target, type_: Type, scope: Scope) -> None:
    if isinstance(target, nodes.TupleTarget):
        for item, item_type in zip(target.items, unpack(check.problems, type_, len(target.items), target.span)):
            _bind_target(check, item, item_type, scope)
        return
    here, check.names.scope = check.names.scope, scope
    if isinstance(target, nodes.Name):
        check.names.bind(target, Variable(type_, target.span))
        check.tables.types[target.node_id] = type_
    else:
        check.problems.error("E100", "a comprehension binds names only", target.span)
    check.names.scope = here
