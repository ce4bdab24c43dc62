"""Every kind of backend, opened once for several runs: synchronous ones, and asynchronous ones on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from tests.support.fake_server import FakeServer, server

__all__ = ["server"]

pytestmark = pytest.mark.heavy

TEXT = '[CALL("Say hello", n) for n in range(3)]\n'
LIMITS = rlmlang.Limits(max_answer_tokens=8)


def scripted(folder: Path, fake: FakeServer) -> str:
    path = folder / "model.py"
    path.write_text("import asyncio\n\nasync def model(request):\n    await asyncio.sleep(0)\n    return 'hello'\n")
    return f"scripted:{path}"


def served(folder: Path, fake: FakeServer) -> str:
    choice = {"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    fake.on("/v1/chat/completions", {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})
    return f"openai:m@{fake.url}/v1?dialect=none&ctx=4096&key="


def tiny(folder: Path, fake: FakeServer) -> str:
    from tests.support.checkpoints import write_checkpoint

    return f"hf:{write_checkpoint(folder / 'tiny')}"


BACKENDS = [scripted, served, tiny]


@pytest.mark.parametrize("name_of", BACKENDS)
def test_one_model_serves_several_runs(
    name_of: Callable[[Path, FakeServer], str], tmp_path: Path, server: FakeServer
) -> None:
    program = rlmlang.compile(TEXT)
    with rlmlang.open_model(name_of(tmp_path, server)) as model:
        assert program.cost(model=model).calls == (3, 3)
        results = [outcome(lambda: program.run(model=model, limits=LIMITS)) for _ in range(3)]
    assert results == [results[0]] * 3
    assert outcome(lambda: program.run(model=model, limits=LIMITS)) == "E607"


@pytest.mark.parametrize("name_of", BACKENDS)
def test_one_model_serves_runs_at_the_same_time(
    name_of: Callable[[Path, FakeServer], str], tmp_path: Path, server: FakeServer
) -> None:
    async def scenario() -> list[Any]:
        program = rlmlang.compile(TEXT)
        async with rlmlang.open_model(name_of(tmp_path, server)) as model:
            runs = (program.arun(model=model, limits=LIMITS) for _ in range(3))
            found = await asyncio.gather(*runs, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return [each.first.code if isinstance(each, rlmlang.RlmError) else each.value for each in found]

    results = asyncio.run(scenario())
    assert results == [results[0]] * 3


@pytest.mark.real
def test_nano_serves_several_runs_after_one_that_was_interrupted() -> None:
    program = rlmlang.compile('mul("12345678", "87654321")')
    with rlmlang.open_model("nano") as model:
        with pytest.raises(rlmlang.TimeExhausted):
            program.run(model=model, limits={"max_seconds": 0.01})
        assert program.run(model=model).value == str(12345678 * 87654321)
        assert program.run(model=model).value == str(12345678 * 87654321)


def outcome(run: Callable[[], rlmlang.Result]) -> Any:
    """The value of a run, or the code of its error: a model with random weights says anything."""
    try:
        return run().value
    except rlmlang.RlmError as error:
        return error.first.code
