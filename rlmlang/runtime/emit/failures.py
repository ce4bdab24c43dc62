"""Turn what emitted code raises into the coded error that the closures raise, at the same place."""

from __future__ import annotations

import ast
from functools import lru_cache
from types import CodeType, FrameType

from rlmlang.errors import RlmError, RunError
from rlmlang.runtime.emit.emitter import METER
from rlmlang.runtime.emit.unit import SITES, Redo, Site
from rlmlang.runtime.exceptions import unbound

NATURAL = (RlmError, LookupError, ArithmeticError, NameError, ValueError)
"""What emitted code may raise. All but RlmError are Python's own, raised by what it does itself."""


def coded(error: Exception) -> RlmError:
    """Return the coded error, with its span, of an exception that has left emitted code.

    An exception that emitted code does not raise is a fault of ours, and is raised again.
    """
    trace = error.__traceback__
    frame: FrameType | None = None
    site: Site | None = None
    is_innermost = False
    while trace is not None:
        is_innermost = SITES in trace.tb_frame.f_globals
        if is_innermost:
            frame, site = trace.tb_frame, trace.tb_frame.f_globals[SITES][trace.tb_lineno - 1]
        trace = trace.tb_next
    if site is None or frame is None:
        raise error
    if isinstance(error, RlmError):
        return error.at(site.span).with_traceback(None)
    if not is_innermost or not isinstance(error, NATURAL):
        raise error
    if isinstance(error, NameError):
        return unbound(site.name).at(site.span)
    return _redone(site.redo, frame, error).at(site.span)


def _redone(redo: Redo | None, frame: FrameType, error: Exception) -> RlmError:
    """Return the error of the reference operation on the same operands. It charges nothing."""
    variables = {**frame.f_locals}  # once, since Python gathers all of them each time
    meter = variables[METER]
    steps, largest = meter.steps, meter.largest
    try:
        if redo is not None:
            redo.work(meter, *(eval(_compiled(operand), frame.f_globals, variables) for operand in redo.operands))
    except RlmError as found:
        return found
    finally:
        meter.steps, meter.largest = steps, largest
    return RunError.of("E300", f"an operation failed: {error}")


@lru_cache(maxsize=256)
def _compiled(operand: ast.expr) -> CodeType:
    return compile(ast.fix_missing_locations(ast.Expression(operand)), "<operand>", "eval")
