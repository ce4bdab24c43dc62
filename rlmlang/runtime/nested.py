"""Compile the built-in `run_program`, by which a program checks and runs a program (decision 18)."""

from __future__ import annotations

from functools import partial

from rlmlang.errors import BudgetError, RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.parse import MAX_SOURCE
from rlmlang.language.source import Source
from rlmlang.render import render
from rlmlang.runtime.closures import Code, Compiler, Frame, charge
from rlmlang.runtime.inputs import bind_inputs, read_inputs, with_input_types
from rlmlang.runtime.pending import UNRESOLVED, Place, resolved
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import Value, canonical

MAX_NESTING = 8
"""How deep `run_program` may run programs that run programs."""


def run_program(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    operands = compiler.codes(target.in_order)
    start, span = node.span.start, node.span

    def run(frame: Frame) -> Value:
        evaluation, place = frame.evaluation, Place(frame, start)
        given = [operand(frame) for operand in operands]

        def begin() -> Value:
            program, inputs = map(resolved, given)
            charge(frame, steps_of_checking(program), span, start, 0)
            return evaluation.spawn(partial(_run_program, compiler, evaluation, program, inputs), place)

        if any(resolved(value).__class__ in UNRESOLVED for value in given):
            return evaluation.defer(given, place, begin)
        return begin()

    return run


def steps_of_checking(text: str) -> int:
    """Return the steps that reading and checking a program text takes."""
    return 2_000 + 40 * min(len(text), MAX_SOURCE)


async def _run_program(compiler: Compiler, evaluation: Evaluation, program: str, inputs: dict[str, str]) -> Value:
    """Return the value of a program as JSON and None, or None and the rendered error.

    Raises BudgetError, which is never a value, and RunError E309.
    """
    if evaluation.nesting >= MAX_NESTING:
        raise RunError.of("E309", f"`run_program` is nested more than {MAX_NESTING} deep")
    inner = Evaluation(evaluation.calls, evaluation.meter, evaluation.nesting + 1)
    try:
        checked = check(Source(program, "<run_program>"))
        given = read_inputs(checked, inputs)
        checked = with_input_types(checked, given)
        values = bind_inputs(checked, given)
        value = await compiler.evaluate(inner, checked, values)
    except BudgetError:
        raise
    except RlmError as error:
        return None, render(error.diagnostics)
    return canonical(value), None
