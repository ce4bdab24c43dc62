"""What functions, methods and built-ins give, and what they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlmlang.language import nodes
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
)
from rlmlang.language.check.ownership.changing import LAZY, ChangesWalk
from rlmlang.language.check.ownership.holders import (
    ChangedPath,
    Holder,
    ResultSource,
    either,
    element,
)
from rlmlang.language.check.ownership.shapes import ANY_SHAPE
from rlmlang.language.check.ownership.sharing import (
    NOTHING,
    Contents,
    ValueChange,
    all_of,
    inner_of,
    top_of,
)
from rlmlang.language.source import Span
from rlmlang.language.type_variables import variables
from rlmlang.language.types import FunctionType, Type, TypeVar, without_none

ONCE = LAZY | {
    "list", "set", "dict", "tuple", "sorted", "copy", "get", "pop", "popitem", "setdefault", "min", "max", "sum",
    "take", "drop", "flatten", "unique", "vote", "reduce", "chain", "islice",
}  # fmt: skip
"""Built-ins that put no element of their arguments into the result twice."""

USING_UP = frozenset({"all", "any", "dict", "join", "list", "max", "min", "set", "sorted", "sum", "tuple"})
"""Built-ins that use up a generator at once, and do nothing else that could be seen in the meantime."""

TAKING = frozenset({"pop", "popitem"})
"""Changing methods whose result is in the receiver no longer."""

NOT_KEEPING = frozenset({"pop", "popitem", "remove", "discard", "sort"})
"""Changing methods that put no argument into the receiver."""


class ApplicationsWalk(ChangesWalk):
    """Follows applications as well."""

    # Applications

    def application(self, node: nodes.Apply) -> Contents:
        target = self.tables.targets.get(node.node_id)
        match target:
            case NativeTarget() if target.builtin.changes:
                return self.changed_by(node, target)[1]
            case NativeTarget():
                return self._native(node, target)
            case FunctionTarget():
                given, captured = self._arguments(node, target.function)
                result = self._result_of(target.function, given, node.span)
                if self.context.result_of(target.function).is_lazy:
                    result = result._replace(tops=result.tops | self.view(node))
                self.lend(node, target.function, target.args, given, captured)
                return result
            case RecordTarget():
                return self.collected(self.values(_in_text(node)))
            case ParameterTarget(name=name):
                function = self.read(self.named(name, node.span), node.span)
                parts = function.parts
                for value in self.values(_in_text(node)):
                    parts |= value.parts
                return Contents(parts, parts, ANY_SHAPE)
        self.values([arg for arg in _in_text(node) if not isinstance(arg, nodes.Lambda)])
        return NOTHING

    def _arguments(self, node: nodes.Apply, function: CheckedFunction) -> tuple[list[Contents], int]:
        """Evaluate the arguments of a function of the program. Returns them in the order of its parameters, and what is
        read by those that are functions.
        """
        node = self.tables.spread.get(node.node_id, node)
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
        before, self.mentioned = self.mentioned, 0
        for place, arg in args:
            if place not in found:
                found[place] = self.function_result(arg, given)
        captured = self.mentioned
        self.mentioned |= before
        for place, param in enumerate(params):
            if place not in found:
                holder = Holder("default", param.name.id, param.span)
                default = self.variable(("default", id(param), holder), holder)
                found[place] = Contents(top_of(default), inner_of(default))
        return [found[place] for place in range(len(params))], captured

    def function_result(self, node: nodes.Expr, given: int) -> Contents:
        """Return what a function that is given as an argument may give for values of which the mask has the parts."""
        value = Contents(given, given, ANY_SHAPE if given else 0)
        node = self.tables.written_out.get(node.node_id, node)
        if isinstance(node, nodes.Lambda):
            self.scopes.append({})
            self.lambdas += 1
            for param in node.params:
                holder = Holder("variable", param.id, param.span)
                self.scopes[-1][param.id] = self.temporary((id(param), param.id), value, holder)
            result = self.value(node.body)
            self.lambdas -= 1
            self.scopes.pop()
            return Contents(result.tops, result.inners, ANY_SHAPE if result.parts else 0)
        reference = self.tables.references.get(node.node_id)
        match reference:
            case CheckedFunction():
                for _, kind, _ in self.context.result_of(reference).changed:
                    change = ValueChange(node.span, None, kind, 0)
                    self.context.refuse(change, Holder("given", reference.node.name.id), None)
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
        result = Contents(tops, inners, repeats | summary.repeats)
        return self._kept(function, result) if function.keeps_results else result

    def _kept(self, function: CheckedFunction, result: Contents) -> Contents:
        """Return the result of a function under `@cache`, which holds all its results, and each may be given twice."""
        name = function.node.name
        holder = Holder("kept", name.id, name.span)
        number = self.variable(("kept", name.node_id, holder), holder)
        inner = inner_of(number)
        self.state.connect(2 * number, self.state.reach(result.tops) & ~top_of(number))
        self.state.connect(2 * number + 1, self.state.reach(result.inners) & ~inner)
        self.state.repeat(2 * number + 1, ANY_SHAPE)
        value = Contents(result.tops | top_of(number), result.inners | inner, ANY_SHAPE)
        return self.fitting(value, function.result)

    def _found_in(
        self, sources: frozenset[ResultSource], function: CheckedFunction, given: Sequence[Contents]
    ) -> tuple[int, int]:
        """Return what the sources of a result are where it is applied, and the shapes of what may be in there twice."""
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
            by_key[key] = Contents(0, found.inners | part, value.repeats if found.inners | value.inners else 0)
        whole = self.collected(by_key.values())
        return whole.inners, whole.repeats

    def _native(self, node: nodes.Apply, target: NativeTarget) -> Contents:
        signature, name = target.signature, target.builtin.name
        if name in USING_UP and len(target.args) == 1 + (name == "join") and not target.keywords:
            self.used_up.add(target.args[-1].node_id)
        free = variables(signature.result)
        found, captured = self._native_arguments(target)
        parts: list[Contents] = []
        for type_, value in found:
            shared = variables(type_.result if isinstance(type_, FunctionType) else type_)
            if shared & free:
                parts.append(value if isinstance(type_, FunctionType) or _is_variable(type_) else element(value))
        if target.builtin.module == "copy" and name == "deepcopy":
            result = NOTHING
        elif _is_variable(signature.result):
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
            result = result._replace(tops=captured and captured | self.view(node))
        return result if name in ONCE else result._replace(repeats=ANY_SHAPE if result.inners else 0)

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
                value = element(values[id(node)])._replace(repeats=ANY_SHAPE)
            else:
                value = values[id(node)]
            found.append((type_, value))
        captured = self.mentioned
        self.mentioned |= before
        return found, captured

    # Changes

    def changed_by(self, node: nodes.Apply, target: NativeTarget) -> tuple[ChangedPath, Contents]:
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
            is_twice = self.state.repeats(inner) & self.context.shapes.alike(result.top_shapes | result.inner_shapes)
            but = 0 if is_twice else inner
            number = self.temporary(("taken", id(node)), result, Holder("expression", node.span.text, node.span), but)
            result = result._replace(tops=top_of(number), inners=inner_of(number))
        return path, result


def _in_text(node: nodes.Apply) -> list[nodes.Expr]:
    """Return the arguments as they are written."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _start(node: nodes.Expr) -> int:
    return node.span.start


def _is_variable(type_: Type) -> bool:
    return isinstance(without_none(type_), TypeVar)


def _is_same_name(a: nodes.Expr, b: nodes.Expr) -> bool:
    return isinstance(a, nodes.Name) and a == b
