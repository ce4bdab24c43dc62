"""A unit: everything that is emitted for one checked program, and where its parts come from in the text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

from attrs import define, field, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Span
from rlmlang.runtime.arithmetic import finite, finite_product
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.enclosing_scopes import Surroundings, surroundings_of
from rlmlang.runtime.operators import OPERATORS
from rlmlang.runtime.pending import UNBOUND

SITES = "sites"
"""The name of the global variable by which a frame of emitted code is recognized."""


PURE: dict[str, Callable[..., Any]] = {
    "len": len,
    "finite": finite,
    "finite_product": finite_product,
    "quotient": OPERATORS["//"],
    "remainder": OPERATORS["%"],
}
"""Functions that emitted code applies by name, and that only look at their arguments."""


class CannotEmit(Exception):
    """The code cannot be emitted, so that closures have to run it."""


@frozen
class Redo:
    """An operation that failed, and its operands as code that can be evaluated again in the frame of the failure."""

    work: Callable[..., Any]
    operands: tuple[ast.expr, ...]


@frozen(eq=False)
class Site:
    """A line of emitted code: the span it comes from, and how to get the error of an operation that fails there."""

    span: Span
    redo: Redo | None = None
    name: str = ""
    """The variable that is read there."""


@define(eq=False)
class Unit:
    """What is emitted for one checked program. Its functions find each other, and constants, in its globals."""

    module: nodes.Module
    sites: list[Site] = field(factory=list)
    functions: dict[CheckedFunction, str] = field(factory=dict)
    unable: set[CheckedFunction] = field(factory=set)
    """Functions that turned out not to be emittable."""
    _new: list[CheckedFunction] = field(factory=list)
    """Functions that have a name, and are not compiled yet."""
    shown: dict[str, str] = field(factory=dict)
    """What the generated names stand for, for readers."""
    definitions: list[ast.FunctionDef] = field(factory=list)
    has_defaults: bool = False
    """Whether dicts may be those of `collections`, which make values of keys that are looked up."""
    globals: dict[str, Any] = field(init=False)
    _given: dict[int, str] = field(factory=dict)
    _count: int = 0
    _surroundings: dict[int, Surroundings] | None = None

    def __attrs_post_init__(self) -> None:
        self.globals = {"__builtins__": {}, SITES: self.sites, **PURE, "UNBOUND": UNBOUND}

    def fresh(self, prefix: str, shown: str = "") -> str:
        """Return a name that nothing else has."""
        self._count += 1
        name = f"{prefix}{self._count}"
        if shown:
            self.shown[name] = shown
        return name

    def site(self, span: Span, redo: Redo | None = None, name: str = "") -> int:
        """Return the number of a new line for code that comes from `span`."""
        self.sites.append(Site(span, redo, name))
        return len(self.sites)

    def give(self, prefix: str, value: object, shown: str = "") -> str:
        """Return the name of the global variable that has the value."""
        known = self._given.get(id(value))
        if known is None:
            known = self._given[id(value)] = self.fresh(prefix, shown)
            self.globals[known] = value
        return known

    def constant(self, value: object) -> ast.expr:
        """Return code for a constant. Texts are given by reference."""
        if isinstance(value, str):
            return python.load(self.give("c", value, repr(value)))
        return python.const(value)

    def function(self, checked: CheckedFunction) -> str:
        """Return the name of a function, which is emitted with what applies it. Raises CannotEmit."""
        if checked.makes_calls or checked.prints or checked.keeps_results or checked in self.unable:
            raise CannotEmit(checked.node.name.id)
        known = self.functions.get(checked)
        if known is None:
            known = self.functions[checked] = self.fresh("f", checked.node.name.id)
            self._new.append(checked)
        return known

    def around(self, checked: CheckedFunction) -> Surroundings:
        """Return where a function is."""
        if checked.in_library:
            return Surroundings(())
        if self._surroundings is None:
            self._surroundings = surroundings_of(self.module)
        return self._surroundings[checked.node.name.node_id]

    def waiting(self) -> Iterator[CheckedFunction]:
        """Yield the functions that are to be emitted, and those that their emission asks for."""
        yield from self._new

    def settle(self) -> None:
        """Note that all functions which have a name are compiled."""
        self._new.clear()

    def forget(self) -> None:
        """Take back the names of functions that are not compiled, since one of them cannot be emitted."""
        for function in self._new:
            del self.functions[function]
        self.unable.update(self._new)
        self._new.clear()

    def define(self, definitions: Sequence[ast.FunctionDef]) -> None:
        """Compile functions and make them available to each other. Raises CannotEmit."""
        module = ast.Module([*definitions], [])
        python.fill_locations(module)
        try:
            with deep_recursion:
                code = compile(module, "<emitted>", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, RecursionError) as error:  # too many loops in loops, for example
            raise CannotEmit(str(error)) from error
        self.run(code)
        self.definitions += definitions

    def run(self, code: CodeType) -> None:
        exec(code, self.globals)
