"""Compile comprehensions to closures, and generators in `any` and `all`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from attrs import frozen

from rlmlang.errors import RlmError
from rlmlang.language import nodes
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.paths import roots_of
from rlmlang.language.source import Span
from rlmlang.runtime.closures import Binder, Code, Compiler, FrameNames, Later, bind_name, bind_parts, dict_of
from rlmlang.runtime.expressions import set_when_known
from rlmlang.runtime.frames import Frame, charge
from rlmlang.runtime.lazy_rows import LazyRows, RowCursor
from rlmlang.runtime.pending import Pending, as_container, build_list, copied, resolved, truth
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place, Window
from rlmlang.runtime.steps import turn_steps
from rlmlang.runtime.values import Value


@frozen(eq=False)
class _Clause:
    """A clause of a comprehension: a `for` with a target, or an `if` without one."""

    code: Code
    """Its iterable or test."""
    site: int
    levels: int
    """How many levels of its value may be changed while it waits."""
    later: Later
    """How what follows it is evaluated later."""
    bind: Binder | None = None
    steps: int = 0
    """Of a turn."""


def comprehension(compiler: Compiler, node: nodes.Comprehension) -> Code:
    span, kind = node.span, node.kind
    clauses, element, key = _compile(compiler, node)

    def emit(frame: Frame) -> Value:
        return element(frame) if key is None else (key(frame), element(frame))

    run_clauses = _clauses(clauses, emit, span)

    def finish(frame: Frame, elements: list[Value]) -> Value:
        if kind == "dict":
            return dict_of(elements, frame, span)
        return set_when_known(frame, elements, span) if kind == "set" else build_list(elements)

    def run(frame: Frame) -> Value:
        out: list[Value] = []
        run_clauses(0, frame, out)
        return _joined(out, partial(finish, frame))

    return run


def _compile(compiler: Compiler, node: nodes.Comprehension) -> tuple[list[_Clause], Code, Code | None]:
    """Compile the clauses, the element, and the key if there is one."""
    outer = compiler.scope
    clauses: list[_Clause] = []
    results = [node.element] if node.key is None else [node.key, node.element]
    steps = iter(turn_steps(node))
    for i, clause in enumerate(node.clauses):
        rest = [each.test if isinstance(each, nodes.IfClause) else each.iterable for each in node.clauses[i + 1 :]]
        later = compiler.later(*rest, *results)
        value = clause.test if isinstance(clause, nodes.IfClause) else clause.iterable
        code, levels = compiler.code(value), compiler.changeable(value)
        bind, turn = None, 0
        if isinstance(clause, nodes.ForClause):
            names = {name.id for name in roots_of(clause.target)}
            compiler.scope = FrameNames(names, compiler.scope, compiler.scope.within)
            bind, turn = _binder(compiler, clause.target), next(steps)
        clauses.append(_Clause(code, value.span.end, levels, later, bind, turn))
    element = compiler.code(node.element)
    key = compiler.code(node.key) if node.key is not None else None
    compiler.scope = outer
    return clauses, element, key


def _binder(compiler: Compiler, target: nodes.Target) -> Binder:
    if isinstance(target, nodes.TupleTarget):
        return bind_parts(compiler, target, [_binder(compiler, item) for item in target.items])
    assert isinstance(target, nodes.Name)
    return bind_name(target.id)


def quantifier(compiler: Compiler, generator: nodes.Comprehension, stop: bool) -> Code:
    """Compile `any` or `all` of a generator: elements are evaluated in order, up to the first whose truth is `stop`."""

    def decided(value: Value) -> Value:
        return stop if truth(value) is stop else _UNDECIDED

    return _searching(compiler, generator, decided, lambda frame: not stop)


def first_element(compiler: Compiler, node: nodes.Apply, generator: nodes.Comprehension, target: NativeTarget) -> Code:
    """Compile `next` of a generator: its first element, or else what the second argument gives."""
    defaults = [*target.args[1:], *(value for _, value in target.keywords)]
    code, site, span = target.builtin.code, node.span.end, node.span

    def none(frame: Frame) -> Value:
        return _UNDECIDED

    def checked(frame: Frame, found: Value) -> Value:
        if found is not _UNDECIDED:
            return found
        try:
            return code(frame.evaluation.meter)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    search = _searching(compiler, generator, lambda value: value, compiler.code(defaults[0]) if defaults else none)

    def run(frame: Frame) -> Value:
        found = search(frame)
        if found.__class__ is Pending:
            return frame.evaluation.defer([found], Place(frame, site), lambda: checked(frame, resolved(found)))
        return checked(frame, found)

    return search if defaults else run


_UNDECIDED = object()
"""The result of a search that has not found anything yet."""


def _searching(
    compiler: Compiler, generator: nodes.Comprehension, decided: Callable[[Value], Value], otherwise: Code
) -> Code:
    """Compile a search through the elements of a generator, in order, up to the first that `decided` gives a value for.

    The value is that of `otherwise` if there is none.
    """
    clauses, element, _ = _compile(compiler, generator)
    site = generator.span.end
    undecided = _UNDECIDED

    def search(frame: Frame, level: int) -> Value:
        """Return what the first element from this clause on that decides gives, else `undecided`."""
        if level == len(clauses):
            value = resolved(element(frame))
            if value.__class__ is Pending:
                return frame.evaluation.defer(
                    [value], Place(frame, site), lambda: decided(resolved(value)), whole=False
                )
            return decided(value)
        clause = clauses[level]
        value = resolved(clause.code(frame))
        if value.__class__ is Pending:
            known = copied(value, clause.levels, frame.evaluation.meter)
            return clause.later.defer(frame, [known], clause.site, lambda then: go(then, level, resolved(known)))
        return go(frame, level, value)

    def go(frame: Frame, level: int, value: Value) -> Value:
        clause = clauses[level]
        if clause.bind is None:
            return search(frame.inside(clause.site), level + 1) if truth(value) else undecided
        return each(frame, level, as_sequence(value), 0)

    def each(frame: Frame, level: int, items: Sequence[Value], begin: int) -> Value:
        clause = clauses[level]
        for turn in range(begin, len(items)):
            charge(frame, clause.steps, generator.span, clause.site, turn)
            found = resolved(search(_turn(frame, clause, items[turn], turn), level + 1))
            if found.__class__ is Pending:
                rest = copied(items, clause.levels, frame.evaluation.meter)
                return clause.later.defer(frame, [found], clause.site, partial(go_on, level, rest, turn + 1, found))
            if found is not undecided:
                return found
        return undecided

    def go_on(level: int, items: Sequence[Value], turn: int, found: Pending, frame: Frame) -> Value:
        return each(frame, level, items, turn) if found.value is undecided else found.value

    def run(frame: Frame) -> Value:
        found = resolved(search(frame, 0))
        if found.__class__ is Pending:
            place = Place(frame, site)
            other = otherwise(frame)
            return frame.evaluation.defer([found], place, lambda: other if found.value is undecided else found.value)
        return otherwise(frame) if found is undecided else found

    return run


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
        clause = clauses[level]
        value = resolved(clause.code(frame))
        if value.__class__ is Pending:
            known = copied(value, clause.levels, frame.evaluation.meter)
            out.append(_Splice(clause.later.defer(frame, [known], clause.site, partial(run_later, level, known))))
        else:
            go(level, frame, value, out)

    def run_later(level: int, value: Value, frame: Frame) -> Value:
        inner: list[Value] = []
        go(level, frame, resolved(value), inner)
        return _Elements(inner)

    def go(level: int, frame: Frame, value: Value, out: list[Value]) -> None:
        clause = clauses[level]
        if clause.bind is not None:
            each(level, Window(frame.window), frame, as_sequence(value), 0, out, clause.levels)
        elif truth(value):
            run(level + 1, frame.inside(clause.site), out)

    def each(
        level: int, window: Window, frame: Frame, items: Sequence[Value], begin: int, out: list[Value], levels: int
    ) -> None:
        clause = clauses[level]
        backpressure = frame.evaluation.calls.backpressure
        for turn in range(begin, len(items)):
            if (relief := window.relief() or backpressure()) is not None:
                rest = partial(run_rest, level, window, copied(items, levels, frame.evaluation.meter), turn)
                out.append(_Splice(clause.later.hold_back(frame, relief, Place(frame, clause.site, turn), rest)))
                return
            charge(frame, clause.steps, span, clause.site, turn)
            child = _turn(frame, clause, items[turn], turn)
            child.window = window
            run(level + 1, child, out)

    def run_rest(level: int, window: Window, items: Sequence[Value], turn: int, frame: Frame) -> Value:
        rest: list[Value] = []
        each(level, window, frame, items, turn, rest, 0)
        return _Elements(rest)

    return run


def as_sequence(value: Value) -> Sequence[Value]:
    """Return what a loop over a container or text iterates over."""
    items = as_container(value)
    if items.__class__ is LazyRows:
        return RowCursor(items)
    return items if items.__class__ in (list, tuple, str, range) else list(items)


def apply_to_each(
    frame: Frame,
    items: Sequence[Value],
    site: int,
    levels: int,
    later: Later,
    applied: Callable[[Frame], Callable[[Value, int], Value]],
) -> Value:
    """Return the list of what `applied(frame)(item, turn)` gives, as a comprehension with turns at a site makes it.

    While too much is queued or waits, the items that are left are held back; `levels` of them may be changed meanwhile.
    """
    window = Window(frame.window)

    def run(frame: Frame, items: Sequence[Value], begin: int, levels: int) -> list[Value]:
        out: list[Value] = []
        backpressure = frame.evaluation.calls.backpressure
        apply = applied(frame.counted(window))
        for turn in range(begin, len(items)):
            if (relief := window.relief() or backpressure()) is not None:
                rest = partial(run_rest, copied(items, levels, frame.evaluation.meter), turn)
                out.append(_Splice(later.hold_back(frame, relief, Place(frame, site, turn), rest)))
                break
            out.append(apply(items[turn], turn))
        return out

    def run_rest(items: Sequence[Value], turn: int, frame: Frame) -> Value:
        return _Elements(run(frame, items, turn, 0))

    return _joined(run(frame, items, 0, levels), build_list)


class _Elements:
    """The output of clauses that ran later, which may contain splices itself."""

    __slots__ = ("out",)

    def __init__(self, out: list[Value]) -> None:
        self.out = out


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


def _turn(frame: Frame, clause: _Clause, item: Value, turn: int) -> Frame:
    """Return the frame of a turn of a `for` clause."""
    assert clause.bind is not None
    child = Frame(frame.evaluation, frame, {}, frame, clause.site, turn)
    clause.bind(child, item)
    return child
