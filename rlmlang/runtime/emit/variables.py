"""Which names a body binds, how often, and which of them functions inside it read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rlmlang.language import nodes


def bindings(body: Iterable[nodes.Statement]) -> Counter[str]:
    """Return how many times each name is bound in a body, without the functions in it."""
    count: Counter[str] = Counter()
    rest: list[Any] = [*body]
    while rest:
        node = rest.pop()
        match node:
            case nodes.Assign(targets=targets):
                for target in targets:
                    count.update(_names(target))
            case nodes.AnnotatedAssign(name=name, value=value):
                count.update([name.id] if value is not None else [])
            case nodes.AugmentedAssign(target=nodes.Name(id=id_)):
                count[id_] += 1
            case nodes.For(target=target, body=inner):
                count.update(_names(target))
                rest += inner
            case nodes.While(body=inner) | nodes.Branch(body=inner):
                rest += inner
            case nodes.If(branches=branches, orelse=orelse):
                rest += branches
                rest += orelse
            case nodes.Try(body=inner, handlers=handlers):
                rest += inner
                rest += handlers
            case nodes.Handler(name=name, body=inner):
                count.update([name.id] if name is not None else [])
                rest += inner
            case nodes.Input(name=name):
                count[name.id] += 1
    return count


def sums(body: Iterable[nodes.Statement]) -> set[str]:
    """Return the names that are added to or subtracted from, and bound in no other way but by assignments."""
    added: set[str] = set()
    others: set[str] = set()
    for node in nodes.nodes_in(*body):
        match node:
            case nodes.AugmentedAssign(target=nodes.Name(id=name), op=op):
                (added if op in ("+", "-") else others).add(name)
            case nodes.For(target=target) | nodes.ForClause(target=target):
                others.update(_names(target))
            case nodes.Assign(targets=targets):
                others.update(
                    name for target in targets if isinstance(target, nodes.TupleTarget) for name in _names(target)
                )
            case nodes.Handler(name=nodes.Name(id=name)):
                others.add(name)
    return added - others


def _names(target: nodes.Target) -> Iterator[str]:
    rest: list[nodes.Target] = [target]
    while rest:
        match rest.pop():
            case nodes.Name(id=id_):
                yield id_
            case nodes.TupleTarget(items=items):
                rest += items


def functions_in(body: Iterable[nodes.Statement]) -> Iterator[nodes.Function]:
    """Yield the functions that are defined in a body, without those inside them."""
    rest: list[Any] = [*body]
    while rest:
        node = rest.pop()
        match node:
            case nodes.Function():
                yield node
            case nodes.For(body=inner) | nodes.While(body=inner) | nodes.Branch(body=inner) | nodes.Handler(body=inner):
                rest += inner
            case nodes.If(branches=branches, orelse=orelse):
                rest += branches
                rest += orelse
            case nodes.Try(body=inner, handlers=handlers):
                rest += inner
                rest += handlers


def read_inside(body: Iterable[nodes.Statement]) -> set[str]:
    """Return every name that occurs in the functions of a body: an outer variable that they read is among them."""
    return {
        node.id
        for function in functions_in(body)
        for node in nodes.nodes_in(*function.body)
        if isinstance(node, nodes.Name)
    }


def handler_names(body: Sequence[nodes.Statement]) -> set[str]:
    """Return the names that handlers bind to messages, which have no value after the handler."""
    handlers = (node for node in nodes.nodes_in(*body) if isinstance(node, nodes.Handler))
    return {handler.name.id for handler in handlers if handler.name is not None}


def imports_module(module: nodes.Module, name: str) -> bool:
    """Return whether a program imports a module, or something from it."""
    imports = (node for node in nodes.nodes_in(*module.statements) if isinstance(node, nodes.Import))
    return any(node.module == name or any(each.name == name for each in node.names) for node in imports)
