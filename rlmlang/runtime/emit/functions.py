"""Emit functions of the program and the library, and parts of what closures run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction, OuterVariable, Tables
from rlmlang.language.types import FunctionType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import DEPTH, METER, Emitter, Surroundings
from rlmlang.runtime.emit.statements import block, unbound_first
from rlmlang.runtime.emit.unit import CannotEmit, Unit
from rlmlang.runtime.steps import function_steps


@frozen(eq=False)
class Emission:
    """An emitted function, called as `run(meter, depth, *values)` with the values of these variables."""

    run: Callable[..., Any]
    reads: tuple[OuterVariable, ...]
    assigns: tuple[str, ...] = ()
    """The variables whose values it returns, in a tuple, if it is of statements."""
