"""Compile `try`, `raise` and `assert` to closures.

A `try` whose body may wait for an answer is an evaluation of its own (`Evaluation.begin_inner`). Its statements run one
after the other, so that the variables are as a statement found them when it fails. Only bindings that follow each
other, and change nothing, need not wait: they ask at once, and the variables before each of them are kept.
"""

from __future__ import annotations

from functools import partial

from rlmlang.errors import RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.source import Span
from rlmlang.runtime.closures import Compiler, branching
from rlmlang.runtime.effects import CAUGHT, effects_of, makes_calls
from rlmlang.runtime.exceptions import RaisedError, catches, failed_assertion, message_of
from rlmlang.runtime.frames import Checkpoint, Frame, charge
from rlmlang.runtime.outcomes import Outcome, Run, Waiting, go_on_later, leave_behind
from rlmlang.runtime.pending import UNRESOLVED, Pending, Unsure, resolved, truth
from rlmlang.runtime.scheduler import Evaluation, PlacedError
from rlmlang.runtime.serial_order import AFTER, Place
from rlmlang.runtime.steps import CATCH
from rlmlang.runtime.values import Value


def attempt(compiler: Compiler, node: nodes.Try) -> Run:
    """Compile a `try` with its handlers."""
    body, tables = compiler.body(node.body), compiler.tables
    handlers = [
        (
            [name.id for name in each.errors],
            None if each.name is None else each.name.id,
            compiler.body(each.body),
            each.span,
        )
        for each in node.handlers
    ]
    effects, inside = effects_of(tables, [node]), effects_of(tables, node.body)
    capture, capture_inside = compiler.capture(effects), compiler.capture(inside)
    may_call = makes_calls(tables, node.body)
    start, end = node.span.start, node.body[-1].span.end

    def run(frame: Frame) -> Outcome:
        if may_call or _waits(frame, inside.uses):
            waiting = apart(frame)
            if effects.exits or frame.ordered is not None:
                return waiting
            leave_behind(frame, waiting, capture, effects.assigned)
            return None
        try:
            outcome: Outcome = body(frame)
            return outcome
        except PlacedError as raised:
            failure = raised
        except RecursionError:
            error = RunError.of("E309", "function calls nest too deeply", node.span)
            failure = PlacedError(error, Place(frame, start))
        # Outside of Python's handlers, since an error that is raised in one keeps the error that it handles.
        return handle(frame, failure)

    def apart(frame: Frame) -> Waiting:
        """Begin the body in an evaluation of its own. Returns what waits for its end."""
        outer = frame.evaluation
        inner = Evaluation(outer.calls, outer.meter, outer.nesting, waits_for_outer=True)
        own = frame.kept(capture_inside)
        own.evaluation, own.window = inner, None
        own.ordered = checkpoint = Checkpoint(own)
        done = Pending()
        left: list[Outcome] = []

        def program() -> Value:
            outcome = body(own)
            if outcome.__class__ is not Waiting:
                left.append(outcome)
                return None
            last = Pending()

            def finish(outcome: Outcome) -> None:
                left.append(outcome)
                last.resolve(None)

            go_on_later(own, outcome, finish)
            return last

        def ended(value: Pending) -> None:
            outer.show_all(inner)
            if inner.failure is not None and not _is_caught(node, inner.failure.error):
                raise inner.failure
            done.resolve(None)

        def resume(frame: Frame) -> Outcome:
            failure = inner.failure
            found = own.variables if failure is None else checkpoint.before(failure.path)
            for name in inside.assigned:
                if name in found:
                    frame.variables[name] = found[name]
                else:
                    frame.variables.pop(name, None)
            return left[0] if failure is None else handle(frame, failure)

        outer.begin_inner(inner, program, own, Place(frame, start), ended)
        return Waiting(done, Place(frame, end, AFTER), resume, effects.exits)

    def handle(frame: Frame, failure: PlacedError) -> Outcome:
        """Run the first handler that catches an error. Raises it if there is none."""
        error = failure.error
        for names, name, handler, span in handlers:
            if catches(names, error):
                charge(frame, CATCH, span, end, 0)
                before = frame.variables.get(CAUGHT)
                frame.variables[CAUGHT] = error
                if name is not None:
                    frame.variables[name] = message_of(error)
                return leave(before, name, frame, handler(frame))
        raise failure

    def leave(before: RlmError | None, name: str | None, frame: Frame, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Waiting):
            return outcome.then(partial(leave, before, name), effects.exits, 0)
        frame.variables[CAUGHT] = before
        if name is not None:
            frame.variables.pop(name, None)
        return outcome

    return run


def _is_caught(node: nodes.Try, error: RlmError) -> bool:
    return any(catches([name.id for name in each.errors], error) for each in node.handlers)


def _waits(frame: Frame, names: frozenset[str]) -> bool:
    """Return whether one of some variables is not resolved."""
    holder: Frame | None = frame
    while holder is not None:
        for name in names:
            value = resolved(holder.variables.get(name))
            if value.__class__ in UNRESOLVED or value.__class__ is Unsure:
                return True
        holder = holder.scope
    return False


def raising(compiler: Compiler, node: nodes.Raise) -> Run:
    """Compile a `raise`."""
    span, site = node.span, node.span.end
    if node.error is None:

        def again(frame: Frame) -> Outcome:
            error: RlmError = frame.variables[CAUGHT]
            raise PlacedError(error, Place(frame, site))

        return again
    kind, message = node.error.id, None if node.message is None else compiler.code(node.message)

    def run(frame: Frame) -> Outcome:
        value = "" if message is None else resolved(message(frame))
        if value.__class__ in UNRESOLVED:
            last = frame.evaluation.defer([value], Place(frame, site), lambda: fail(frame, resolved(value)))
            return Waiting(last, Place(frame, site), lambda then: None, 0)
        return fail(frame, value)

    def fail(frame: Frame, value: Value) -> Outcome:
        raise PlacedError(RaisedError.make(kind, _text(frame, value, span)).at(span), Place(frame, site))

    return run


def assertion(compiler: Compiler, node: nodes.Assert) -> Run:
    """Compile an `assert`. What follows does not wait for its test."""
    span, site = node.span, node.span.end
    message = None if node.message is None else compiler.code(node.message)

    def decide(frame: Frame, value: Value) -> Value:
        if truth(value):
            return None
        text = "" if message is None else resolved(message(frame))
        if text.__class__ in UNRESOLVED:
            return frame.evaluation.defer([text], Place(frame, site), lambda: fail(frame, resolved(text)))
        return fail(frame, text)

    def fail(frame: Frame, value: Value) -> Value:
        raise PlacedError(failed_assertion(_text(frame, value, span)).at(span), Place(frame, site))

    code = branching(compiler, node.test, [] if node.message is None else [node.message], decide)

    def run(frame: Frame) -> Outcome:
        code(frame)
        return None

    return run


def _text(frame: Frame, value: Value, span: Span) -> str:
    """Return a message as text."""
    if isinstance(value, str):
        return value
    try:
        frame.evaluation.meter.walk(value)
    except RlmError as error:
        raise PlacedError(error.at(span), Place(frame, span.end)) from None
    return str(value)
