"""Compile statements to closures.

The code of a statement returns how it is left (`outcomes.py`). Where that depends on an answer, it waits. If a waiting
statement can only lead to the next one, or to the next turn, what follows does not wait for it: it becomes a job that
takes the variables along as they are, and the variables that it may bind or change are pending until it has run.
If it may leave the loop or the function, the rest of that waits too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from itertools import pairwise

from rlmlang.language import nodes
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.paths import roots_of
from rlmlang.runtime.changes import augmented, item_assigned
from rlmlang.runtime.closures import Binder, Code, Compiler, bind_name, bind_parts, capture_in
from rlmlang.runtime.comprehensions import as_sequence
from rlmlang.runtime.effects import (
    BREAK,
    CONTINUE,
    RETURN,
    effects_of,
    exits_of,
    exits_of_all,
    makes_calls,
    walk,
)
from rlmlang.runtime.emitted import with_emitted_loop
from rlmlang.runtime.frames import Capture, Frame, charge
from rlmlang.runtime.outcomes import BREAK_LOOP, NEXT_TURN, Outcome, Returned, Run, Waiting, go_on_later, leave_behind
from rlmlang.runtime.pending import UNRESOLVED, Pending, as_container, copied, resolved, truth
from rlmlang.runtime.serial_order import AFTER, Place, Window
from rlmlang.runtime.steps import loop_steps
from rlmlang.runtime.try_statements import assertion, attempt, raising
from rlmlang.runtime.values import Value


def result_of(compiler: Compiler, statements: Sequence[nodes.Statement]) -> Code:
    """Compile the body of a function or the program to code that returns its value."""
    run = body_of(compiler, statements)
    capture = compiler.capture(effects_of(compiler.tables, statements))

    def code(frame: Frame) -> Value:
        outcome = run(frame)
        if outcome is None:
            return None
        if isinstance(outcome, Returned):
            return outcome.value
        assert isinstance(outcome, Waiting)
        scope = None if frame.scope is None else frame.scope.kept(capture)
        result = Pending()
        go_on_later(
            frame.with_variables(scope, frame.variables),
            outcome,
            lambda outcome: result.resolve(None if outcome is None else outcome.value),
        )
        return result

    return code


def body_of(compiler: Compiler, statements: Sequence[nodes.Statement]) -> Run:
    """Compile statements one after another."""
    reached = _reached(compiler, statements)
    steps = [statement_code(compiler, statement) for statement in reached]
    exits = [exits_of_all(reached[i + 1 :]) if exits_of(each) else 0 for i, each in enumerate(reached)]
    starts, ends = [each.span.start for each in reached], [each.span.end for each in reached]
    only_bind = [_only_binds(compiler, each) for each in reached]
    waits = [not (now and then) for now, then in pairwise([*only_bind, False])]
    count = len(steps)
    anywhere = BREAK | CONTINUE | RETURN

    def run(frame: Frame, begin: int = 0) -> Outcome:
        checkpoint = frame.ordered
        for i in range(begin, count):
            if checkpoint is not None:
                checkpoint.take(frame, starts[i], i == 0 or waits[i - 1])
            outcome = steps[i](frame)
            if outcome is not None:
                return follow(i, outcome) if outcome.__class__ is Waiting else outcome
            if checkpoint is not None and waits[i]:
                outcome = ended(i, frame)
                if outcome is not None:
                    return outcome
        return None

    def ended(i: int, frame: Frame) -> Outcome:
        """Wait until all that a statement has begun has ended."""
        if not frame.evaluation.has_ended:
            return Waiting(None, Place(frame, ends[i], AFTER), partial(run_from, i), anywhere, "quiet")
        assert frame.ordered is not None
        frame.ordered.take(frame, ends[i])
        return None

    def run_from(i: int, frame: Frame) -> Outcome:
        waiting = ended(i, frame)
        return run(frame, i + 1) if waiting is None else waiting

    def follow(i: int, waiting: Waiting) -> Waiting:
        return waiting.then(partial(after, i), waiting.exits | exits[i], i)

    def after(i: int, frame: Frame, outcome: Outcome) -> Outcome:
        if outcome is None:
            return run(frame, i + 1)
        return follow(i, outcome) if isinstance(outcome, Waiting) else outcome

    return run


def _only_binds(compiler: Compiler, node: nodes.Statement) -> bool:
    """Return whether a statement binds names and does nothing else to variables."""
    targets: tuple[nodes.Target, ...] = ()
    match node:
        case nodes.Assign():
            targets = node.targets
        case nodes.AnnotatedAssign() | nodes.ExprStatement():
            pass
        case _:
            return False
    found = (compiler.tables.targets.get(each.node_id) for each in walk(node) if isinstance(each, nodes.Apply))
    changes = any(isinstance(target, NativeTarget) and target.builtin.changes for target in found)
    return not changes and all(map(_is_bound, targets))


def _is_bound(target: nodes.Target) -> bool:
    return (
        all(map(_is_bound, target.items)) if isinstance(target, nodes.TupleTarget) else isinstance(target, nodes.Name)
    )


def _reached(compiler: Compiler, statements: Sequence[nodes.Statement]) -> list[nodes.Statement]:
    """Return the statements that can be reached; of the others, nothing is known."""
    return [each for each in statements if each.span.start not in compiler.tables.unreached]


def statement_code(compiler: Compiler, node: nodes.Statement) -> Run:
    """Compile one statement."""
    match node:
        case nodes.ExprStatement(value=value):
            return _only(compiler.code(value))
        case nodes.Assign() | nodes.AnnotatedAssign():
            return assignment(compiler, node)
        case nodes.AugmentedAssign():
            return _only(augmented(compiler, node))
        case nodes.If():
            return branches(compiler, node)
        case nodes.For() | nodes.While():
            code = for_loop(compiler, node) if isinstance(node, nodes.For) else while_loop(compiler, node)
            return code if compiler.emitted is None else with_emitted_loop(compiler.emitted, compiler, node, code)
        case nodes.Return(value=None):
            return lambda frame: Returned(None)
        case nodes.Return(value=nodes.Node() as value):
            result = compiler.code(value)
            return lambda frame: Returned(result(frame))
        case nodes.Break():
            return lambda frame: BREAK_LOOP
        case nodes.Continue():
            return lambda frame: NEXT_TURN
        case nodes.Assert():
            return assertion(compiler, node)
        case nodes.Raise():
            return raising(compiler, node)
        case nodes.Try():
            return attempt(compiler, node)
    return lambda frame: None  # a definition, an import or `pass`


def _only(code: Code) -> Run:
    """Return the code of a statement that evaluates an expression and goes on."""

    def run(frame: Frame) -> None:
        code(frame)

    return run


# Assignments


def assignment(compiler: Compiler, node: nodes.Assign | nodes.AnnotatedAssign) -> Run:
    if node.value is None:
        return lambda frame: None
    targets = node.targets if isinstance(node, nodes.Assign) else (node.name,)
    names = [name.id for target in targets for name in roots_of(target)]
    before, compiler.binding = compiler.binding, compiler.binding or next(iter(names), None)
    value = compiler.code(node.value)
    compiler.binding = before
    if len(targets) == 1 and isinstance(targets[0], nodes.Name):
        name = targets[0].id

        def bind_one(frame: Frame) -> None:
            frame.variables[name] = value(frame)

        return bind_one
    binders = [target_code(compiler, target) for target in targets]
    site = node.span.end

    def bind_all(frame: Frame) -> None:
        given = value(frame)
        inner = frame.inside(site)  # targets are evaluated after the value
        for bind in binders:
            bind(inner, given)

    return bind_all


def target_code(compiler: Compiler, target: nodes.Target) -> Binder:
    """Compile binding a value to a target."""
    match target:
        case nodes.Name(id=name):
            return bind_name(name)
        case nodes.Index():
            return item_assigned(compiler, target)
        case nodes.TupleTarget(items=items):
            return bind_parts(compiler, target, [target_code(compiler, item) for item in items])


# Branches and loops


def branches(compiler: Compiler, node: nodes.If) -> Run:
    tests: list[tuple[Code, int, int]] = []
    bodies: list[Run | None] = []
    """What is run if a test holds; None for one that types have decided: whatever it gives, the next part follows."""
    orelse = node.orelse
    for branch in node.branches:
        decided = compiler.tables.decided.get(branch.test.node_id)
        tests.append((compiler.code(branch.test), compiler.changeable(branch.test), branch.test.span.end))
        bodies.append(body_of(compiler, branch.body) if decided is None else None)
        if decided:
            orelse = branch.body
            break
    otherwise = body_of(compiler, orelse)
    effects = effects_of(compiler.tables, [node])
    capture, exits = compiler.capture(effects), effects.exits

    def run(frame: Frame, begin: int = 0) -> Outcome:
        for i in range(begin, len(tests)):
            test, levels, site = tests[i]
            value, body = test(frame), bodies[i]
            if body is None:
                continue
            if value.__class__ in UNRESOLVED:
                value = resolved(value)
                if value.__class__ is Pending:
                    known = copied(value, levels, frame.evaluation.meter)
                    return wait(frame, Waiting(known, Place(frame, site), partial(decide, i, body, known), exits))
            if truth(value):
                return body(frame)
        return otherwise(frame)

    def decide(i: int, body: Run, known: Pending, frame: Frame) -> Outcome:
        return body(frame) if truth(resolved(known)) else run(frame, i + 1)

    def wait(frame: Frame, waiting: Waiting) -> Outcome:
        if exits or frame.ordered is not None:
            return waiting
        leave_behind(frame, waiting, capture, effects.assigned)
        return None

    return run


class _Loop:
    """What the two kinds of loop have in common: what happens where it depends on an answer how a turn is left."""

    def __init__(self, compiler: Compiler, node: nodes.For | nodes.While, site: int) -> None:
        self.body = body_of(compiler, node.body)
        self._site = site
        effects = effects_of(compiler.tables, [node])
        self.exits, self._capture, self._assigned = effects.exits, compiler.capture(effects), effects.assigned
        reached = _reached(compiler, node.body)
        tables = compiler.tables
        scope = compiler.scope

        @cache
        def rest_of_turn(begin: int) -> tuple[Capture, frozenset[str]]:
            effects = effects_of(tables, reached[begin:])
            return capture_in(scope, effects), effects.assigned

        self._rest_of_turn = rest_of_turn

    def after_turn(self, inner: Frame, outcome: Outcome) -> Outcome:
        """Return None if the next turn follows one that was left in some way, else how the loop is left."""
        if isinstance(outcome, Waiting) and not outcome.exits & ~CONTINUE and inner.ordered is None:
            leave_behind(inner, outcome, *self._rest_of_turn(outcome.begin))
            return None
        return None if outcome is NEXT_TURN else outcome

    def waiting(self, outcome: Waiting, turn: int, window: Window, rest: Run) -> Waiting:
        """Return a loop that waits in a turn, and goes on with that and with the rest of the turns."""

        def resume(frame: Frame) -> Outcome:
            inner = frame.inside(self._site, turn, window)
            then = self.after_turn(inner, outcome.resume(inner))
            if isinstance(then, Waiting):
                return self.waiting(then, turn, window, rest)
            then = rest(frame) if then is None else then
            return None if then is BREAK_LOOP else then

        return Waiting(outcome.value, outcome.place, resume, self.exits, outcome.kind)

    def held_back(self, relief: Pending, frame: Frame, turn: int, rest: Run) -> Waiting:
        """Return a loop that goes on with the rest of its turns once less is queued or waits."""
        return Waiting(relief, Place(frame, self._site, turn), rest, self.exits, "relief")

    def left(self, frame: Frame, outcome: Outcome) -> Outcome:
        """Return how the loop is left, after its turns ended in some way."""
        if isinstance(outcome, Waiting) and not self.exits and frame.ordered is None:
            leave_behind(frame, outcome, self._capture, self._assigned)
            return None
        return None if outcome is BREAK_LOOP else outcome


def for_loop(compiler: Compiler, node: nodes.For) -> Run:
    iterable, levels, span = compiler.code(node.iterable), compiler.changeable(node.iterable), node.iterable.span
    bind, steps, site = target_code(compiler, node.target), loop_steps(node), span.end
    loop = _Loop(compiler, node, site)
    may_call = makes_calls(compiler.tables, node.body)

    def run(frame: Frame) -> Outcome:
        value = as_container(iterable(frame))
        if value.__class__ is Pending:
            known = copied(value, levels, frame.evaluation.meter)
            return loop.left(frame, Waiting(known, Place(frame, site), partial(begin, known), loop.exits))
        return loop.left(frame, turns(as_sequence(value), 0, levels, Window(frame.window), frame))

    def begin(known: Pending, frame: Frame) -> Outcome:
        outcome = turns(as_sequence(known), 0, 0, Window(frame.window), frame)
        return None if outcome is BREAK_LOOP else outcome

    def turns(items: Sequence[Value], first: int, levels: int, window: Window, frame: Frame) -> Outcome:
        """Run the turns from one on; `levels` of the items may be changed while they wait."""
        backpressure = frame.evaluation.calls.backpressure
        for turn in range(first, len(items)):
            relief = window.relief()
            if relief is None and may_call:
                relief = backpressure()
            if relief is not None:
                rest = partial(turns, copied(items, levels, frame.evaluation.meter), turn, 0, window)
                return loop.held_back(relief, frame, turn, rest)
            charge(frame, steps, span, site, turn)
            inner = frame.inside(site, turn, window)
            bind(inner, items[turn])
            outcome = loop.body(inner)
            if outcome is not None and (outcome := loop.after_turn(inner, outcome)) is not None:
                if not isinstance(outcome, Waiting):
                    return outcome
                rest = partial(turns, copied(items, levels, frame.evaluation.meter), turn + 1, 0, window)
                return loop.waiting(outcome, turn, window, rest)
        return None

    return run


def while_loop(compiler: Compiler, node: nodes.While) -> Run:
    test, levels, span = compiler.code(node.test), compiler.changeable(node.test), node.test.span
    steps, site = loop_steps(node), node.span.start
    loop = _Loop(compiler, node, site)

    def run(frame: Frame) -> Outcome:
        return loop.left(frame, turns(0, Window(frame.window), frame))

    def turns(first: int, window: Window, frame: Frame) -> Outcome:
        turn = first
        while True:
            if (relief := window.relief()) is not None:
                return loop.held_back(relief, frame, turn, partial(turns, turn, window))
            inner = frame.inside(site, turn, window)
            value = resolved(test(inner))
            if value.__class__ is Pending:
                known = copied(value, levels, frame.evaluation.meter)
                return Waiting(known, Place(inner, span.end), partial(decide, known, turn, window), loop.exits)
            if not truth(value):
                return None
            outcome = one(inner, turn)
            if isinstance(outcome, Waiting):
                return loop.waiting(outcome, turn, window, partial(turns, turn + 1, window))
            if outcome is not None:
                return outcome
            turn += 1

    def one(inner: Frame, turn: int) -> Outcome:
        charge(inner, steps, span, site, turn)
        outcome = loop.body(inner)
        return None if outcome is None else loop.after_turn(inner, outcome)

    def decide(known: Pending, turn: int, window: Window, frame: Frame) -> Outcome:
        if not truth(resolved(known)):
            return None
        inner = frame.inside(site, turn, window)
        outcome = one(inner, turn)
        if outcome is None:
            outcome = turns(turn + 1, window, frame)
        elif isinstance(outcome, Waiting):
            outcome = loop.waiting(outcome, turn, window, partial(turns, turn + 1, window))
        return None if outcome is BREAK_LOOP else outcome

    return run
