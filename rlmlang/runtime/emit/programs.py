"""What the rest of the runtime asks of this folder: the emitted form of programs and their functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define, field

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction, Tables
from rlmlang.language.depth import deep_recursion
from rlmlang.runtime.emit import applications, expressions, loops, operators  # noqa: F401 (they enter their handlers)
from rlmlang.runtime.emit.emitter import Surroundings
from rlmlang.runtime.emit.functions import emit_function, emit_script, surroundings_of
from rlmlang.runtime.emit.unit import CannotEmit, Unit

Emission = Callable[..., Any]
"""An emitted function, called with the meter, the depth of applications, and its arguments."""


@define(eq=False)
class EmittedProgram:
    """The emitted parts of a program, each made when it is first asked for."""

    module: nodes.Module
    tables: Tables
    inputs: tuple[str, ...]
    unit: Unit = field(factory=Unit)
    _surroundings: dict[int, Surroundings] | None = None
    _script: Emission | None = None
    _asked: bool = False

    def script(self) -> Emission | None:
        """Return the whole script as a function of its inputs; None if closures have to run it."""
        if not self._asked:
            self._asked = True
            name = self.unit.fresh("p")
            self._script = self._emitted(
                lambda: [emit_script(self.unit, self.module, self.tables, self.inputs, name)], name
            )
        return self._script

    def _emit_script(self, name: str) -> list[ast.FunctionDef]:
        return [emit_script(self.unit, self.module, self.tables, self.inputs, name)]

    def function(self, function: CheckedFunction) -> Emission | None:
        """Return a function of the program or the library; None if closures have to run it."""
        known = self.unit.functions.get(function)
        if known is not None:
            return self.unit.globals[known]
        if function in self.unit.unable:
            return None
        try:
            name = self.unit.function(function)
        except CannotEmit:
            return None
        return self._emitted(list, name)

    def _emitted(self, emit: Callable[[], list[ast.FunctionDef]], name: str) -> Emission | None:
        """Emit and compile something, and the functions that it applies."""
        unit = self.unit
        try:
            with deep_recursion:
                definitions = emit()
                for function in unit.waiting():
                    definitions.append(emit_function(unit, function, self._around(function)))
            unit.define(definitions)
        except CannotEmit:
            unit.forget()
            return None
        unit.settle()
        emitted: Emission = unit.globals[name]
        return emitted

    def _around(self, function: CheckedFunction) -> Surroundings:
        if self._surroundings is None:
            self._surroundings = surroundings_of(self.module)
        return Surroundings(()) if function.in_library else self._surroundings[function.node.name.node_id]


_programs: WeakKeyDictionary[Checked, EmittedProgram] = WeakKeyDictionary()


def emitted_program(checked: Checked) -> EmittedProgram:
    """Return the emitted parts of a program, the same ones for the same checked program."""
    found = _programs.get(checked)
    if found is None:
        found = _programs[checked] = EmittedProgram(checked.module, checked.tables, tuple(checked.inputs))
    return found
