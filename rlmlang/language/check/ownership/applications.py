"""What functions, methods and built-ins give, and what they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
    Tables,
)
from rlmlang.language.check.ownership.contents import ContentsWalk, is_simple
from rlmlang.language.check.ownership.holders import (
    ChangedPath,
    Holder,
    LoopPlace,
    OwnershipContext,
    ResultSource,
    either,
    element,
)
from rlmlang.language.check.ownership.sharing import (
    NOTHING,
    Contents,
    ValueChange,
    all_of,
    inner_of,
    top_of,
    variables_in,
)
from rlmlang.language.solving import variables
from rlmlang.language.source import Span
from rlmlang.language.types import DictType, FunctionType, SetType, Type, TypeVar, without_none

LAZY = frozenset({"map", "filter", "zip", "enumerate", "reversed", "keys", "values", "items"})
"""Built-ins that give a list here, and in CPython something that still reads from its arguments later on."""

ONCE = LAZY | {
    "list", "set", "dict", "tuple", "sorted", "copy", "get", "pop", "popitem", "setdefault", "min", "max", "sum",
    "take", "drop", "flatten", "unique", "vote", "reduce", "chain", "islice",
}  # fmt: skip
"""Built-ins that put no element of their arguments into the result twice."""

TAKING = frozenset({"pop", "popitem"})
"""Changing methods whose result is in the receiver no longer."""

NOT_KEEPING = frozenset({"pop", "popitem", "remove", "discard", "sort"})
"""Changing methods that put no argument into the receiver."""


class ApplicationsWalk(ContentsWalk):
    """Follows applications and changes as well."""

    def __init__(self, context: OwnershipContext, tables: Tables, owner: int, bound: frozenset[str] | None) -> None:
        super().__init__(context, tables, owner, bound)
        self.progress: list[LoopPlace] = []
        """The loops around."""

    # Applications

    def application(self, node: nodes.Apply) -> Contents:
        target = self.tables.targets.get(node.node_id)
        match target:
            case NativeTarget() if target.builtin.changes:
                return self._change_by(node, target)[1]
            case NativeTarget():
                return self._native(node, target)
            case FunctionTarget():
                given = self._arguments(node, target.function)
                return self._result_of(target.function, given, node.span)
            case RecordTarget():
                return self.collected(self.values(_in_text(node)))
            case ParameterTarget(name=name):
                function = self.read(self.named(name, node.span), node.span)
                parts = function.parts
                for value in self.values(_in_text(node)):
                    parts |= value.parts
                return Contents(parts, parts, True)
        self.values([arg for arg in _in_text(node) if not isinstance(arg, nodes.Lambda)])
        return NOTHING

    def _arguments(self, node: nodes.Apply, function: CheckedFunction) -> list[Contents]:
        """Evaluate the arguments of a function of the program. Returns them in the order of its parameters."""
        params = function.node.params
        places = {param.name.id: place for place, param in enumerate(params)}
        args = [*enumerate(node.args), *((places[keyword.name], keyword.value) for keyword in node.keywords)]
        values = [(place, arg) for place, arg in args if not isinstance(function.params[place], FunctionType)]
        found = dict(zip((place for place, _ in values), self.values([arg for _, arg in values])))
        given = 0
        for value in found.values():
            given |= value.parts
        for _, name in function.reads:
            for number in self.read_by(function, name):
                given |= all_of(number)
        for place, arg in args:
            if place not in found:
                found[place] = self.function_result(arg, given)
        for place, param in enumerate(params):
            if place not in found:
                holder = Holder("default", param.name.id, param.span)
                default = self.variable(("default", id(param), holder), holder)
                found[place] = Contents(top_of(default), inner_of(default))
        return [found[place] for place in range(len(params))]

    def read_by(self, function: CheckedFunction, name: str) -> list[int]:
        """Return the variables of a name that a function reads from outside, of which there may be more than one."""
        owners = [owner for owner, each in function.reads if each == name]
        return [
            self.variable((owner, name), Holder("variable", name)) if owner == self.owner else self.outer(name)
            for owner in owners
        ]

    def function_result(self, node: nodes.Expr, given: int) -> Contents:
        """Return what a function that is given as an argument may give for values of which the mask has the parts."""
        value = Contents(given, given, bool(given))
        node = self.tables.written_out.get(node.node_id, node)
        if isinstance(node, nodes.Lambda):
            self.scopes.append({})
            for param in node.params:
                holder = Holder("variable", param.id, param.span)
                self.scopes[-1][param.id] = self.temporary((id(param), param.id), value, holder)
            result = self.value(node.body)
            self.scopes.pop()
            return Contents(result.tops, result.inners, bool(result.parts))
        reference = self.tables.references.get(node.node_id)
        match reference:
            case CheckedFunction():
                return self._result_of(reference, [value] * len(reference.params), node.span)
            case NativeTarget() if not variables(reference.signature.result):
                return NOTHING
            case None if isinstance(node, nodes.Name):
                return either(value, self.read(self.named(node.id, node.span), node.span))
        return value

    def _result_of(self, function: CheckedFunction, given: Sequence[Contents], span: Span) -> Contents:
        """Return the result of a function of the program for arguments."""
        for _, name in function.reads:
            for number in self.read_by(function, name):
                self.read(number, span)
        summary = self.context.result_of(function)
        tops, _ = self._found_in(summary.tops, function, given)
        inners, repeats = self._found_in(summary.inners, function, given)
        return Contents(tops, inners, repeats or summary.repeats)

    def _found_in(
        self, sources: frozenset[ResultSource], function: CheckedFunction, given: Sequence[Contents]
    ) -> tuple[int, bool]:
        """Return what the sources of a result are where it is applied, and whether they may hold the same container."""
        by_key: dict[tuple[Any, ...], Contents] = {}
        for key, level in sources:
            kind, which, *_ = key
            if kind == "caller":
                value = given[which]
            else:
                names = self.read_by(function, which) if kind == "outer" else [self.variable(key, key[2])]
                value = Contents()
                for number in names:
                    inner = inner_of(number)
                    value = either(value, Contents(top_of(number), inner, self.state.repeats(inner)))
            found = by_key.get(key, NOTHING)
            part = value.inners if level else value.tops
            by_key[key] = Contents(0, found.inners | part, value.repeats and bool(found.inners | value.inners))
        whole = self.collected(by_key.values())
        return whole.inners, whole.repeats

    def _native(self, node: nodes.Apply, target: NativeTarget) -> Contents:
        signature, name = target.signature, target.builtin.name
        free = variables(signature.result)
        found, captured = self._native_arguments(target)
        parts: list[Contents] = []
        for type_, value in found:
            shared = variables(type_.result if isinstance(type_, FunctionType) else type_)
            if shared & free:
                parts.append(value if isinstance(type_, FunctionType) or _is_variable(type_) else element(value))
        if _is_variable(signature.result):
            result = NOTHING
            for part in parts:
                result = either(result, part)
        else:
            result = self.collected(parts)
            if name == "sum" and len(found) > 1:  # of nothing it is the start itself
                result = result._replace(tops=found[1][1].tops)
        if name in LAZY:
            for _, value in found:
                captured |= value.tops
            result = result._replace(tops=captured)
        return result if name in ONCE else result._replace(repeats=bool(result.inners))

    def _native_arguments(self, target: NativeTarget, skip: int = 0) -> tuple[list[tuple[Type, Contents]], int]:
        """Evaluate the arguments of a built-in. Returns them with the types of their parameters, and what is read by
        those that are functions, of which the values are their results.
        """
        exprs = [*target.args, *(value for _, value in target.keywords)][skip:]
        types = target.parameter_types[skip:]
        functions = [isinstance(type_, FunctionType) for type_ in types]
        due = sorted((each for each, is_function in zip(exprs, functions) if not is_function), key=_start)
        values = {id(node): value for node, value in zip(due, self.values(due))}
        given = 0
        for value in values.values():
            given |= value.parts
        before, self.mentioned = self.mentioned, 0
        found: list[tuple[Type, Contents]] = []
        for node, type_ in zip(exprs, types):
            if isinstance(type_, FunctionType):
                value = self.function_result(node, given)
            elif isinstance(node, nodes.Starred):
                value = element(values[id(node)])._replace(repeats=True)
            else:
                value = values[id(node)]
            found.append((type_, value))
        captured = self.mentioned
        self.mentioned |= before
        return found, captured

    # Changes

    def path(self, node: nodes.Expr) -> ChangedPath:
        """Evaluate what is changed."""
        match node:
            case nodes.Name():
                number = self.named(node.id, node.span)
                value = self.fitting(self.read(number, node.span), self.type_of(node))
                return ChangedPath(number, value, 0, self.steps_to(node))
            case nodes.Index(value=container, index=index):
                return self.step(self.path(container), index, self.type_of(node), pinned=True)
            case nodes.Attribute(value=container):
                return self.step(self.path(container), None, self.type_of(node))
            case nodes.Apply() if isinstance(node.callee, nodes.Attribute) and node.callee.name == "setdefault":
                target = self.tables.targets.get(node.node_id)
                if isinstance(target, NativeTarget):
                    path, value = self._change_by(node, target)
                    return ChangedPath(path.variable, value, path.depth + 1)
        return ChangedPath(None, self.value(node))

    def steps_to(self, node: nodes.Expr) -> tuple[str, ...]:
        """Return the names of the variable and the indexes that lead to a value; none if there are other steps.

        A variable that holds the element of a loop is the place of that element.
        """
        if isinstance(node, nodes.Index):
            return _further(self.steps_to(node.value), node.index)
        if not isinstance(node, nodes.Name) or self.scopes:
            return ()
        for each in self.progress:
            if each.element == node.id:
                return each.place
        return (node.id,)

    def step(self, path: ChangedPath, index: nodes.Expr | None, type_: Type, pinned: bool = False) -> ChangedPath:
        """Go on from a container to what is in it. Where it is pinned, the index may not change anything on the way."""
        if index is not None:
            if pinned:
                with_pin = self.pin(path, [index], index)
                self.value(index)
                self.unpin(with_pin)
            else:
                self.value(index)
        steps = _further(path.steps, index)
        return ChangedPath(path.variable, self.fitting(element(path.value), type_), path.depth + 1, steps)

    def pin(self, path: ChangedPath, later: Iterable[nodes.Expr], node: nodes.Expr) -> int | None:
        """Hold what is on the way to a container until the expressions that follow are evaluated."""
        if all(map(is_simple, later)):
            return None
        parts = path.value.parts if path.variable is None else all_of(path.variable)
        self.hold(Contents(parts, parts), node)
        return self.temporaries[-1]

    def unpin(self, number: int | None) -> None:
        if number is not None:
            self.check_held(number)

    def change(
        self, path: ChangedPath, change: ValueChange, stored: Iterable[Contents] = (), during: int = 0, index: str = ""
    ) -> None:
        """ValueChange a container, in which values are stored.

        `during` is what is read while it is changed, and `index` the name of the index that is assigned to.
        """
        refuse = self.context.refuse
        container = path.value.tops
        reached = self.state.reach(container)
        if path.variable is not None and path.depth:
            if self.state.repeats(inner_of(path.variable)):
                refuse(change, Holder("itself", self.holders[path.variable].name), None)
        if during & reached:
            refuse(change, Holder("argument", ""), None)
        place = (*path.steps, index) if path.steps and index else path.steps
        past = {each.iterator for each in self.progress if each.place == place[: len(each.place)]}
        for number in variables_in(reached):
            if number == path.variable or number in past:
                continue
            if self.holders[number].is_permanent:
                refuse(change, self.holders[number], None)
            else:
                self.state.stale.setdefault(number, change)
        for value in stored:
            self.state.store(container, value)
        self.may_fail()

    def may_fail_within(self, path: ChangedPath, change: ValueChange, args: Iterable[nodes.Expr]) -> None:
        """Take note that a change may be half done where a `try` is left, since an argument is computed meanwhile."""
        if self.handlers and path.variable is not None and any(map(self._is_lazy, args)):
            half = self.state.copy()
            half.stale[path.variable] = evolve(change, in_part=True)
            for handler in self.handlers:
                handler.join(half)

    def _is_lazy(self, node: nodes.Expr) -> bool:
        if isinstance(node, nodes.Apply):
            target = self.tables.targets.get(node.node_id)
            return isinstance(target, NativeTarget) and target.builtin.name in LAZY
        return isinstance(node, nodes.Comprehension) and node.kind == "generator"

    def change_of(self, path: ChangedPath, span: Span, type_: Type, is_assignment: bool = False) -> ValueChange:
        name = None if path.variable is None else self.holders[path.variable].name
        return ValueChange(span, name, _kind_of(type_), path.depth, is_assignment)

    def _change_by(self, node: nodes.Apply, target: NativeTarget) -> tuple[ChangedPath, Contents]:
        """Apply a method that changes its receiver. Returns what is changed, and the result."""
        receiver, others = target.args[0], [*target.args[1:], *(value for _, value in target.keywords)]
        own_type, name = target.parameter_types[0], target.builtin.name
        path = self.path(receiver)
        pin = self.pin(path, others, receiver) if path.depth or path.variable is None else None
        found, captured = self._native_arguments(target, skip=1)
        self.unpin(pin)
        free = variables(own_type)
        stored: list[Contents] = []
        iterated: list[nodes.Expr] = []
        for arg, (type_, value) in zip(others, found):
            is_whole = _is_variable(type_)
            if variables(type_) & free and name not in NOT_KEEPING:
                stored.append(value if is_whole else element(value))
            if not is_whole:
                iterated.append(arg)
                captured |= 0 if _is_same_name(arg, receiver) else value.tops
        result = element(path.value)
        for _, value in found:
            result = either(result, value)
        result = self.fitting(result, self.type_of(node))
        change = self.change_of(path, node.span, self.type_of(receiver))
        self.change(path, change, stored, captured)
        self.may_fail_within(path, change, iterated)
        if name in TAKING and result.parts and path.variable is not None:
            inner = inner_of(path.variable)
            but = 0 if self.state.repeats(inner) else inner
            number = self.temporary(("taken", id(node)), result, Holder("expression", node.span.text, node.span), but)
            result = Contents(top_of(number), inner_of(number), result.repeats)
        return path, result


def _further(steps: tuple[str, ...], index: nodes.Expr | None) -> tuple[str, ...]:
    return (*steps, index.id) if steps and isinstance(index, nodes.Name) else ()


def _in_text(node: nodes.Apply) -> list[nodes.Expr]:
    """Return the arguments as they are written."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _start(node: nodes.Expr) -> int:
    return node.span.start


def _is_variable(type_: Type) -> bool:
    return isinstance(without_none(type_), TypeVar)


def _is_same_name(a: nodes.Expr, b: nodes.Expr) -> bool:
    return isinstance(a, nodes.Name) and a == b


def _kind_of(type_: Type) -> str:
    """Return what to call a container in a message."""
    match without_none(type_):
        case DictType():
            return "dict"
        case SetType():
            return "set"
    return "list"
