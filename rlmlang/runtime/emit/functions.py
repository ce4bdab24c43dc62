"""Emit functions of the program and the library, and whole scripts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from attrs import frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction, OuterVariable, Tables
from rlmlang.language.types import FunctionType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.applications import apply_function
from rlmlang.runtime.emit.emitter import DEPTH, METER, Emitter, NotSmall
from rlmlang.runtime.emit.enclosing_scopes import NEAREST, PROGRAM, Surroundings
from rlmlang.runtime.emit.facts import SUM_BITS, Emitted
from rlmlang.runtime.emit.helpers import recursion
from rlmlang.runtime.emit.metering import charge
from rlmlang.runtime.emit.statements import block
from rlmlang.runtime.emit.unit import Unit
from rlmlang.runtime.emit.variables import bindings, handler_names, read_inside, sums
from rlmlang.runtime.exceptions import MAX_RECURSION
from rlmlang.runtime.steps import function_steps


@frozen(eq=False)
class Loop:
    """The variables of an emitted loop."""

    reads: list[OuterVariable]
    """Those whose values it is called with."""
    assigned: dict[str, str]
    """Those whose values it returns, in a tuple: the names in the program by those in emitted code."""


@frozen(eq=False)
class ProgramTree:
    """What emission needs of a checked program, which it does not keep alive."""

    module: nodes.Module
    tables: Tables
    inputs: tuple[str, ...]
    entry: CheckedFunction | None


def _emitted(emit: Callable[[set[str]], ast.FunctionDef]) -> ast.FunctionDef:
    """Emit a function, which is given the variables that are not sums of small ints, until these are known."""
    others: set[str] = set()
    while True:
        try:
            return emit(others)
        except NotSmall as found:
            others.add(found.name)


def emit_function(unit: Unit, checked: CheckedFunction) -> ast.FunctionDef:
    """Emit a function. Raises CannotEmit."""
    return _emitted(partial(_function, unit, checked))


def _function(unit: Unit, checked: CheckedFunction, others: set[str]) -> ast.FunctionDef:
    node = checked.node
    e = Emitter(unit, checked.tables, unit.around(checked), own=node.name.node_id)
    e.sums = sums(node.body) - others - {param.name.id for param in node.params}
    params = [e.declare(param.name.id) for param in node.params]
    for param, type_, id_ in zip(node.params, checked.params, params):
        if isinstance(type_, FunctionType):
            e.functions[param.name.id] = id_
    for key in sorted(checked.reads):
        params.append(e.receive(key))
    charge(e, function_steps(node), node.name.span)
    if checked.is_recursive:
        excess = python.compare(python.load(DEPTH), ">", python.const(MAX_RECURSION))
        e.add(python.when(excess, [ast.Expr(e.helper(recursion, span=node.name.span))]))
    declare_locals(e, node.body, known=[param.name.id for param in node.params])
    block(e, node.body)
    e.add(ast.Return(python.const(None)))
    return python.function(unit.functions[checked], [METER, DEPTH, *params], e.block)


def declare_locals(
    e: Emitter, body: Sequence[nodes.Statement], known: Sequence[str], all_guarded: bool = False
) -> None:
    """Make the variables that a body binds. Those that functions inside may read have a value also when not bound."""
    inside = read_inside(body) | handler_names(body)
    counts = bindings(body)
    e.single = {name for name, count in counts.items() if count == 1 and name not in known}
    for name in counts:
        if name not in known:
            is_guarded = all_guarded or name in inside
            id_ = e.declare(name, SUM_BITS if name in e.sums else None, is_guarded=is_guarded)
            e.unsure.add(id_)
            if is_guarded:
                e.add(python.assign(id_, python.load("UNBOUND")))


def emit_program(unit: Unit, checked: ProgramTree, name: str) -> ast.FunctionDef:
    """Emit a whole program, as a function of its inputs. Raises CannotEmit."""
    return _emitted(partial(_program, unit, checked, name))


def _program(unit: Unit, checked: ProgramTree, name: str, others: set[str]) -> ast.FunctionDef:
    e = Emitter(unit, checked.tables, Surroundings(()), own=PROGRAM)
    *body, last = checked.module.statements
    e.sums = sums(body) - others - {*checked.inputs}
    if checked.entry is None:
        assert isinstance(last, nodes.ExprStatement)
        params = [e.declare(input_) for input_ in checked.inputs]
        declare_locals(e, body, known=checked.inputs)
        block(e, [*body, nodes.Return(last.value, span=last.span)])
    else:
        params = [unit.fresh("v", input_) for input_ in checked.inputs]
        declare_locals(e, body, known=())
        block(e, body)
        args = [Emitted(python.load(param)) for param in params]
        e.add(ast.Return(apply_function(e, checked.entry, args, last.span).code))
    return python.function(name, [METER, DEPTH, *params], e.block)


def emit_expression(
    unit: Unit, tables: Tables, node: nodes.Expr, name: str
) -> tuple[ast.FunctionDef, list[OuterVariable]]:
    """Emit an expression as a function of the variables in it, which are returned too. Raises CannotEmit."""
    e = Emitter(unit, tables, Surroundings((), NEAREST))
    e.add(ast.Return(e.expr(node).code))
    params = [variable.id for variable in e.outer.values()]
    return python.function(name, [METER, DEPTH, *params], e.block), [*e.outer]


def emit_loop(unit: Unit, tables: Tables, node: nodes.For | nodes.While, name: str) -> tuple[ast.FunctionDef, Loop]:
    """Emit a loop that cannot leave its function. Raises CannotEmit."""
    e = Emitter(unit, tables, Surroundings((), NEAREST))
    declare_locals(e, [node], known=(), all_guarded=True)
    assigned = {variable.id: name for name, variable in e.scopes[0].items()}
    e.block.clear()  # they are parameters
    block(e, [node])
    e.add(ast.Return(ast.Tuple([python.load(id_) for id_ in assigned], python.LOAD)))
    params = [*assigned, *(variable.id for variable in e.outer.values())]
    reads = [*((NEAREST, each) for each in assigned.values()), *e.outer]
    return python.function(name, [METER, DEPTH, *params], e.block), Loop(reads, assigned)
