"""Compile the built-in `run_program`, by which a program checks and runs a program (decision 18)."""

from __future__ import annotations

from rlmlang.errors import BudgetError, ProgramError, RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.parse import MAX_SOURCE
from rlmlang.language.source import Source
from rlmlang.render import render
from rlmlang.runtime.closures import Code, Compiler
from rlmlang.runtime.frames import Frame, charge
from rlmlang.runtime.inputs import bind_inputs, read_inputs
from rlmlang.runtime.pending import UNRESOLVED, Pending, copied, resolved
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value, canonical

MAX_NESTING = 8
"""How deep `run_program` may run programs that run programs."""


def run_program(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    operands = compiler.codes(target.in_order)
    sizes = [compiler.changeable(each) for each in target.in_order]
    site, span = node.span.end, node.span

    def run(frame: Frame) -> Value:
        evaluation, place = frame.evaluation, Place(frame, site)
        given = [copied(operand(frame), size, evaluation.meter) for operand, size in zip(operands, sizes)]

        def begin() -> Value:
            program, inputs = map(resolved, given)
            charge(frame, steps_of_checking(program), span, site, 0)
            return _run_program(compiler, evaluation, program, inputs, place)

        if any(resolved(value).__class__ in UNRESOLVED for value in given):
            return evaluation.defer(given, place, begin)
        return begin()

    return run


def steps_of_checking(text: str) -> int:
    """Return the steps that reading and checking a program text takes."""
    return 2_000 + 40 * min(len(text), MAX_SOURCE)


def _run_program(
    compiler: Compiler, evaluation: Evaluation, program: str, inputs: dict[str, str], place: Place
) -> Value:
    """Return the value of a program as JSON and None, or None and the rendered error; it may be pending.

    An exhausted budget is never a value. Raises RunError E309.
    """
    if evaluation.nesting >= MAX_NESTING:
        raise RunError.of("E309", f"`run_program` is nested more than {MAX_NESTING} deep")
    inner = Evaluation(evaluation.calls, evaluation.meter, evaluation.nesting + 1)
    try:
        checked = check(Source(program, "<run_program>"))
        for function in checked.host.values():  # a text may come from anywhere
            raise ProgramError.of(
                "E126",
                "a program that `run_program` runs is given no functions of the host",
                function.node.span,
                "apply the function outside, and pass the result as an input",
            )
        code, root = compiler.start(inner, checked, bind_inputs(checked, read_inputs(checked, inputs)))
    except RlmError as error:
        return _failed(error)
    result = Pending()

    def ended(value: Pending) -> None:
        evaluation.show_all(inner, place)
        if inner.failure is not None:
            result.resolve(_failed(inner.failure.error))
            return
        known = resolved(value)
        evaluation.meter.walk(known)
        result.resolve((canonical(known), None))

    evaluation.begin_inner(inner, lambda: code(root), root, place, ended)
    return result


def _failed(error: RlmError) -> tuple[None, str]:
    if isinstance(error, BudgetError):
        raise error
    return None, render(error.diagnostics)
