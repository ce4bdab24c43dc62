"""Emit functions of the program and the library, and whole scripts."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from attrs import frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction, Tables
from rlmlang.language.types import FunctionType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.applications import apply_function
from rlmlang.runtime.emit.emitter import DEPTH, METER, EmittedVariable, Emitter, Surroundings
from rlmlang.runtime.emit.facts import Emitted
from rlmlang.runtime.emit.helpers import MAX_APPLICATIONS, too_deep
from rlmlang.runtime.emit.metering import charge
from rlmlang.runtime.emit.statements import block
from rlmlang.runtime.emit.unit import Unit
from rlmlang.runtime.emit.variables import bindings, functions_in, handler_names, read_inside
from rlmlang.runtime.steps import function_steps


@frozen(eq=False)
class Program:
    """What emission needs of a checked program, which it does not keep alive."""

    module: nodes.Module
    tables: Tables
    inputs: tuple[str, ...]
    entry: CheckedFunction | None


PROGRAM = -1
"""What binds the variables of the program, in the place of the `node_id` of a function."""


def surroundings_of(module: nodes.Module) -> dict[int, Surroundings]:
    """Return where each function of a program is, by the `node_id` of its name."""
    found = {}
    rest: list[tuple[Sequence[nodes.Statement], tuple[tuple[int, frozenset[str]], ...]]] = [(module.statements, ())]
    while rest:
        body, chain = rest.pop()
        for function in functions_in(body):
            found[function.name.node_id] = Surroundings(chain)
            names = frozenset(bindings(function.body)) | {param.name.id for param in function.params}
            rest.append((function.body, ((function.name.node_id, names), *chain)))
    return found


def emit_function(unit: Unit, checked: CheckedFunction, surroundings: Surroundings) -> ast.FunctionDef:
    """Emit a function. Raises CannotEmit."""
    node = checked.node
    e = Emitter(unit, checked.tables, surroundings, own=node.name.node_id)
    params = [e.declare(param.name.id) for param in node.params]
    for param, type_, id_ in zip(node.params, checked.params, params):
        if isinstance(type_, FunctionType):
            e.functions[param.name.id] = id_
    for key in sorted(checked.reads):
        id_ = unit.fresh("v", key[1])
        e.outer[key] = EmittedVariable(id_, Emitted(python.load(id_)), is_guarded=True)
        e.unsure.add(id_)
        params.append(id_)
    charge(e, function_steps(node), node.name.span)
    if checked.is_recursive:
        excess = python.compare(python.load(DEPTH), ">", python.const(MAX_APPLICATIONS))
        e.add(python.when(excess, [ast.Expr(e.helper(too_deep, span=node.name.span))]))
    declare_locals(e, node.body, known=[param.name.id for param in node.params])
    block(e, node.body)
    e.add(ast.Return(python.const(None)))
    return python.function(unit.functions[checked], [METER, DEPTH, *params], e.block)


def declare_locals(e: Emitter, body: Sequence[nodes.Statement], known: Sequence[str]) -> None:
    """Make the variables that a body binds. Those that functions inside may read have a value also when not bound."""
    inside = read_inside(body) | handler_names(body)
    counts = bindings(body)
    e.single = {name for name, count in counts.items() if count == 1 and name not in known}
    for name in counts:
        if name not in known:
            e.declare(name, is_guarded=name in inside)
            id_ = e.scopes[0][name].id
            e.unsure.add(id_)
            if name in inside:
                e.add(python.assign(id_, python.load("UNSET")))


def emit_program(unit: Unit, checked: Program, name: str) -> ast.FunctionDef:
    """Emit a whole program, as a function of its inputs. Raises CannotEmit."""
    e = Emitter(unit, checked.tables, Surroundings(()), own=PROGRAM)
    *body, last = checked.module.statements
    if checked.entry is None:
        assert isinstance(last, nodes.ExprStatement)
        params = [e.declare(input_) for input_ in checked.inputs]
        declare_locals(e, body, known=checked.inputs)
        block(e, body)
        e.add(ast.Return(e.expr(last.value).code))
    else:
        params = [unit.fresh("v", input_) for input_ in checked.inputs]
        declare_locals(e, body, known=())
        block(e, body)
        args = [Emitted(python.load(param)) for param in params]
        e.add(ast.Return(apply_function(e, checked.entry, args, last.span).code))
    return python.function(name, [METER, DEPTH, *params], e.block)
