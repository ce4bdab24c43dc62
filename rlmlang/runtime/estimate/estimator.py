"""Estimate what a program must and may take: calls, depth, tokens, money and pure work, before any call is made.

The program is evaluated with its real inputs as far as they determine it. What depends on an
answer is an `UnknownValue`: bounds on its length (on its value for an int).
All branches of an unknown test are followed, and variables joined where they meet; the body of a loop over an
unknown list is followed once and counted as often as the list may be long, with what it changes unknown.

The upper bound counts every call that may be made. The lower bound counts calls that are
made in any case, equal ones once; calls of one kind whose arguments are unknown might all
be equal, so that they count as one together. The lower bound of pure work is what is done with
known values in any case; its upper bound is the limit. Time is not estimated, since models and
machines differ. For a run that succeeds, min ≤ actual ≤ max always holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen

from rlmlang.calls.limits import Limits
from rlmlang.calls.roles import Roles
from rlmlang.errors import StepsExhausted
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.types import NONE
from rlmlang.runtime.emit.enclosing_scopes import PROGRAM
from rlmlang.runtime.estimate import applications, comprehensions, expressions, loops, statements
from rlmlang.runtime.estimate.blocks import block
from rlmlang.runtime.estimate.cost import Cost, Interval
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.flow import Flow
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.functions import enter
from rlmlang.runtime.estimate.host import FunctionTally
from rlmlang.runtime.estimate.intervals import UnknownValue, least_of
from rlmlang.runtime.estimate.tally import CallTally, Kept
from rlmlang.runtime.values import Value


@frozen(eq=False)
class Estimate:
    """The result of following a program once, from which the cost of a run is computed with or without a store."""

    _tally: CallTally
    _functions: FunctionTally
    _limits: Limits
    _host: bool
    """Whether the program declares functions of the host."""
    _steps: int
    _bytes: int
    _open: bool

    @property
    def calls(self) -> Interval:
        """The number of calls of a run that no limit ends, those of functions of the host included."""
        least, most = self._tally.calls(self._open)
        few, many = self._functions.calls(self._open, None)
        return least + few, None if most is None or many is None else most + many

    def cost(self, kept: Kept | None = None) -> Cost:
        """Return the cost of a run.

        With `kept`, the minima are those of a run that need not make kept calls again; calls whose arguments are
        not known might be among them. Raises what `kept` raises.
        """
        cost = self._tally.cost(self._steps, self._bytes, self._open, kept)
        asks_programs = self._limits.max_depth > 1 and cost.calls[1] != 0  # which may apply the functions too
        is_open = self._host and (self._open or asks_programs)
        return evolve(
            cost,
            function_calls=self._functions.calls(is_open, self._limits.max_function_calls),
            functions=self._functions.sites(self._open),
        )


@deep_recursion
def follow(
    checked: Checked,
    inputs: dict[str, Value],
    limits: Limits,
    roles: Roles | None = None,
    guidance: str = "",
) -> Estimate:
    """Follow a program on its inputs, once for all questions about the cost of its runs.

    With models, prompts are counted by their tokenizers. Raises RunError, BudgetError if a run fails in any case.
    """
    tally = CallTally(limits, roles, guidance)
    estimator = _Estimator(checked, limits, tally)
    estimator.program(inputs)
    return Estimate(
        tally,
        estimator.functions,
        limits,
        bool(checked.host),
        estimator.least_steps,
        estimator.least_bytes,
        estimator.open,
    )


def estimate(
    checked: Checked,
    inputs: dict[str, Value],
    limits: Limits,
    roles: Roles | None = None,
    guidance: str = "",
    kept: Kept | None = None,
) -> Cost:
    """Return the cost of a run on these inputs: `follow` and `Estimate.cost` in one."""
    return follow(checked, inputs, limits, roles, guidance).cost(kept)


class _Estimator(Follower):
    """Follows a program, with a handler for each kind of expression and statement."""

    def value(self, node: nodes.Expr, env: Env) -> Value:
        value = _VALUE[type(node)](self, node, env)
        if isinstance(value, UnknownValue) and value.low < 0:
            least = least_of(self.tables.types.get(node.node_id, NONE))
            return UnknownValue(least, value.high) if least > value.low else value
        return value

    def statement(self, node: nodes.Statement, env: Env) -> Flow | None:
        return _STATEMENT[type(node)](self, node, env)

    def program(self, inputs: dict[str, Value]) -> None:
        entry = self.checked.entry
        env = Env({} if entry else dict(inputs), owner=PROGRAM)
        try:
            block(self, self.checked.module.statements, env)
            if entry is not None:
                given = [inputs[param.name.id] for param in entry.node.params if param.name.id in inputs]
                enter(self, entry, given, env, entry.node.span)
        except (StepsExhausted, RecursionError):
            self.open = True


_VALUE: dict[type, Callable[[_Estimator, Any, Env], Value]] = {
    nodes.Constant: expressions.constant,
    nodes.Name: expressions.name,
    nodes.FString: expressions.fstring,
    nodes.ListExpr: expressions.of_list,
    nodes.TupleExpr: expressions.of_tuple,
    nodes.SetExpr: expressions.of_set,
    nodes.DictExpr: expressions.of_dict,
    nodes.Unary: expressions.unary,
    nodes.Binary: expressions.binary,
    nodes.Logic: expressions.logic,
    nodes.Compare: expressions.compare,
    nodes.IsNone: expressions.is_none,
    nodes.Conditional: expressions.conditional,
    nodes.Attribute: expressions.attribute,
    nodes.Index: expressions.index,
    nodes.Slice: expressions.of_slice,
    nodes.Comprehension: comprehensions.comprehension,
    nodes.Apply: applications.apply,
    nodes.Call: applications.call,
}

_STATEMENT: dict[type, Callable[[_Estimator, Any, Env], Flow | None]] = {
    nodes.Input: statements.nothing,
    nodes.Record: statements.nothing,
    nodes.Import: statements.nothing,
    nodes.Pass: statements.nothing,
    nodes.Function: statements.function,
    nodes.Assign: statements.assign,
    nodes.AnnotatedAssign: statements.annotated_assign,
    nodes.AugmentedAssign: statements.augmented_assign,
    nodes.ExprStatement: statements.expression,
    nodes.If: statements.if_,
    nodes.For: loops.for_,
    nodes.While: loops.while_,
    nodes.Return: statements.return_,
    nodes.Break: statements.break_,
    nodes.Continue: statements.continue_,
    nodes.Assert: statements.assert_,
    nodes.Raise: statements.raise_,
    nodes.Try: statements.try_,
}
