"""Compile changes of values in place: changing methods, assignments to items, and augmented assignments.

A change belongs to the variable that its path, `name[i]…`, begins with. Where the container and the operands are
known, it is made in place. What only moves its operand, as `append` does, puts it into a Partial, even if it is
unresolved. Anything else waits: the variable is pending until the change has been made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen

from rlmlang.errors import RlmError
from rlmlang.language import nodes
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.hidden_names import SET_SLICE
from rlmlang.language.source import Span
from rlmlang.language.types import DequeType, DictType, ListType, SetType
from rlmlang.runtime.change_paths import ChangePath, PathStep, path_of
from rlmlang.runtime.closures import Binder, Code, Compiler, when_known
from rlmlang.runtime.frames import Frame, read
from rlmlang.runtime.operators import CHANGING, OPERATORS, set_item
from rlmlang.runtime.pending import UNRESOLVED, Partial, Pending, Unsure, as_container, resolved, wrap
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import RecordValue, SetValue, Value


class Blocked(Exception):
    """A change has to wait for a value; unless `whole`, the parts of a container need not be known.

    Without a value, it waits until all that is before it has ended.
    """

    def __init__(self, value: Value = None, whole: bool = True) -> None:
        super().__init__()
        self.value = value
        self.whole = whole


Note = Callable[[Partial, Sequence[Value]], None]
"""Takes note of which parts of a container are unresolved, after a change with these operands."""


@frozen(eq=False)
class ChangeOperation:
    """What is done to the container at the end of a path.

    `work(frame, container, *operands)` gives the value of the expression. Operands are known, but for the moved one.
    """

    work: Callable[..., Value]
    moves: bool = False
    """Whether it looks at no element, so that some of them may be unresolved."""
    moved: int | None = None
    """The operand that may be unresolved."""
    replaces: bool = False
    """Whether it replaces the item at the end of the path: the operands are its key, itself, and the others."""
    opens: bool = False
    """Whether its operands are containers whose elements it moves, and which therefore may be unresolved."""
    note: Note | None = None
    """Takes note of which parts are unresolved afterwards; without it, all of them are looked at."""


_NOT_PLAIN = UNRESOLVED | {Unsure, type(None), object}
"""The classes of what a variable may have while its container is not known or not bound."""


class Change(Protocol):
    """A compiled change. If one of its operands is None, that is given to it."""

    def __call__(self, frame: Frame, given: Value = None, /) -> Value: ...


def changing(
    node: nodes.Expr | nodes.AugmentedAssign,
    path: ChangePath,
    operands: Sequence[Code | None],
    operation: ChangeOperation,
) -> Change:
    """Compile a change, whose code is given the value of the operand that is None."""
    span, name, depth, work = node.span, path.name, path.depth, operation.work
    is_direct = path.made is None and not path.steps and not operation.replaces

    def run(frame: Frame, given: Value = None) -> Value:
        values: list[Value] | None = None
        if is_direct and frame.ordered is None:  # a faster copy of what follows for the most frequent case
            variables = frame.around(depth).variables
            container = variables.get(name)
            if container.__class__ not in _NOT_PLAIN:
                values, is_known = [], True
                for code in operands:
                    value = given if code is None else code(frame)
                    if value.__class__ in UNRESOLVED:
                        value = resolved(value)
                        is_known = is_known and value.__class__ not in UNRESOLVED
                    values.append(value)
                if is_known and variables.get(name) is container:
                    try:
                        return work(frame, container, *values)
                    except RlmError as error:
                        raise PlacedError(error.at(span), Place(frame, span.end)) from None
        made = _Made(frame, path, operation, span)
        try:
            if values is None:
                made.begin(operands, given)
            else:
                made.operands = values
                made.read_root()
            result, root = made.make(), made.root
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, made.site)) from None
        except Blocked as blocked:
            root, result = made.later(blocked)
        if path.made is None:
            made.holder.variables[path.name] = root
        return result

    return run


class _Made:
    """A change that is being made: of the value in `root`, which afterwards is what the variable holds."""

    __slots__ = ("found", "frame", "holder", "keys", "operands", "operation", "path", "root", "site", "span")

    def __init__(self, frame: Frame, path: ChangePath, operation: ChangeOperation, span: Span) -> None:
        self.frame = frame
        self.path = path
        self.operation = operation
        self.span = span
        self.site = span.end
        """Where the part ends that is being evaluated, which places failures."""
        self.root: Value = None
        self.keys: list[list[Value]] = []
        """Of each step whose keys were evaluated."""
        self.operands: list[Value] = []
        self.found: tuple[Value, list[tuple[Value, Value]]] | None = None
        """The container at the end of the path, and the containers around it, each with its key."""
        self.holder = frame.around(path.depth)

    def begin(self, operands: Sequence[Code | None], given: Value) -> None:
        """Evaluate the parts in the order in which Python does: the path is followed before the operands."""
        frame, path, variables = self.frame, self.path, self.holder.variables
        self.read_root()
        before = variables.get(path.name)
        try:
            self._follow(path.steps)
        except Blocked as blocked:
            self._evaluate_blocked(blocked, operands, given)
        else:
            self.operands = [given if code is None else code(frame) for code in operands]
        if variables.get(path.name) is not before and path.made is None:  # an operand has changed it too
            self.read_root()
        elif self.root.__class__ is not Partial:
            return
        self.found = None

    def read_root(self) -> None:
        path, frame = self.path, self.frame
        self.root = read(frame, path.name, path.span, path.depth) if path.made is None else path.made(frame)

    def _follow(self, steps: Sequence[tuple[PathStep, list[Code], int]]) -> None:
        """Find the container at the end of the path, and evaluate the keys that were not. Raises Blocked."""
        meter = self.frame.evaluation.meter
        container = self.root = resolved(self.root)
        owners: list[tuple[Value, Value]] = []
        for i, (step, codes, site) in enumerate(steps):
            if i == len(self.keys):
                self.keys.append([code(self.frame) for code in codes])
            self.site = site
            if container.__class__ is Pending:
                raise Blocked(container, whole=False)
            keys = [_known(key) for key in self.keys[i]]
            owners.append((container, keys[0]))
            container = resolved(step(meter, container.parts if container.__class__ is Partial else container, keys))
        self.site = self.span.end
        self.found = container, owners

    def _evaluate_blocked(self, blocked: Blocked, operands: Sequence[Code | None], given: Value) -> None:
        """Evaluate the rest of the keys, and the operands, after the path could not be followed to its end."""
        frame, path = self.frame, self.path
        if path.adds and path.made is None:  # which the operands may see
            followed = self.holder.variables[path.name] = Pending()
            self._look_later(blocked, followed)
        try:
            for _, codes, _ in path.steps[len(self.keys) :]:
                self.keys.append([code(frame) for code in codes])
            self.operands = [given if code is None else code(frame) for code in operands]
        except PlacedError:
            self._look_later(blocked)
            raise

    def _look_later(self, blocked: Blocked, followed: Pending | None = None) -> None:
        """Follow the path, as far as its keys were evaluated, once that can be done: it may be what fails first."""
        look = _Made(self.frame, self.path, self.operation, self.span)
        look.root, look.keys, look.site = self.root, [*self.keys], self.site
        steps = self.path.steps[: len(self.keys)]

        def again() -> None:
            try:
                look._follow(steps)
            except RlmError as error:
                raise PlacedError(error.at(look.span), Place(look.frame, look.site)) from None
            except Blocked as blocked:
                look._wait(blocked, again)
            else:
                if followed is not None:
                    followed.resolve(look.root)

        look._wait(blocked, again)

    def later(self, blocked: Blocked) -> tuple[Pending, Pending]:
        """Make the change once it can be made. Returns what the variable will hold, and the value of the expression."""
        promised, result = Pending(), Pending()

        def again() -> None:
            self.found = None
            try:
                value = self.make()
            except RlmError as error:
                raise PlacedError(error.at(self.span), Place(self.frame, self.site)) from None
            except Blocked as blocked:
                self._wait(blocked, again)
            else:
                promised.resolve(self.root)
                result.resolve(value)

        self._wait(blocked, again)
        return promised, result

    def _wait(self, blocked: Blocked, job: Callable[[], None]) -> None:
        evaluation, place = self.frame.evaluation, Place(self.frame, self.site)
        if blocked.value is None:
            evaluation.in_order(place, job)
        else:
            evaluation.later([blocked.value], place, job, blocked.whole)

    def make(self) -> Value:
        """Make the change, and return the value of the expression. Raises Blocked."""
        operation = self.operation
        ordered = self.frame.ordered is not None
        if self.found is None:
            self._follow(self.path.steps)
        assert self.found is not None
        container, owners = self.found
        given = self.operands
        if operation.replaces:
            item, (container, key) = container, owners[-1]
            owners, given = owners[:-1], [key, item, *given]
        if container.__class__ is Pending:
            raise Blocked(container, whole=False)
        is_plain = container.__class__ is not Partial
        if not is_plain and (ordered or not operation.moves):
            raise Blocked(container)
        values: list[Value] = []
        for i, operand in enumerate(given):
            value = resolved(operand)
            if value.__class__ in UNRESOLVED:
                if ordered or not operation.moves:
                    raise Blocked(value)
                is_plain = False
                if operation.opens:
                    value = as_container(value)
                    if value.__class__ is Pending:
                        raise Blocked(value, whole=False)
                elif i != operation.moved and not (operation.replaces and i == 1):
                    raise Blocked(value)
            values.append(value)
        if ordered and not self.frame.evaluation.has_ended_before(Place(self.frame, self.site)):  # which may still fail
            raise Blocked
        if is_plain:
            return operation.work(self.frame, container, *values)
        return self._move(container, owners, values)

    def _move(self, container: Value, owners: list[tuple[Value, Value]], operands: list[Value]) -> Value:
        """Make the change in a container that has unresolved elements then, which makes Partials of its owners."""
        partial = container if container.__class__ is Partial else _opened(container)
        result = self.operation.work(self.frame, partial.parts, *operands)
        if self.operation.note is not None:
            self.operation.note(partial, operands)
        else:
            self.frame.evaluation.meter.owe(len(partial.parts))
            partial.look()
        if partial is container:
            return result
        for owner, key in reversed(owners):
            outer = owner if owner.__class__ is Partial else _opened(owner)
            if isinstance(outer.parts, list) and key < 0:
                key += len(outer.parts)
            outer.parts[key] = partial
            outer.came(key)
            if outer is owner:
                return result
            partial = outer
        self.root = partial
        return result


def _known(key: Value) -> Value:
    key = resolved(key)
    if key.__class__ in UNRESOLVED:
        raise Blocked(key)
    return key


def _opened(container: Value) -> Partial:
    """Return a container that is plain as one that is to have an unresolved part."""
    if isinstance(container, tuple):
        return Partial(list(container), tuple, plain=True)
    if isinstance(container, RecordValue):
        type_ = container.type
        return Partial(list(container.values), lambda parts: RecordValue(type_, tuple(parts)), plain=True)
    return Partial(container, plain=True)


# Methods


def _last_came(container: Partial, operands: Sequence[Value]) -> None:
    container.came(len(container.parts) - 1)


def _many_came(container: Partial, operands: Sequence[Value]) -> None:
    for i in range(len(container.parts) - len(operands[0]), len(container.parts)):
        container.came(i)


def _one_came(container: Partial, operands: Sequence[Value]) -> None:
    key = operands[0]
    container.came(key + len(container.parts) if isinstance(container.parts, list) and key < 0 else key)


def _some_went(container: Partial, operands: Sequence[Value]) -> None:
    if operands and isinstance(container.parts, list):  # all behind it have moved
        container.look()
    else:
        container.took()


_NOTES: dict[str, Note] = {
    "append": _last_came,
    "extend": _many_came,
    "setdefault": _one_came,
    "pop": _some_went,
    "popitem": _some_went,
    "clear": _some_went,
}
_MOVED = {"append": 0, "insert": 1, "setdefault": 1}


def change(compiler: Compiler, node: nodes.Apply, target: NativeTarget, operands: Sequence[Code]) -> Code:
    """Compile the application of a changing method; its value is None, or what it takes out of its receiver."""
    code, name = target.builtin.code, target.builtin.name
    count = len(target.args) - 1
    names = [keyword for keyword, _ in target.keywords]

    def work(frame: Frame, container: Value, *operands: Value) -> Value:
        if names:
            operands, named = operands[:count], dict(zip(names, operands[count:]))
            return code(frame.evaluation.meter, container, *operands, **named)
        result = code(frame.evaluation.meter, container, *operands)
        return wrap(result, levels) if levels and result is not None else result

    levels = target.builtin.moves
    operation = ChangeOperation(
        work, levels is not None, _MOVED.get(name), opens=name == "extend", note=_NOTES.get(name)
    )
    path = path_of(compiler, target.args[0])
    if name != SET_SLICE:
        return changing(node, path, operands, operation)
    values, *bounds = operands
    assign = changing(node, path, [None, *bounds], operation)
    return lambda frame: assign(frame, values(frame))  # what is assigned comes before the path


# Assignments


def item_assigned(compiler: Compiler, target: nodes.Index) -> Binder:
    """Compile assigning to an item."""

    def work(frame: Frame, container: Value, key: Value, value: Value) -> None:
        set_item(frame.evaluation.meter, container, key, value)

    operation = ChangeOperation(work, True, 1, note=_one_came)
    return changing(target, path_of(compiler, target.value), [compiler.code(target.index), None], operation)


_CLASSES: dict[type, type] = {ListType: list, DequeType: list, SetType: SetValue, DictType: dict}


def augmented(compiler: Compiler, node: nodes.AugmentedAssign) -> Code:
    """Compile an augmented assignment, which changes lists, sets and dicts in place."""
    target, op = node.target, node.op
    kind = _CLASSES.get(type(compiler.tables.types[target.node_id]))
    in_place = CHANGING.get((kind, op)) if kind is not None else None
    if in_place is not None:

        def extend(frame: Frame, container: Value, value: Value) -> None:
            in_place(frame.evaluation.meter, container, value)

        extends = kind is list and op == "+"
        operation = ChangeOperation(extend, extends, opens=extends, note=_many_came)
        return changing(node, path_of(compiler, target), [compiler.code(node.value)], operation)
    finish = when_known(compiler, node, [target, node.value], OPERATORS[op])
    if isinstance(target, nodes.Name):
        name, old, value = target.id, compiler.code(target), compiler.code(node.value)

        def rebind(frame: Frame) -> None:
            frame.variables[name] = finish(frame, [old(frame), value(frame)])

        return rebind

    def replace(frame: Frame, container: Value, key: Value, item: Value, value: Value) -> None:
        set_item(frame.evaluation.meter, container, key, finish(frame, [item, value]))

    operation = ChangeOperation(replace, True, 2, replaces=True, note=_one_came)
    return changing(node, path_of(compiler, target), [compiler.code(node.value)], operation)
