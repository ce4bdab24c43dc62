"""Emit comprehensions, and what loops have in common: their turns, each of which is charged before it begins."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rlmlang.language import nodes
from rlmlang.language.builtins.sequence_functions import RANGE_OF_TURNS, counted_range
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.source import Span
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter, NotFast, emits
from rlmlang.runtime.emit.facts import INDEX_BITS, Emitted
from rlmlang.runtime.emit.gathering import GatheredTurn, gathered
from rlmlang.runtime.emit.helpers import dict_of, set_from, unpacked
from rlmlang.runtime.emit.metering import charge, charge_items
from rlmlang.runtime.emit.unit import Redo
from rlmlang.runtime.steps import turn_steps


@emits(nodes.Comprehension)
def comprehension(e: Emitter, node: nodes.Comprehension) -> Emitted:
    result = _elements(e, node)
    if node.kind == "set":
        result = e.simple(result)
        charge_items(e, python.call("len", python.again(result.code)), node.span)
        return Emitted(e.helper(set_from, result.code, span=node.span))
    if node.kind == "dict":
        return Emitted(e.helper(dict_of, result.code, span=node.span))
    return result


def _elements(e: Emitter, node: nodes.Comprehension) -> Emitted:
    """Emit the list of the elements of a comprehension, or of its pairs of key and value."""

    def element() -> ast.expr:
        values = [value.code for value in e.operands([node.element] if node.key is None else [node.key, node.element])]
        return values[0] if node.key is None else ast.Tuple(values, python.LOAD)

    first, *rest = node.clauses
    assert isinstance(first, nodes.ForClause)
    iterable, each = iterated(e, first.iterable)
    items = e.simple(Emitted(iterable)).code

    def turn() -> GatheredTurn:
        assert e.fast is not None
        with e.scope():
            target = _pattern(e, first.target, each)
            charge(e, turn_steps(node)[0], node.span)
            tests: list[ast.expr] = []
            for clause in rest:
                if isinstance(clause, nodes.ForClause):
                    raise NotFast
                with e.fast.sometimes() if tests else nullcontext():
                    tests.append(e.expr(clause.test).code)
            steps = e.fast.steps
            return GatheredTurn(target, tests, element(), e.fast.steps - steps if tests else 0)

    def turns(result: str) -> None:
        def gather() -> None:
            e.add(ast.Expr(python.call(python.attribute(python.load(result), "append"), element())))

        clauses(e, node, gather, first=(python.again(items), each))

    return gathered(e, items, turn, turns)


def _pattern(e: Emitter, target: nodes.Target, element: Emitted) -> ast.expr:
    if isinstance(target, nodes.Name):
        return python.store(e.declare(target.id, element.bits, element.chars))
    assert isinstance(target, nodes.TupleTarget)
    return ast.Tuple([_pattern(e, item, Emitted(element.code)) for item in target.items], python.STORE)


def quantifier(e: Emitter, node: nodes.Comprehension, stop: bool) -> Emitted:
    """Emit `any` or `all` of a generator, which ends at the first element whose truth is `stop`."""
    result = e.temporary(python.const(not stop))

    def decide() -> None:
        value = e.expr(node.element).code
        found: list[ast.stmt] = [python.assign(result.id, python.const(stop)), ast.Break()]
        e.add(python.when(value if stop else python.negated(value), found))

    def leave() -> None:
        test = python.load(result.id)
        e.add(python.when(test if stop else python.negated(test), [ast.Break()]))

    clauses(e, node, decide, leave)
    return Emitted(python.load(result.id))


def first_element(e: Emitter, node: nodes.Apply, generator: nodes.Comprehension, target: NativeTarget) -> Emitted:
    """Emit `next` of a generator: its first element, or else what the second argument gives."""
    result, found = e.temporary(python.const(None)), e.temporary(python.const(False))

    def decide() -> None:
        e.add(python.assign(result.id, e.expr(generator.element).code))
        e.add(python.assign(found.id, python.const(True)))
        e.add(ast.Break())

    clauses(e, generator, decide, lambda: e.add(python.when(python.load(found.id), [ast.Break()])))
    defaults = [*target.args[1:], *(value for _, value in target.keywords)]
    otherwise: list[ast.stmt] = []
    with e.within(otherwise):
        if defaults:
            e.add(python.assign(result.id, e.expr(defaults[0]).code))
        else:
            e.add(ast.Expr(e.helper(target.builtin.code, span=node.span)))
    e.add(python.when(python.negated(python.load(found.id)), otherwise))
    return Emitted(python.load(result.id))


def clauses(
    e: Emitter,
    node: nodes.Comprehension,
    inside: Callable[[], None],
    after: Callable[[], None] | None = None,
    first: tuple[ast.expr, Emitted] | None = None,
) -> None:
    """Emit the clauses of a comprehension, with `inside` in the innermost loop and `after` each loop in another.

    `first` is the first iterable and what is known of its elements, if it has been emitted.
    """
    steps = iter(turn_steps(node))

    def run(i: int, is_first: bool) -> None:
        if i == len(node.clauses):
            inside()
            return
        clause = node.clauses[i]
        if isinstance(clause, nodes.IfClause):
            test = e.expr(clause.test).code
            body: list[ast.stmt] = []
            with e.within(body):
                run(i + 1, is_first)
            e.add(python.when(test, body))
            return
        iterable, element = first if i == 0 and first is not None else iterated(e, clause.iterable)
        with e.scope(), each_turn(e, clause.target, iterable, element, next(steps), node.span):
            run(i + 1, False)
        if after is not None and not is_first:
            after()

    run(0, True)


def iterated(e: Emitter, node: nodes.Expr) -> tuple[ast.expr, Emitted]:
    """Emit what a loop iterates over. Returns it, and what is known of its elements."""
    if isinstance(node, nodes.Apply) and isinstance(target := e.tables.targets.get(node.node_id), NativeTarget):
        if target.builtin.name == "range" and not target.keywords:
            bounds = e.operands(target.args)
            bits = INDEX_BITS if len(bounds) == 1 else _most([bound.bits for bound in bounds[:2]])
            range_ = RANGE_OF_TURNS.code if target.builtin is RANGE_OF_TURNS else counted_range
            code = e.helper(range_, *(bound.code for bound in bounds), span=node.span)
            return code, Emitted(code, bits=bits)
    value = e.expr(node)
    return value.code, Emitted(value.code, chars=1 if e.kind(node) == "str" else None)


def _most(bits: list[int | None]) -> int | None:
    known = [each for each in bits if each is not None]
    return max(known) if len(known) == len(bits) else None


@contextmanager
def each_turn(
    e: Emitter, target: nodes.Target, iterable: ast.expr, element: Emitted, steps: int, span: Span
) -> Iterator[None]:
    """Emit a loop over new variables, which charges each turn; its body is what is emitted within the context."""
    body: list[ast.stmt] = []
    with e.nested(), e.within(body):
        charge(e, steps, span)
        if isinstance(target, nodes.Name):
            variable = e.declare(target.id, element.bits, element.chars)
        else:
            variable = e.unit.fresh("t")
            _unpack(e, target, variable)
        yield
    e.add(ast.For(python.store(variable), iterable, body, []))


def _unpack(e: Emitter, target: nodes.Target, whole: str) -> None:
    """Emit binding the parts of a value to new variables."""
    assert isinstance(target, nodes.TupleTarget)
    names = [e.declare(item.id) if isinstance(item, nodes.Name) else e.unit.fresh("t") for item in target.items]
    unpack(e, target, names, python.load(whole))
    for item, name in zip(target.items, names):
        if not isinstance(item, nodes.Name):
            _unpack(e, item, name)


def unpack(e: Emitter, target: nodes.TupleTarget, names: list[str], whole: ast.expr) -> None:
    """Emit putting the elements of a value, which is simple code, into as many variables."""
    redo = Redo(unpacked, (python.again(whole), python.const(len(names))))
    stores = ast.Tuple([python.store(name) for name in names], python.STORE)
    e.add(ast.Assign([stores], whole), e.line(target.span, redo))
