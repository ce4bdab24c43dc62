"""Compile comprehensions to closures, and generators in `any` and `all`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Union

from rlmlang.language import nodes
from rlmlang.language.source import Span
from rlmlang.runtime.closures import Code, Compiler, Frame, FrameNames, Pattern, charge, dict_of, unpack
from rlmlang.runtime.pending import UNRESOLVED, Pending, Place, as_container, build_list, resolved
from rlmlang.runtime.steps import turn_steps
from rlmlang.runtime.values import Value

_Clause = tuple[Code, Union[Pattern, None], int, int]
"""A `for` has its iterable, target, offset and steps of a turn; an `if` has its test, None, offset and 0."""


def comprehension(compiler: Compiler, node: nodes.Comprehension) -> Code:
    span = node.span
    inner, clauses = compile_clauses(compiler, node)
    outer, compiler.scope = compiler.scope, inner
    element = compiler.code(node.element)
    key = compiler.code(node.key) if node.key is not None else None
    compiler.scope = outer

    def emit(frame: Frame) -> Value:
        return element(frame) if key is None else (key(frame), element(frame))

    run_clauses = _clauses(clauses, emit, span)

    def run(frame: Frame) -> Value:
        out: list[Value] = []
        run_clauses(0, frame, out)
        return _gather(out, frame, span, key is not None)

    return run


def compile_clauses(compiler: Compiler, node: nodes.Comprehension) -> tuple[FrameNames, list[_Clause]]:
    """Compile the clauses. Returns them and the names of the frame in which the element is evaluated."""
    outer = compiler.scope
    clauses: list[_Clause] = []
    steps = iter(turn_steps(node))
    for clause in node.clauses:
        if isinstance(clause, nodes.IfClause):
            clauses.append((compiler.code(clause.test), None, clause.span.start, 0))
            continue
        iterable = compiler.code(clause.iterable)
        names = list(_names(clause.target))
        compiler.scope = FrameNames(set(names), compiler.scope, compiler.scope.within)
        target = names[0] if isinstance(clause.target, nodes.Name) else _pattern(clause.target)
        clauses.append((iterable, target, clause.span.start, next(steps)))
    inner, compiler.scope = compiler.scope, outer
    return inner, clauses


def quantifier(compiler: Compiler, generator: nodes.Comprehension, stop: bool) -> Code:
    """Compile `any` or `all` of a generator: elements are evaluated in order, up to the first whose truth is `stop`."""
    site, span = generator.span.start, generator.span
    inner, clauses = compile_clauses(compiler, generator)
    outer, compiler.scope = compiler.scope, inner
    element = compiler.code(generator.element)
    compiler.scope = outer

    def search(frame: Frame, level: int, then: Callable[[], Value]) -> Value:
        """Return `stop` if an element from this clause on has that truth, else what `then` returns."""
        if level == len(clauses):
            return when(frame, element(frame), lambda value: stop if bool(value) is stop else then())
        code, target, _, _ = clauses[level]
        value = code(frame)
        if target is None:
            return when(frame, value, lambda v: search(frame, level + 1, then) if v else then())
        return when(frame, as_container(value), lambda v: each(frame, level, list(v), 0, then))

    def each(frame: Frame, level: int, items: list[Value], start: int, then: Callable[[], Value]) -> Value:
        _, target, at, steps = clauses[level]
        undecided = object()
        for turn in range(start, len(items)):
            charge(frame, steps, span, at, turn)
            child = _iteration(frame, target, items[turn], at, turn)
            found = search(child, level + 1, lambda: undecided)
            if found.__class__ is Pending:
                rest = partial(each, frame, level, items, turn + 1, then)
                return when(frame, found, partial(_continue, undecided, rest))
            if found is not undecided:
                return found
        return then()

    def when(frame: Frame, value: Value, go: Callable[[Value], Value]) -> Value:
        value = resolved(value)
        if value.__class__ in UNRESOLVED:
            return frame.evaluation.defer([value], Place(frame, site), lambda: go(resolved(value)))
        return go(value)

    return lambda frame: search(frame, 0, lambda: not stop)


class _Splice:
    """A place in the output of a comprehension whose elements are unresolved: `elements` is a Pending of them."""

    __slots__ = ("elements",)

    def __init__(self, elements: Pending) -> None:
        self.elements = elements


def _clauses(clauses: Sequence[_Clause], emit: Code, span: Span) -> Callable[[int, Frame, list[Value]], None]:
    """Compile running the clauses from a given one on, which appends the elements to a list."""

    def run(level: int, frame: Frame, out: list[Value]) -> None:
        if level == len(clauses):
            out.append(emit(frame))
            return
        code, target, at, _ = clauses[level]
        value = code(frame)
        go = branch if target is None else each
        value = resolved(value) if target is None else as_container(value)
        if value.__class__ in UNRESOLVED:

            def later() -> Value:
                inner: list[Value] = []
                go(level, frame, resolved(value) if target is None else as_container(value), inner)
                return _Elements(inner)

            out.append(_Splice(frame.evaluation.defer([value], Place(frame, at), later)))
        else:
            go(level, frame, value, out)

    def branch(level: int, frame: Frame, value: Value, out: list[Value]) -> None:
        if value:
            run(level + 1, frame, out)

    def each(level: int, frame: Frame, items: Value, out: list[Value], begin: int = 0) -> None:
        _, target, at, steps = clauses[level]
        assert target is not None
        calls = frame.evaluation.calls
        for turn, item in enumerate(islice(items, begin, None), begin):
            if (relief := calls.backpressure()) is not None:
                rest = partial(run_rest, level, frame, items, turn)
                out.append(_Splice(frame.evaluation.hold_back(relief, Place(frame, at, turn), rest)))
                return
            charge(frame, steps, span, at, turn)
            run(level + 1, _iteration(frame, target, item, at, turn), out)

    def run_rest(level: int, frame: Frame, items: Value, turn: int) -> Value:
        rest: list[Value] = []
        each(level, frame, items, rest, turn)
        return _Elements(rest)

    return run


def apply_to_each(frame: Frame, items: Collection[Value], at: int, apply: Callable[[Value, int], Value]) -> Value:
    """Return the list of what `apply(item, turn)` gives, as a comprehension that begins `at` an offset makes it.

    While too many calls are queued, the items that are left are held back.
    """
    calls = frame.evaluation.calls

    def run(begin: int) -> list[Value]:
        out: list[Value] = []
        for turn, item in enumerate(islice(items, begin, None), begin):
            if (relief := calls.backpressure()) is not None:
                rest = partial(run_rest, turn)
                out.append(_Splice(frame.evaluation.hold_back(relief, Place(frame, at, turn), rest)))
                return out
            out.append(apply(item, turn))
        return out

    def run_rest(begin: int) -> Value:
        return _Elements(run(begin))

    return _joined(run(0), build_list)


class _Elements:
    """The output of clauses that ran later, which may contain splices itself."""

    __slots__ = ("out",)

    def __init__(self, out: list[Value]) -> None:
        self.out = out


def _gather(out: list[Value], frame: Frame, span: Span, pairs: bool) -> Value:
    """Return the list or dict that the output of a comprehension makes."""
    return _joined(out, (lambda elements: dict_of(elements, frame, span)) if pairs else build_list)


def _joined(out: list[Value], finish: Callable[[list[Value]], Value]) -> Value:
    """Return what `finish` makes of the output, once its splices are resolved."""
    if not any(item.__class__ is _Splice for item in out):
        return finish(out)
    result = Pending()
    missing = 1

    def flatten(items: list[Value]) -> Iterator[Value]:
        open_ = [iter(items)]  # a stack, since splices may nest deeper than Python's calls
        while open_:
            for item in open_[-1]:
                if item.__class__ is _Splice:
                    open_.append(iter(item.elements.value.out))
                    break
                yield item
            else:
                open_.pop()

    def wait(items: list[Value]) -> None:
        """Wait for the splices among the items, each once, and for those inside them."""
        nonlocal missing
        for item in items:
            if item.__class__ is _Splice:
                missing += 1
                item.elements.when(partial(arrived, item.elements))

    def arrived(elements: Pending | None) -> None:
        nonlocal missing
        if elements is not None:
            wait(elements.value.out)
        missing -= 1
        if missing == 0:
            result.resolve(finish(list(flatten(out))))

    wait(out)
    arrived(None)
    return result


def _iteration(frame: Frame, target: Pattern | None, item: Value, site: int, turn: int) -> Frame:
    if target.__class__ is str:
        return Frame(frame.evaluation, frame, {target: item}, frame, site, turn)
    child = Frame(frame.evaluation, frame, {}, frame, site, turn)
    assert isinstance(target, tuple)
    unpack(item, target, child, site)
    return child


def _continue(undecided: object, rest: Callable[[], Value], found: Value) -> Value:
    return rest() if found is undecided else found


def _names(target: nodes.Target) -> Iterator[str]:
    if isinstance(target, nodes.Name):
        yield target.id
    else:
        for item in target.items:
            yield from _names(item)


def _pattern(target: nodes.Target) -> Pattern:
    return target.id if isinstance(target, nodes.Name) else tuple(map(_pattern, target.items))
