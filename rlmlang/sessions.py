"""Sessions: questions that go on from each other, over what was given, bound and answered before."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import define, field

from rlmlang.api import Result, aask, values_beside_question
from rlmlang.errors import UsageError
from rlmlang.language.type_structure import structure_of, type_of_structure
from rlmlang.language.types import Type
from rlmlang.models.open_model import synchronous
from rlmlang.opening import ModelLike, StoreLike, asked_in_loop, stored_in
from rlmlang.runtime.inputs import input_mapping
from rlmlang.runtime.value_types import declarable_type
from rlmlang.runtime.values import Mismatch, Value
from rlmlang.storage.sessions import SessionValue, add_to, bind_in, forget_session, values_in
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace

GIVEN = 40
"""How many values a question is given besides those it names, the latest: each takes some tokens of the prompt."""

RECALLED = 10
"""How many earlier questions a model is told, the latest."""

AskWith = Callable[[str, Mapping[str, object]], Awaitable[Result]]
"""Asks a question with its inputs."""

_WORD = re.compile(r"\w+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@define
class Session:
    """Questions that go on from each other, over values that are kept in a store under a name.

        session = rlmlang.Session("contracts", store="answers.db")
        session.bind(contract=text)
        session.ask("Who are the parties?", type="list[str]", model="smollm2")
        session.ask("Which of them may terminate?", model="smollm2")

    A question has as inputs what was given to earlier ones, the variables that the programs for them bound, and their
    answers, which are called `answer_1`, `answer_2` and so on. Another process that opens the session goes on with it.
    Raises UsageError E607 for a name that is none; all methods raise UsageError E606 if the store cannot be used.
    """

    name: str
    store: StoreLike = field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            hint = "use letters, digits, `_`, `-` and `.`"
            raise UsageError.of("E607", f"a session cannot be named {self.name!r:.80}", hint=hint)

    @property
    def values(self) -> dict[str, Value]:
        """What is bound so far, by name, in order of binding."""
        with stored_in(self.store) as store:
            return {name: each.value for name, each in values_in(store, self.name).items()}

    def bind(self, inputs: Mapping[str, object] | None = None, /, **named: object) -> None:
        """Bind values for the questions to come.

        Raises UsageError E603 for what is of no type of the language, and E607 for a name that no input can have.
        """
        values = values_beside_question({**input_mapping(inputs), **named})
        with stored_in(self.store) as store:
            bind_in(store, self.name, _bindings(values))

    def forget(self) -> int:
        """Forget everything that is bound, and return how much that was. Answers stay in the store."""
        with stored_in(self.store) as store:
            return forget_session(store, self.name)

    async def aask(
        self,
        question: str,
        inputs: Mapping[str, object] | None = None,
        *,
        type: Any = str,
        model: ModelLike,
        trace: Trace | None = None,
        **options: Any,
    ) -> Result:
        """Ask about what is bound, and bind the answer. Inputs that are given are bound first, options are `aask`'s.

        If it fails, the session is as before, but for the inputs; asked again, only what is missing is paid for.
        Variables are bound of functions, however they are written, and not where the store had the answer already.
        Raises what `aask` raises.
        """
        trace = Trace() if trace is None else trace
        async with asked_in_loop(self.store) as store:

            def ask(asked: str, given: Mapping[str, object]) -> Awaitable[Result]:
                return aask(asked, given, type=type, model=model, store=store, trace=trace, **options)

            return await ask_in(store, self.name, question, inputs, trace, ask)

    ask = synchronous(aask, "await session.aask(…)")


async def ask_in(
    store: Store, session: str, question: str, inputs: Mapping[str, object] | None, trace: Trace, ask: AskWith
) -> Result:
    """Ask a question in a session, in some way that fills a trace, and bind the answer.

    Raises UsageError, and what `ask` raises.
    """
    trace.binds = True
    bindings = _bindings(values_beside_question(inputs))

    def begun() -> dict[str, SessionValue]:
        bind_in(store, session, bindings)
        return values_in(store, session)

    before = await store.aside(begun)
    names = {*[*before][-GIVEN:], *_WORD.findall(question)}
    given: dict[str, object] = {name: each.value for name, each in before.items() if name in names}
    result = await ask(_recalling(question, before, given), given)
    first = trace.first
    bound = map(_kept, first.bound if first else ())
    variables = [each for each in bound if each is not None and each.name not in before]
    answer = SessionValue("", result.type, result.value, question)
    await store.aside(lambda: add_to(store, session, variables, answer))
    return result


def _bindings(values: Mapping[str, Value]) -> list[SessionValue]:
    return [SessionValue(name, declarable_type(value), value) for name, value in values.items()]


def _kept(variable: tuple[str, Type, Value]) -> SessionValue | None:
    """Return a variable of a program as a value to keep; None if its type is none that an input can have."""
    name, type_, value = variable
    try:
        if type_of_structure(structure_of(type_)) == type_:
            return SessionValue(name, type_, value)
    except (KeyError, Mismatch):
        pass
    return None


def _recalling(question: str, before: Mapping[str, SessionValue], given: Mapping[str, object]) -> str:
    """Return a question with the earlier ones, whose answers are among its inputs."""
    earlier = [each for each in before.values() if each.about and each.name in given][-RECALLED:]
    if not earlier:
        return question
    lines = [f"- {each.name}: {' '.join(each.about.split())[:300]}" for each in earlier]
    return "\n".join([question, "", "Earlier questions, and the inputs that are their answers:", *lines])
