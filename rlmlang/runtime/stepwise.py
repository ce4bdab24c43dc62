"""Run the body of a function that is still being written, some statements at a time."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from rlmlang.language.check.checked import Checked
from rlmlang.runtime.applications import function_names
from rlmlang.runtime.compiler import ProgramCompiler
from rlmlang.runtime.effects import changes_anything
from rlmlang.runtime.frames import Frame
from rlmlang.runtime.outcomes import Outcome, Returned, Waiting, go_on_later
from rlmlang.runtime.pending import UNBOUND, Pending, Unsure, resolved
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import Value


@frozen
class Step:
    """What some statements of a body have come to."""

    returned: tuple[Value] | None
    """The value that they return, if they do."""
    variables: dict[str, Value]
    """The variables of the function after them."""
    printed: list[str]
    """What they printed."""


async def run_step(evaluation: Evaluation, checked: Checked, variables: Mapping[str, Value], begin: int) -> Step:
    """Run the statements of a program's function from one on, given its variables by then.

    Raises RunError, BudgetError, ModelError, UsageError.
    """
    entry = checked.entry
    assert entry is not None
    body = entry.node.body[begin:]
    compiler = ProgramCompiler(checked)
    compiler.scope, compiler.tables = function_names(entry, compiler.scope), entry.tables
    compiler.binding, compiler.changes = entry.node.name.id, changes_anything(entry.node.body)
    run = compiler.body(body)
    root = Frame(evaluation, None, {})
    frame = Frame(evaluation, root, dict(variables), root)
    result = Pending()
    returned = False

    def finish(outcome: Outcome) -> None:
        nonlocal returned
        returned = isinstance(outcome, Returned)
        result.resolve(outcome.value if isinstance(outcome, Returned) else None)

    def start() -> Value:
        outcome = run(frame)
        if isinstance(outcome, Waiting):
            go_on_later(frame, outcome, finish)
        else:
            finish(outcome)
        return result

    value = await evaluation.run(start, root, body[-1].span)
    after = {name: _known(value) for name, value in frame.variables.items()}
    bound = {name: value for name, value in after.items() if value is not UNBOUND}
    return Step((value,) if returned else None, bound, evaluation.printed)


def _known(value: Value) -> Value:
    return resolved(value.pending if isinstance(value, Unsure) else value)
