"""Whole runs: the evaluation of a program with the calls that it makes, and of the programs that answer calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from attrs import frozen

from rlmlang.calls.answering import Answering
from rlmlang.calls.budget import Account
from rlmlang.calls.caller import Caller
from rlmlang.calls.host import Host
from rlmlang.calls.host_functions import GivenFunctions
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.calls.roles import Roles
from rlmlang.calls.writing import Writing
from rlmlang.errors import BudgetError
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.garbage_collection import rare_collector
from rlmlang.runtime.call_site import CallSite, InFlight
from rlmlang.runtime.compiler import evaluate
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.stepwise import Step, run_step
from rlmlang.runtime.values import Value
from rlmlang.storage.journal import Journal
from rlmlang.trace.recorder import Trace


@frozen(eq=False)
class ProgramCalls:
    """The calls of one program at one level of the call tree, made by the caller that its whole run shares."""

    caller: Caller
    account: Account
    """What its calls are paid from."""
    level: int
    """The level of the program; its calls are one level deeper."""
    parent: int | None
    """The number of the call that the program answers."""

    def ask(self, site: CallSite, args: tuple[Value, ...], sample: int) -> Value | InFlight:
        return self.caller.ask(site, args, sample, self.level + 1, self.parent, self.account)

    def cancel(self, call: InFlight) -> None:
        assert isinstance(call, CallInFlight)
        self.caller.cancel(call)

    def backpressure(self) -> Pending | None:
        return self.caller.backpressure()


@frozen(eq=False)
class ActiveRun:
    """A run that has begun: what all of its programs share."""

    caller: Caller
    account: Account
    trace: Trace

    def evaluation(self, account: Account, level: int, parent: int | None) -> Evaluation:
        """Return an evaluation for one program of the run."""
        return Evaluation(ProgramCalls(self.caller, account, level, parent), account.meter)

    async def run(
        self, checked: Checked, variables: Mapping[str, Value], begin: int = 0, parent: int | None = None
    ) -> Value:
        """Return the value of a program at the top of the run, which may be one step of the call `parent`.

        It is run from a statement on, given its inputs and the variables by then.
        Raises RunError, BudgetError, ModelError, UsageError.
        """
        with self._shown(self.evaluation(self.account, 0, parent), parent) as evaluation:
            return await evaluate(evaluation, checked, variables, begin)

    async def answer(self, call: CallInFlight, checked: Checked, inputs: Mapping[str, Value]) -> Value:
        """Return the value of a program that answers a call. Raises what `run` raises."""
        with self._shown(self.evaluation(call.account, call.level, call.record.id), call.record.id) as evaluation:
            call.result = evaluation.result
            return await evaluate(evaluation, checked, inputs)

    async def step(self, call: CallInFlight, checked: Checked, variables: Mapping[str, Value], begin: int) -> Step:
        """Run statements of a function that answers a call. Raises what `run` raises."""
        with self._shown(self.evaluation(call.account, call.level, call.record.id), call.record.id) as evaluation:
            call.result = evaluation.result
            return await run_step(evaluation, checked, variables, begin)

    @contextmanager
    def _shown(self, evaluation: Evaluation, call: int | None) -> Iterator[Evaluation]:
        """Record what an evaluation prints, also if it fails."""
        try:
            yield evaluation
        finally:
            self.trace.show(call, evaluation.printed)


@asynccontextmanager
async def evaluating(
    roles: Roles,
    account: Account,
    trace: Trace,
    journal: Journal | None,
    memo: bool,
    writing: Writing | None,
    guidance: str,
    functions: GivenFunctions | None,
) -> AsyncIterator[ActiveRun]:
    """Begin a run, and end every call that is still in flight when it is left.

    Raises BudgetError E505 when its time is over.
    """
    limits, given = account.limits, functions or GivenFunctions()
    loop = asyncio.get_running_loop()
    begin = loop.time()

    async def evaluate_answer(call: CallInFlight, checked: Checked, values: Mapping[str, Value]) -> Value:
        return await run.answer(call, checked, values)

    async def step_answer(call: CallInFlight, checked: Checked, values: Mapping[str, Value], begin: int) -> Step:
        return await run.step(call, checked, values, begin)

    answering = Answering(
        roles, account, trace, lambda: loop.time() - begin, evaluate_answer, step_answer, writing, guidance,
        given.heads,
    )  # fmt: skip
    caller = Caller(answering, Host(given, limits), journal, memo)
    run = ActiveRun(caller, account, trace)
    try:
        with deep_recursion, rare_collector:
            async with asyncio.timeout(limits.max_seconds) as time:

                def give_up() -> None:
                    if not time.expired():
                        time.reschedule(begin)

                trace.on_failure = give_up
                yield run
    except TimeoutError:
        trace.check()
        raise BudgetError.of(
            "E505",
            f"the run took more than {limits.max_seconds:g} seconds",
            hint="raise max_seconds; finished calls are kept in the store",
        ) from None
    finally:
        trace.on_failure = None
        await caller.close()
        usage, meter = account.usage, account.meter
        usage.seconds, usage.steps, usage.bytes = loop.time() - begin, meter.steps, meter.largest
