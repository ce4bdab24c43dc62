"""The rules for loops: the types of variables before a turn are the join of those before the loop and after a turn."""

from __future__ import annotations

from collections.abc import Callable

from rlmlang.language import nodes
from rlmlang.language.check.bindings import assign_element
from rlmlang.language.check.body import LoopEnds
from rlmlang.language.check.flow import State, joined
from rlmlang.language.check.inference import Inference, facts
from rlmlang.language.check.iteration import element_of, take_in_turns
from rlmlang.language.check.scope import Conflicted, ScopeEntry, Variable
from rlmlang.language.check.unreachable import leave_out, misplaced
from rlmlang.language.types import NEVER, UNKNOWN, parts_of

MORE_TURNS = 10
"""How many turns are followed, beyond one for each variable, before types are said to grow without end."""

LoopTurn = Callable[[], "State | None"]
"""Checks one turn from the state that the scope is in, and returns the state where the loop ends before that turn.
The scope is then in the state after the turn."""


def for_loop(check: Inference, node: nodes.For) -> None:
    """Check a `for`."""
    item = element_of(check, check.infer(node.iterable), node.iterable)
    take_in_turns(check, node.iterable)

    def turn() -> State | None:
        before = check.body.state()
        assign_element(check, node, item)
        check.block(node.body)
        return before

    if item != NEVER:
        _loop(check, node, turn)
        return
    found = len(check.problems)  # what is iterated over is empty, so whatever the body does is never done
    check.problems.provisional += 1
    _loop(check, node, turn)
    check.problems.provisional -= 1
    check.problems.forget(found)
    leave_out(check, node.body, in_loop=True)


def while_loop(check: Inference, node: nodes.While) -> None:
    """Check a `while`."""
    body = check.body

    def turn() -> State | None:
        body.whiles += 1
        truth = check.test(node.test)
        if isinstance(node.test, nodes.Constant) and node.test.value:
            truth = True
        tested, end = body.state(), None
        if truth is not True:
            check.names.narrow(facts(check, node.test, False))
            end = body.state()
            body.go_on(tested)
        if truth is False:
            leave_out(check, node.body)
            body.go_on(None)
        else:
            check.names.narrow(facts(check, node.test, True))
            check.block(node.body)
        body.whiles -= 1
        return end

    _loop(check, node, turn)


def leave_turn(check: Inference, node: nodes.Break | nodes.Continue) -> None:
    """Check a `break` or `continue`."""
    body = check.body
    if not body.loops:
        misplaced(check, node)
        return
    if isinstance(node, nodes.Break):
        body.loops[-1].breaks = joined((body.loops[-1].breaks, body.state()))
    else:
        body.loops[-1].continues = joined((body.loops[-1].continues, body.state()))
    body.go_on(None)


def _loop(check: Inference, node: nodes.For | nodes.While, turn: LoopTurn) -> None:
    """Check turns until the types that they begin with do not change any more; the problems of the last one count."""
    body, problems = check.body, check.problems
    known = body.entry_states.get(node.span.start)
    counts = known is not None  # a loop in a loop has been checked before, so its types have most likely been found
    entry = joined((known, body.state()))
    assert entry is not None
    found = len(problems)
    turns_left = MORE_TURNS + len(entry.entries)
    growing = body.growing.setdefault(node.span.start, [])  # nothing else would be found out of them again
    nested: set[str] = set()
    is_last = False
    while True:
        problems.provisional += not counts
        ends = LoopEnds()
        body.loops.append(ends)
        body.go_on(entry)
        end = turn()
        body.loops.pop()
        problems.provisional -= not counts
        is_wrong = len(problems) > found
        after = joined((entry, body.state(), ends.continues))
        assert after is not None
        if is_wrong:
            after = _without_mistakes(entry, after)
        if is_last or (after == entry and (counts or problems.provisional or not is_wrong)):
            break
        if after == entry:
            is_last = counts = True  # once more, to report what is wrong
        else:
            if not (counts and is_wrong):  # else the types after this turn are those of mistakes
                turns_left -= 1
                nested |= {name for name, each in after.entries.items() if _is_put_into(entry.entries.get(name), each)}
                growing += [
                    name for name, each in after.entries.items() if each != entry.entries.get(name) and turns_left <= 0
                ]
                entry = _without_types(after, growing)
            counts = False
        problems.forget(found)
    grown = {problem.message for problem in problems.found[found:] if problem.code == "E232"}
    growing += [name for name in sorted(nested) if any(message.startswith(f"`{name}` is ") for message in grown)]
    if growing:
        entry = _without_types(entry, growing)
        problems.found[found:] = [problem for problem in problems.found[found:] if problem.code != "E232"]
    body.entry_states[node.span.start] = entry
    after_loop = joined((end, ends.breaks))
    body.go_on(None if after_loop is None else _without_types(after_loop, growing))
    for name in growing[:1]:
        message = f"the type of `{name}` grows with every turn of this loop"
        check.problems.error("E233", message, node.span, "use another name for the new value, or a record")


def _is_put_into(before: ScopeEntry | None, after: ScopeEntry) -> bool:
    """Return whether a variable has a value after a turn that contains one of the type before it, as after `x = [x]`.

    That is a mistake only if the value of before is used.
    """
    return (
        isinstance(before, Variable)
        and isinstance(after, Conflicted)
        and before.type == after.first.type
        and before.type in parts_of(after.second.type)
    )


def _without_mistakes(before: State, after: State) -> State:
    """Return the state after a turn, in which variables have their types of before if nothing is known of them now.

    What is known may have been lost by a mistake of this turn, which must not keep the next one from finding it again.
    """
    entries = dict(after.entries)
    for name, entry in before.entries.items():
        now = entries.get(name)
        if isinstance(entry, Variable) and isinstance(now, Variable) and _is_lost(now) and not _is_lost(entry):
            entries[name] = entry
    return State(entries, after.facts)


def _is_lost(variable: Variable) -> bool:
    return variable.type == UNKNOWN or UNKNOWN in parts_of(variable.type)


def _without_types(state: State, names: list[str]) -> State:
    """Return a state in which nothing is known of some variables."""
    entries = dict(state.entries)
    for name in names:
        entry = entries[name]
        if isinstance(entry, (Variable, Conflicted)):
            variable = entry if isinstance(entry, Variable) else entry.first
            entries[name] = Variable(UNKNOWN, variable.span, None, variable.may_be_unbound)
    return State(entries, state.facts)
