"""What backends of other people may give: the attributes of a model, and its replies."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import rlmlang
from rlmlang.errors import ModelError, UsageError
from rlmlang.models.base import Reply, Request
from tests.support.fakes import Fake

PROGRAM = rlmlang.compile('CALL[int]("How many?")')


class Answers(Fake):
    """A model whose reply is given."""

    def __init__(self, reply: Any) -> None:
        super().__init__(str)
        self.reply = reply

    async def generate(self, request: Request) -> Any:
        return self.reply


REPLY = Reply("5", 1, 1, "stop")


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("5", "fake returned str; expected Reply"),
        (None, "fake returned NoneType; expected Reply"),
        (evolve(REPLY, text=b"5"), "fake returned a reply whose text is bytes; expected str"),
        (evolve(REPLY, opening=None), "fake returned a reply whose opening is NoneType; expected str"),
        (evolve(REPLY, prompt_tokens=-1), "fake returned a reply whose prompt_tokens is -1; expected an int from 0"),
        (evolve(REPLY, completion_tokens=1.5), "whose completion_tokens is 1.5; expected an int from 0"),
        (evolve(REPLY, cached_tokens=None), "whose cached_tokens is None; expected an int from 0"),
        (evolve(REPLY, finish="end"), "whose finish is 'end'; expected stop or length or refusal"),
    ],
)
def test_a_reply_that_breaks_the_protocol_is_a_failure_of_the_model(reply: Any, problem: str) -> None:
    trace = rlmlang.Trace()
    with pytest.raises(ModelError) as caught:
        PROGRAM.run(model=Answers(reply), trace=trace)
    assert caught.value.first.code == "E400"
    assert problem in caught.value.first.message
    assert trace.usage.calls == 1  # it was sent
    with pytest.raises(ModelError, match=r"E400"):
        rlmlang.complete("x", model=Answers(reply))
    assert PROGRAM.run(model=Answers(REPLY)).value == 5


@pytest.mark.parametrize("count", [-1, "5", None])
def test_a_wrong_count_of_tokens_is_a_failure_of_the_model(count: Any) -> None:
    model = Answers(REPLY)
    model.count_tokens = lambda request: count  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=f"fake counts {count!r} tokens; expected an int from 0"):
        PROGRAM.run(model=model)


def test_an_error_of_a_backend_is_the_cause_of_the_failure() -> None:
    def answer(request: Request) -> Any:
        raise LookupError("no engine")

    for run in (lambda model: PROGRAM.run(model=model), lambda model: rlmlang.complete("x", model=model)):
        with pytest.raises(ModelError, match=r"E400.*the model failed: LookupError: no engine") as caught:
            run(Fake(answer))
        assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize(
    ("part", "value", "problem"),
    [
        ("concurrency", 0, "`concurrency` of the model fake is 0; expected an int from 1"),
        ("concurrency", True, "`concurrency` of the model fake is True; expected an int from 1"),
        ("context", -5, "`context` of the model fake is -5; expected an int from 1"),
        ("context", None, "`context` of the model fake is None; expected an int from 1"),
        ("identity", {"kind": "fake"}, "`identity` of the model is {'kind': 'fake'}; expected a str"),
        ("name", 5, "`name` of the model is 5; expected a str"),
        ("capabilities", {}, "`capabilities` of the model fake is {}; expected Capabilities"),
    ],
)
def test_a_model_that_no_run_can_use_is_refused(part: str, value: Any, problem: str) -> None:
    model = Fake(str)
    setattr(model, part, value)
    with pytest.raises(UsageError) as caught:
        PROGRAM.run(model=model, limits={"max_seconds": 5})
    assert (caught.value.first.code, caught.value.first.message) == ("E607", problem)


def test_what_a_model_lacks_is_named() -> None:
    model = Fake(str)
    del model.capabilities, model.context
    with pytest.raises(UsageError, match=r"E605.*the model, of type Fake, lacks `context`, `capabilities`"):
        PROGRAM.run(model=model)


@pytest.mark.parametrize("option", [{"concurrency": 0}, {"context": 0}, {"identity": 1}, {"name": 1}])
def test_an_option_of_a_function_that_no_run_can_use_is_refused(option: Any) -> None:
    with pytest.raises(UsageError, match=r"E607"):
        rlmlang.FunctionModel(lambda messages: "5", **option)


def test_the_key_in_an_address_is_in_no_error_of_a_model() -> None:
    def failing(messages: object) -> str:
        raise ConnectionError("no answer from https://host/v1?api_key=abcdefgh123&model=m")

    with pytest.raises(ModelError) as caught:
        PROGRAM.run(model=failing)
    assert "no answer from https://host/v1?api_key=[redacted]&model=m" in str(caught.value)
