"""Compile the paths to containers that are changed: `name`, `name[i]`, `name.field`, `name.setdefault(k, …)[i]`."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.source import Span
from rlmlang.language.types import RecordType
from rlmlang.runtime.closures import Code, Compiler
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.operators import index_into
from rlmlang.runtime.values import RecordValue, Value

PathStep = Callable[[Meter, Value, list[Value]], Value]
"""Gives the part of a container that a path leads to, unresolved or not, for the keys that it evaluates."""


@frozen(eq=False)
class ChangePath:
    """A compiled path from a variable, or from a value that no variable has."""

    name: str
    depth: int
    span: Span
    made: Code | None
    """What makes the value that no variable has."""
    steps: list[tuple[PathStep, list[Code], int]]
    """Each with the codes of its keys, and the offset of its end."""
    adds: bool
    """Whether one of the steps may add something."""


def path_of(compiler: Compiler, node: nodes.Expr) -> ChangePath:
    """Compile a path."""
    steps: list[tuple[PathStep, list[Code], int]] = []

    def follow(node: nodes.Expr) -> nodes.Expr:
        match node:
            case nodes.Index(value=value, index=index):
                root = follow(value)
                steps.append((_item, [compiler.code(index)], node.span.end))
                return root
            case nodes.Attribute(value=value, name=name) if isinstance(
                type_ := compiler.tables.types[value.node_id], RecordType
            ):
                root = follow(value)
                place = [field for field, _ in type_.fields].index(name)
                steps.append((_field, [lambda frame: place], node.span.end))
                return root
            case nodes.Apply(callee=nodes.Attribute(value=value, name="setdefault")):
                root = follow(value)
                target = compiler.tables.targets[node.node_id]
                assert isinstance(target, NativeTarget)
                operands = [*target.args[1:], *(operand for _, operand in target.keywords)]
                steps.append((_setdefault, compiler.codes(operands), node.span.end))
                return root
        return node

    root = follow(node)
    adds = any(step is _setdefault for step, _, _ in steps)
    if isinstance(root, nodes.Name):
        return ChangePath(root.id, compiler.depth_of(root.id), root.span, None, steps, adds)
    return ChangePath("", 0, root.span, compiler.code(root), steps, adds)


def _item(meter: Meter, container: Value, keys: list[Value]) -> Value:
    return index_into(meter, container, keys[0])


def _field(meter: Meter, container: Value, keys: list[Value]) -> Value:
    return (container.values if isinstance(container, RecordValue) else container)[keys[0]]


def _setdefault(meter: Meter, container: Value, keys: list[Value]) -> Value:
    return METHODS["dict"]["setdefault"].code(meter, container, *keys)
