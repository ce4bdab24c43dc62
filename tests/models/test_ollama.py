"""Ollama by its own interface, and by its endpoint with OpenAI's format."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.errors import ModelError
from rlmlang.language.types import INT, STR
from rlmlang.models.base import Reply, Request
from tests.support.fake_server import Answer, FakeServer, Open, opened, server

__all__ = ["opened", "server"]

OWN, CHAT = "/api/chat", "/v1/chat/completions"


def ask(model: Any, *args: Any, **options: Any) -> Reply:
    asked = Request("Say it", tuple((None, arg) for arg in args), **{"type": STR, "max_tokens": 50, **options})
    reply: Reply = asyncio.run(model.generate(asked))
    return reply


@pytest.fixture
def ollama(server: FakeServer) -> FakeServer:
    server.on("/v1/models", {"object": "list", "data": [{"id": "llama3:latest", "owned_by": "library"}]})
    server.on("/api/version", {"version": "0.34.0"})
    server.on("/api/show", {"model_info": {"general.architecture": "llama", "llama.context_length": 8192}})
    return server


def answer(content: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"message": message, "done": True, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 3, **more}


def test_a_request_to_its_own_interface(ollama: FakeServer, opened: Open) -> None:
    ollama.on(OWN, answer('{"answer": 5}'))
    model = opened(f"openai:llama3@{ollama.url}/v1?ctx=6000&seed=7")
    assert ask(model, type=INT, sample=1) == Reply('{"answer": 5}', 40, 3, "stop", wrapped=True)
    (body,) = ollama.bodies(OWN)
    assert [message["role"] for message in body.pop("messages")] == ["system", "user"]
    assert body == {
        "model": "llama3",
        "stream": False,
        "truncate": False,
        "shift": False,
        "think": False,
        "format": AnswerFormat.of(INT).object_schema,
        "options": {"num_predict": 50, "temperature": 0.8, "seed": 8, "num_ctx": 6000},
    }
    assert model.context == 6000


def test_without_a_size_the_context_is_its_own(ollama: FakeServer, opened: Open) -> None:
    ollama.on(OWN, answer("hello"))
    for name in (
        f"openai:llama3@{ollama.url}/v1",
        f"openai:llama3@{ollama.url}",
        f"openai:m@{ollama.url}?dialect=ollama",
    ):
        model = opened(name)
        assert ask(model).text == "hello"
        assert model.context == 8192
    assert all("num_ctx" not in body["options"] for body in ollama.bodies(OWN))


@pytest.mark.parametrize(
    "message",
    [
        "the prompt is longer than the context length currently available to the model (5000 > 4096)",
        '{"error":{"code":400,"message":"request (351 tokens) exceeds the available context size (256 tokens), try '
        'increasing it","type":"exceed_context_size_error","n_prompt_tokens":351,"n_ctx":256}}',
    ],
)
def test_a_prompt_that_does_not_fit(ollama: FakeServer, opened: Open, message: str) -> None:
    ollama.on(OWN, Answer(400, {"error": message}))
    with pytest.raises(ModelError) as caught:
        ask(opened(f"openai:llama3@{ollama.url}/v1"))
    assert caught.value.first.code == "E403"
    assert "?ctx=32768" in (caught.value.first.hint or "")


def test_a_model_that_is_not_there(ollama: FakeServer, opened: Open) -> None:
    ollama.on("/api/show", Answer(404, {"error": "model 'llama4' not found"}))
    with pytest.raises(ModelError, match=r"E400.*model 'llama4' not found"):
        ask(opened(f"openai:llama4@{ollama.url}/v1"))


def test_what_only_has_a_version_like_ollama(ollama: FakeServer, opened: Open) -> None:
    ollama.on("/api/show", Answer(405, {"detail": "Method Not Allowed"}))
    ollama.on(CHAT, completion(70))
    assert ask(opened(f"openai:llama3@{ollama.url}/v1")).text == "hello"


@pytest.mark.parametrize("reply", [{}, {"message": None}, {"message": "text"}, [], {"message": {"content": 3}}])
def test_what_is_no_answer(ollama: FakeServer, opened: Open, reply: Any) -> None:
    ollama.on(OWN, reply)
    with pytest.raises(ModelError, match="E400"):
        ask(opened(f"openai:llama3@{ollama.url}/v1"))


def test_what_the_model_thought_is_no_answer(ollama: FakeServer, opened: Open) -> None:
    thinking = {"role": "assistant", "content": "", "thinking": "Let me see."}
    ollama.on(OWN, answer("", message=thinking, done_reason="length", eval_count=50))
    reply = ask(opened(f"openai:llama3@{ollama.url}/v1"))
    assert (reply.text, reply.reasoning, reply.finish) == ("", "Let me see.", "length")


def test_thinking_that_cannot_be_turned_off(ollama: FakeServer, opened: Open) -> None:
    ollama.on(OWN, Answer(400, {"error": '"gpt-oss" does not support think value "false"'}), answer("hello"))
    model = opened(f"openai:gpt-oss@{ollama.url}/v1")
    assert [ask(model).text for _ in range(2)] == ["hello", "hello"]
    assert ["think" in body for body in ollama.bodies(OWN)] == [True, False, False]


# A prompt that was cut ------------------------------------------------------------------------


def completion(tokens: int, cached: int = 0) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": cached}}
    return {"choices": [choice], "usage": usage}


@pytest.mark.parametrize(
    ("text", "counted"),
    [("word " * 6000, 2050), ("word " * 6000, 4096), ("其他" * 6000, 2050), ("a1b2c3d4" * 9000, 2050)],
)
def test_a_prompt_that_was_cut_is_an_error(server: FakeServer, opened: Open, text: str, counted: int) -> None:
    server.on(CHAT, completion(counted))
    for dialect, hint in (("ollama", "OLLAMA_CONTEXT_LENGTH"), ("vllm", "give the server a larger context")):
        with pytest.raises(ModelError) as caught:
            ask(opened(f"openai:m@{server.url}/v1?dialect={dialect}&ctx=99999"), text)
        assert (caught.value.first.code, hint in str(caught.value.first.hint)) == ("E403", True)
        assert f"it counted {counted:,} tokens of at least" in caught.value.first.message


@pytest.mark.parametrize(
    ("text", "counted", "cached"),
    [("word " * 6000, 6100, 0), ("word " * 6000, 200, 5900), (" " * 90_000, 80, 0), ("word " * 900, 20, 0), ("=" * 9000, 200, 0)],
)  # fmt: skip
def test_a_prompt_that_may_have_so_few_tokens_is_none(
    server: FakeServer, opened: Open, text: str, counted: int, cached: int
) -> None:
    server.on(CHAT, completion(counted, cached))
    assert ask(opened(f"openai:m@{server.url}/v1?dialect=vllm&ctx=99999"), text).text == "hello"
