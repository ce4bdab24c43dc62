"""What the rest of the runtime asks of this folder: the emitted form of programs and their functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction, OuterVariable, Tables
from rlmlang.language.depth import deep_recursion
from rlmlang.language.garbage_collection import paused_collector
from rlmlang.runtime.emit import applications, expressions, loops, operators, parts  # noqa: F401 (they enter their handlers)
from rlmlang.runtime.emit.functions import (
    Loop,
    ProgramTree,
    emit_expression,
    emit_function,
    emit_loop,
    emit_program,
)
from rlmlang.runtime.emit.unit import CannotEmit, Unit
from rlmlang.runtime.emit.variables import imports_module

Emission = Callable[..., Any]
"""An emitted function, called with the meter, the depth of applications, and its arguments."""


@define(eq=False)
class EmittedProgram:
    """The emitted parts of a program, each made when it is first asked for."""

    program: ProgramTree
    unit: Unit
    _whole: Emission | None = None
    _asked: bool = False

    def whole(self) -> Emission | None:
        """Return the program as a function of its inputs; None if closures have to run it."""
        if not self._asked:
            self._asked = True
            name = self.unit.fresh("p")
            self._whole = self._emitted(lambda: [emit_program(self.unit, self.program, name)], name)
        return self._whole

    def function(self, function: CheckedFunction) -> Emission | None:
        """Return a function of the program or the library; None if closures have to run it."""
        known = self.unit.functions.get(function)
        try:
            return self._made(known) if known is not None else self._emitted(list, self.unit.function(function))
        except CannotEmit:
            return None

    def expression(self, tables: Tables, node: nodes.Expr) -> tuple[Emission, list[OuterVariable]] | None:
        """Return an expression as a function of the variables that are returned with it."""
        name, reads = self.unit.fresh("e"), list[OuterVariable]()

        def emit() -> list[ast.FunctionDef]:
            definition, found = emit_expression(self.unit, tables, node, name)
            reads.extend(found)
            return [definition]

        made = self._emitted(emit, name)
        return None if made is None else (made, reads)

    def loop(self, tables: Tables, node: nodes.For | nodes.While) -> tuple[Emission, Loop] | None:
        """Return a loop as a function from the variables that it reads to those that it assigns."""
        name, made_of = self.unit.fresh("l"), list[Loop]()

        def emit() -> list[ast.FunctionDef]:
            definition, loop = emit_loop(self.unit, tables, node, name)
            made_of.append(loop)
            return [definition]

        made = self._emitted(emit, name)
        return None if made is None else (made, made_of[0])

    def _emitted(self, emit: Callable[[], list[ast.FunctionDef]], name: str) -> Emission | None:
        """Emit and compile something, and the functions that it applies."""
        unit = self.unit
        try:
            with deep_recursion, paused_collector:
                definitions = emit()
                for function in unit.waiting():
                    definitions.append(emit_function(unit, function))
                unit.define(definitions)
        except CannotEmit:
            unit.forget()
            return None
        unit.settle()
        return self._made(name)

    def _made(self, name: str) -> Emission:
        made: Emission = self.unit.globals[name]
        return made


_programs: WeakKeyDictionary[Checked, EmittedProgram] = WeakKeyDictionary()


def emitted_program(checked: Checked) -> EmittedProgram:
    """Return the emitted parts of a program, the same ones for the same checked program."""
    found = _programs.get(checked)
    if found is None:
        program = ProgramTree(checked.module, checked.tables, tuple(checked.inputs), checked.entry)
        unit = Unit(checked.module, has_defaults=imports_module(checked.module, "collections"))
        found = _programs[checked] = EmittedProgram(program, unit)
    return found
