"""A reply's text is what the engine wrote, in traces and training data too; the caller reads it, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.limits import Limits
from rlmlang.cli import main
from rlmlang.errors import ModelError
from rlmlang.language.types import INT, LiteralType, Type
from rlmlang.models.base import Model, Reply, Request
from rlmlang.models.registry import open_model
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.values import Value
from rlmlang.testing import echo_model
from rlmlang.trace.recorder import Trace
from tests.support.checkpoints import write_checkpoint
from tests.support.fake_server import FakeServer, Open, opened, server

pytestmark = pytest.mark.heavy

__all__ = ["opened", "server"]

MOOD = LiteralType(("good", "bad"))
CHAT, COMPLETION, MESSAGES = "/v1/chat/completions", "/completion", "/v1/messages"


class Runs:
    """Runs programs; keeps the replies of the model, the answers that were read, and the events of the trace."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "run.jsonl"
        self.replies: list[Reply] = []
        self.reads: list[tuple[str, str, bool]] = []
        self._monkeypatch = monkeypatch
        read = AnswerFormat.read

        def noted(answers: AnswerFormat, text: str, opening: str = "", wrapped: bool = False) -> Value:
            self.reads.append((text, opening, wrapped))
            return read(answers, text, opening, wrapped)

        monkeypatch.setattr(AnswerFormat, "read", noted)

    def run(self, model: Model, program: str, max_depth: int = 1) -> Value:
        generate = model.generate

        async def noted(request: Request) -> Reply:
            reply = await generate(request)
            self.replies.append(reply)
            return reply

        self._monkeypatch.setattr(model, "generate", noted)
        with open(self.path, "w", encoding="utf-8") as file:
            trace = Trace(sinks=[lambda seq, line: print(line, file=file)])
            compiled = rlmlang.compile(program)
            return compiled.run(model=model, limits=Limits(max_depth=max_depth), trace=trace).value

    def generations(self) -> list[tuple[str, str]]:
        """The opening and the output of each generation in the trace."""
        events = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return [(event["opening"], event["output"]) for event in events if event["kind"] == "generation"]

    def check(self) -> Reply:
        """The one reply, which the trace holds as it is, and which was read once."""
        (reply,) = self.replies
        assert self.generations() == [(reply.opening, reply.text)]
        assert self.reads == [(reply.text, reply.opening, reply.wrapped)]
        return reply

    def learnt(self, capsys: pytest.CaptureFixture[str]) -> list[str]:
        """The completions of the training data."""
        assert main(["trace", "export", str(self.path), "--format", "sft"]) == 0
        examples = map(json.loads, capsys.readouterr().out.splitlines())
        return [message["content"] for example in examples for message in example["completion"]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Runs(tmp_path, monkeypatch)


def call(type_: Type) -> str:
    return f'CALL[{type_}]("Say it")'


# Models of this process ----------------------------------------------------------------


@pytest.mark.parametrize(("type_", "text", "value"), [(MOOD, " good\n", "good"), (INT, " 5 ", 5)], ids=str)
def test_scripted(runs: Runs, capsys: pytest.CaptureFixture[str], type_: Type, text: str, value: Value) -> None:
    assert runs.run(ScriptedModel(lambda request: text), call(type_)) == value
    assert (runs.check().text, runs.learnt(capsys)) == (text, [text])


def test_echo(runs: Runs) -> None:
    value = runs.run(echo_model(), call(MOOD))
    assert (runs.check().text, runs.replies[0].opening) == (value, "")


@pytest.mark.parametrize("type_", [MOOD, INT], ids=str)
def test_transformers(
    runs: Runs, capsys: pytest.CaptureFixture[str], tmp_path: Path, opened: Open, type_: Type
) -> None:
    model = opened(f"hf:{write_checkpoint(tmp_path / 'tiny')}?threads=1")
    value = runs.run(model, call(type_))
    reply = runs.check()
    assert reply.opening == '{"answer":'
    assert json.loads(reply.opening + reply.text) == {"answer": value}
    assert runs.learnt(capsys) == [reply.opening + reply.text]


@pytest.mark.real
def test_llama(runs: Runs, capsys: pytest.CaptureFixture[str], opened: Open) -> None:
    value = runs.run(opened("smollm2"), call(MOOD))
    reply = runs.check()
    assert (reply.opening, reply.text) == ('{"answer":', f' "{value}"}}')
    assert runs.learnt(capsys) == [f'{{"answer": "{value}"}}']


def test_nano(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.run(open_model("nano"), 'CALL("add", "1", "2", "0")', max_depth=9) == "3"
    texts = [reply.text for reply in runs.replies]
    assert runs.generations() == [("", text) for text in texts]
    assert (runs.reads, set(runs.learnt(capsys))) == ([], set(texts))


# Servers ---------------------------------------------------------------------------------


def completion(content: str) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}


@pytest.mark.parametrize(
    ("dialect", "text", "wrapped"),
    [("vllm", '{\n "answer": "good" }', True), ("vllm", "good", True), ("none", " good", True)],
)
def test_chat(
    runs: Runs,
    capsys: pytest.CaptureFixture[str],
    server: FakeServer,
    opened: Open,
    dialect: str,
    text: str,
    wrapped: bool,
) -> None:
    server.on(CHAT, completion(text))
    assert runs.run(opened(f"openai:m@{server.url}/v1?dialect={dialect}&ctx=4096"), call(MOOD)) == "good"
    reply = runs.check()
    assert (reply.text, reply.opening, reply.wrapped) == (text, "", wrapped)
    assert runs.learnt(capsys) == [text]


@pytest.mark.parametrize(("dialect", "continues"), [("vllm", True), ("vllm&grammar=none", True), ("none", False)])
def test_a_program_of_a_server(
    runs: Runs, capsys: pytest.CaptureFixture[str], server: FakeServer, opened: Open, dialect: str, continues: bool
) -> None:
    text = "    return 1 + 4\n"
    server.on(CHAT, completion(text))
    model = opened(f"openai:m@{server.url}/v1?dialect={dialect}&ctx=99999")
    assert runs.run(model, call(INT), max_depth=2) == 5
    last = server.bodies(CHAT)[0]["messages"][-1]["content"]
    opening = last if continues else ""
    assert last.startswith("```python\nimport ") is continues
    assert runs.generations() == [(opening, text)]
    assert (runs.reads, runs.learnt(capsys)) == ([], [opening + text])


def test_llama_server(runs: Runs, capsys: pytest.CaptureFixture[str], server: FakeServer, opened: Open) -> None:
    server.on("/props", {"default_generation_settings": {"n_ctx": 4096}})
    server.on("/apply-template", lambda body: {"prompt": "".join(each["content"] for each in body["messages"])})
    server.on("/tokenize", lambda body: {"tokens": list(body["content"].encode())})
    reply = {"content": '{"answer": 5 }', "tokens_evaluated": 40, "tokens_predicted": 3, "stop_type": "eos"}
    server.on(COMPLETION, reply)
    assert runs.run(opened(f"openai:m@{server.url}/v1"), call(INT)) == 5
    assert (runs.check().text, runs.learnt(capsys)) == ('{"answer": 5 }', ['{"answer": 5 }'])


def test_anthropic(runs: Runs, capsys: pytest.CaptureFixture[str], server: FakeServer, opened: Open) -> None:
    usage = {"input_tokens": 9, "output_tokens": 3}
    server.on(MESSAGES, {"content": [{"type": "text", "text": "5\n"}], "stop_reason": "end_turn", "usage": usage})
    assert runs.run(opened(f"anthropic:m@{server.url}"), call(INT)) == 5
    assert (runs.check().text, runs.learnt(capsys)) == ("5\n", ["5\n"])


def test_a_wrong_answer_is_reported_as_it_was_written(runs: Runs, server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion('{"answer": "five"}'))
    with pytest.raises(ModelError) as caught:
        runs.run(opened(f"openai:m@{server.url}/v1?dialect=vllm&ctx=4096"), call(INT))
    assert caught.value.first.message == 'the answer is not of type int: the answer is "five", not int'
    assert caught.value.first.hint == 'the model said: {"answer": "five"}'
    assert runs.generations() == [("", '{"answer": "five"}')] * 2
