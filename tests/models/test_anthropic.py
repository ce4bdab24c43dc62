"""Anthropic's wire format: what goes over it, what comes back, and faults."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import rlmlang
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import ModelError, UsageError
from rlmlang.language.types import INT, STR
from rlmlang.models.base import Reply, Request
from tests.support.fake_server import CUT, HALF, Answer, FakeServer, Open, opened, server

__all__ = ["opened", "server"]

MESSAGES = "/v1/messages"
CONSTRAINT = Constraint("x: int\n", INT, "statement")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine's."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


def request(**options: Any) -> Request:
    return Request("Say hello", ((None, 1),), **{"type": STR, "max_tokens": 50, **options})


def message(text: str, reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    content = [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": text}]
    return {
        "type": "message",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 3},
        **more,
    }


def ask(model: Any, asked: Request) -> Reply:
    reply: Reply = asyncio.run(model.generate(asked))
    return reply


def fails(model: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model, request())
    return caught.value


@pytest.mark.parametrize(
    ("options", "asked", "fields"),
    [
        ("", request(), {}),
        ("", request(sample=1), {}),
        ("", request(type=INT, constraint=CONSTRAINT, stop=("END", "\n")), {"stop_sequences": ["END"]}),
        ("?temperature=0", request(), {"temperature": 0.0}),
        ("?temperature=0", request(sample=1), {"temperature": 0.8}),
        ("?temperature=0.5", request(sample=1), {"temperature": 0.5}),
    ],
)
def test_the_body_of_a_request(
    server: FakeServer,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    asked: Request,
    fields: dict[str, Any],
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    server.on(MESSAGES, message("hello"))
    assert (
        ask(opened(f"anthropic:some-model@{server.url}?key=ANTHROPIC_API_KEY{options.replace('?', '&')}"), asked).text
        == "hello"
    )
    (seen,) = server.seen
    system, user = asked.messages
    assert (seen.method, seen.path) == ("POST", MESSAGES)
    assert (seen.headers["x-api-key"], seen.headers["anthropic-version"]) == ("secret", "2023-06-01")
    assert seen.body == {
        "model": "some-model",
        "max_tokens": 50,
        "system": [{"type": "text", "text": system.content, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": user.content}],
        "stream": False,
        **fields,
    }


def test_what_is_written_is_shown_last(server: FakeServer, opened: Open) -> None:
    server.on(MESSAGES, message("hello"))
    model = opened(f"anthropic:m@{server.url}")
    for written in ("", "a = 1\n", "a = 1\nb = 2\n"):
        ask(model, request(constraint=CONSTRAINT, written=written))
    none, first, second = (json.dumps(body["messages"]) for body in server.bodies(MESSAGES))
    assert none.removesuffix('"}]') in first
    assert first.startswith(second.partition("b = 2")[0])
    assert "Write the next statement" in first
    assert not model.capabilities.continues


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (message("a", "end_turn"), Reply("a", 9, 3, "stop", reasoning="…")),
        (message("a ", "stop_sequence", stop_sequence="END"), Reply("a END", 9, 3, "stop", reasoning="…")),
        (message("a\nb"), Reply("a\n", 9, 3, "stop", reasoning="…")),
        (message("a", "max_tokens"), Reply("a", 9, 3, "length", reasoning="…")),
        (message("a", "model_context_window_exceeded"), Reply("a", 9, 3, "length", reasoning="…")),
        (message("", "refusal"), Reply("", 9, 3, "refusal", reasoning="…")),
        (
            message(
                "a",
                usage={
                    "input_tokens": 1,
                    "cache_creation_input_tokens": 20,
                    "cache_read_input_tokens": 300,
                    "output_tokens": 2,
                },
            ),
            Reply("a", 321, 2, "stop", cached_tokens=300, reasoning="…"),
        ),
    ],
)
def test_replies(server: FakeServer, opened: Open, answer: Any, reply: Reply) -> None:
    server.on(MESSAGES, answer)
    assert ask(opened(f"anthropic:m@{server.url}"), request(stop=("END", "\n"))) == reply


@pytest.mark.parametrize("fault", [Answer(429), Answer(529), Answer(500), Answer(body=b'{"cont'), CUT, HALF])
def test_faults_that_pass(server: FakeServer, opened: Open, fault: Any) -> None:
    server.on(MESSAGES, fault, fault, message("hello"))
    assert ask(opened(f"anthropic:m@{server.url}"), request()).text == "hello"
    server.on(MESSAGES, fault)
    assert fails(opened(f"anthropic:m@{server.url}")).first.code == "E400"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (Answer(400, {"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}), "E403", "too long"),
        (Answer(401, {"error": {"message": "invalid x-api-key"}}), "E400", "invalid x-api-key"),
        ([], "E400", "no message"),
        ({"content": [{"type": "text"}]}, "E400", "no message"),
        (message("a", "pause_turn"), "E400", "another reason: 'pause_turn'"),
    ],
)
def test_faults_that_do_not_pass(server: FakeServer, opened: Open, answer: Any, code: str, said: str) -> None:
    server.on(MESSAGES, answer)
    error = fails(opened(f"anthropic:m@{server.url}"))
    assert error.first.code == code
    assert said in error.first.message
    assert len(server.seen) == 1


def test_a_run(server: FakeServer) -> None:
    server.on(MESSAGES, message("5"), message("Sure! 5"))
    program = rlmlang.compile('CALL[int]("How many?")')
    assert program.run(model=f"anthropic:m@{server.url}").value == 5
    with pytest.raises(ModelError, match="E401"):
        program.run(model=f"anthropic:m@{server.url}")


def test_counts_are_no_less_than_the_truth(opened: Open) -> None:
    model = opened("anthropic:m@https://proxy.example?ctx=2000")
    asked = request()
    size = sum(len(message.content) for message in asked.messages)
    assert size < model.count_tokens(asked) < size + 400
    assert model.count_tokens(Request("Say", ((None, "word " * 1000),), STR, max_tokens=500)) == 1500
    assert not model.capabilities.exact_counts


def test_names_and_keys(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, hint in (
        ("anthropic:m", "set ANTHROPIC_API_KEY"),
        ("anthropic:m@https://proxy.example?key=NO_SUCH_KEY", "set NO_SUCH_KEY"),
        ("anthropic:m?key=", "name the environment variable of its key: `?key=NAME`"),
    ):
        with pytest.raises(ModelError) as caught:
            opened(name)
        assert (caught.value.first.code, caught.value.first.hint) == ("E407", hint)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    model = opened("anthropic:m@https://proxy.example/v1?ctx=1000&concurrency=2")
    assert (model.context, model.concurrency) == (1000, 2)
    assert opened("anthropic:m").context == 200_000
    assert json.loads(model.identity) == {
        "kind": "anthropic",
        "url": "https://proxy.example",
        "model": "m",
        "temperature": None,
    }
    for name in ("anthropic:m@http://proxy.example?key=ANTHROPIC_API_KEY", "anthropic:m?dialect=none"):
        with pytest.raises(UsageError, match="E607"):
            opened(name)


def test_a_reply_tells_the_tool_that_was_called_instead_of_an_answer(server: FakeServer, opened: Open) -> None:
    used = message("", "tool_use")
    used["content"] = [{"type": "tool_use", "id": "1", "name": "search", "input": {}}]
    server.on(MESSAGES, used)
    reply = ask(opened(f"anthropic:m@{server.url}"), request())
    assert (reply.text, reply.tool_call) == ("", "search")
