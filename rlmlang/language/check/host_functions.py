"""Functions of the host, which a program declares and whoever runs it hands in."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.scope import Definition, Instance
from rlmlang.language.types import UNKNOWN, FunctionType, Type, parts_of


def check_declaration(check: Inference, definition: Definition) -> None:
    """Report what keeps a function of the host from being called: it needs all its types, and only those of data."""
    node, error = definition.node, check.problems.error
    hint = f"write all its types: `def {node.name.id}(x: str) -> str: ...`"
    if check.in_library:
        error("E126", "the library has no functions of the host", node.name.span)
    for param, type_ in zip(node.params, definition.params):
        if isinstance(type_, FunctionType):
            message = "a function of the host is not given functions"
            error("E126", message, param.span, "give it values, and apply the function here")
        elif param.type is None or UNKNOWN in parts_of(type_):
            error("E126", f"the parameter `{param.name.id}` of a function of the host has no type", param.span, hint)
    if node.result is None or UNKNOWN in parts_of(definition.result):
        error("E126", "a function of the host says what it returns", node.name.span, hint)


def as_declared(instance: Instance) -> Type:
    """Make a checked function one of the host, and return the type of its result."""
    function = instance.function
    function.node, function.makes_calls, function.is_host = evolve(function.node, body=()), True, True
    return instance.definition.result


def host_functions(check: Inference, statements: Sequence[nodes.Statement]) -> dict[str, CheckedFunction]:
    """Return the functions of the host that statements declare, once they are checked."""
    found: dict[str, CheckedFunction] = {}
    for node in statements:
        if isinstance(node, nodes.Function) and node.is_declared:
            definition = check.body.definitions.get(node.span.start)
            if definition is not None:
                for instance in definition.instances.get(definition.params, ()):
                    found[node.name.id] = instance.function
    return found
