"""What servers reply besides plain completions, named after what a user would see without it."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from typing import Any

import pytest
import stamina
from attrs import evolve

import rlmlang
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.limits import Limits
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import ModelError
from rlmlang.language.types import INT, STR, ListType, TupleType
from rlmlang.models.base import Reply, Request
from rlmlang.models.servers import http, throttling
from tests.support.fake_server import Answer, FakeServer, Open, opened, server
from tests.support.speed import seconds_of

pytestmark = pytest.mark.heavy

__all__ = ["opened", "server"]

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def request(**options: Any) -> Request:
    return Request("Say hello", (), **{"type": STR, "max_tokens": 50, **options})


def completion(content: Any = "hello", finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}, **more}


def name(server: FakeServer, options: str = "", dialect: str = "none") -> str:
    return f"openai:m@{server.url}/v1?dialect={dialect}&ctx=40960{options}"


def ask(model: Any, asked: Request | None = None) -> Reply:
    reply: Reply = asyncio.run(model.generate(asked or request()))
    return reply


def fails(model: Any, asked: Request | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model, asked)
    return caught.value


# How an answer ends ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        *((reason, "stop") for reason in ("eos", "eos_token", "", None, "end_turn", "STOP", "function_call", "unheard")),
        *((reason, "length") for reason in ("MAX_TOKENS", "model_length", "max_length")),
        *((reason, "refusal") for reason in ("SAFETY", "content-filter", "recitation")),
    ],
)  # fmt: skip
def test_an_answer_with_another_finish_reason_is_an_answer(
    server: FakeServer, opened: Open, reason: Any, finish: str
) -> None:
    server.on(CHAT, completion("hello", reason))
    reply = ask(opened(name(server)))
    assert (reply.text, reply.finish) == ("hello", finish)


@pytest.mark.parametrize(("content", "reason"), [(" ", "unheard"), ("half", "error"), ("half", "abort")])
def test_an_answer_that_was_given_up_is_an_error(server: FakeServer, opened: Open, content: str, reason: str) -> None:
    server.on(CHAT, completion(content, reason))
    assert f"ended the answer for another reason: '{reason}'" in fails(opened(name(server))).first.message


def test_an_answer_without_finish_reason_is_an_answer(server: FakeServer, opened: Open) -> None:
    server.on(
        CHAT, {"choices": [{"message": {"content": "hello"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    )
    assert ask(opened(name(server))) == Reply("hello", 1, 1, "stop")


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "hello"}]


def test_an_answer_in_parts_is_their_text(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion(PARTS), stream(chunk({"content": PARTS}), chunk({}, "stop"), USAGE, "data: [DONE]"))
    for _ in range(2):
        reply = ask(opened(name(server)))
        assert (reply.text, reply.reasoning) == ("hello", "Hm.")
    for odd in ([{"type": "text", "text": 5}], [5], [{"type": "thinking", "thinking": [5]}, {}]):
        server.on(CHAT, completion(odd))
        assert "is no chat completion" in fails(opened(name(server))).first.message


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/octet-stream", "text/json"])
def test_json_of_another_content_type_is_read(server: FakeServer, opened: Open, kind: str) -> None:
    server.on(CHAT, Answer(body=completion(), type=kind))
    assert ask(opened(name(server))).text == "hello"


# Errors with status 200 ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"error": {"message": "No such model", "code": 400}}, "an error with HTTP 200: No such model"),
        ({"error": "No such model"}, "an error with HTTP 200: No such model"),
        ({"choices": None, "detail": "No such model"}, "an error with HTTP 200: No such model"),
        ({"object": "error", "message": "No such model", "code": 40404}, "an error with HTTP 200: No such model"),
        ({"code": "1211", "msg": "No such model", "success": False}, "an error with HTTP 200: No such model"),
        ({"success": False, "errors": [{"code": 7000, "message": "No route"}]}, "an error with HTTP 200: No route"),
        ([{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], "is no chat completion"),
        ({"choices": None, "id": "7"}, 'answered what is no chat completion: {"choices": null, "id": "7"}'),
        (
            {"choices": [{"error": {"message": "Provider disconnected", "code": 400}, "message": {"content": "ha"}}]},
            "an error with HTTP 200: Provider disconnected",
        ),
    ],
)  # fmt: skip
def test_an_error_with_status_200_shows_its_message(server: FakeServer, opened: Open, data: Any, said: str) -> None:
    server.on(CHAT, data)
    error = fails(opened(name(server)))
    assert error.first.code == "E400"
    assert said in error.first.message
    assert len(server.seen) == 1


def test_a_response_that_shows_the_key_is_shown_without(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SERVERS_WORD", "not-to-be-seen")
    for data in ({"your": "not-to-be-seen"}, {"error": "not-to-be-seen"}):
        server.on(CHAT, data)
        error = fails(opened(name(server, "&key=MY_SERVERS_WORD")))
        assert "E400" in str(error)
        assert "not-to-be-seen" not in str(error)


@pytest.mark.parametrize(
    "data",
    [
        {"error": {"message": "Rate limit exceeded: free-models-per-min", "code": 429}},
        {"error": {"message": "slow down", "type": "rate_limit_error"}},
        {"error": {"message": "upstream", "code": "502"}},
        {"error": {"message": "overloaded", "type": "overloaded_error"}},
        {"choices": None, "error": {"message": "Provider returned error", "code": 503}},
        {"choices": [{"error": {"message": "Provider disconnected", "code": 502}, "finish_reason": "error"}]},
    ],
)
def test_an_error_with_status_200_that_passes_is_waited_for(server: FakeServer, opened: Open, data: Any) -> None:
    server.on(CHAT, data, data, completion())
    assert ask(opened(name(server))).text == "hello"


def test_an_answer_beside_an_empty_error_is_an_answer(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion(error=None))
    assert ask(opened(name(server))).text == "hello"


def test_an_overflow_with_status_200_is_one(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, {"error": {"message": "too much", "code": "context_length_exceeded"}})
    assert fails(opened(name(server))).first.code == "E403"


def test_an_address_without_v1_is_told_so(server: FakeServer, opened: Open) -> None:
    """LM Studio answers with status 200 to any path."""
    wrong = {"error": "Unexpected endpoint or method. (POST /chat/completions)"}
    for path in ("/chat/completions", "/models", "/props", "/get_server_info", "/api/version"):
        server.on(path, wrong)
    error = fails(opened(f"openai:m@{server.url}"))
    assert "Unexpected endpoint or method" in error.first.message
    assert error.first.hint == f"add /v1 to the address: {server.url}/v1"


# Event streams -----------------------------------------------------------------------------------


def stream(*events: Any, kind: str = "text/event-stream", end: str = "\n\n") -> Answer:
    lines = [event if isinstance(event, str) else f"data: {json.dumps(event)}" for event in events]
    return Answer(body="".join(line + end for line in lines).encode(), type=kind)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
HELLO = [
    ": keep-alive",
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "hel"}),
    chunk({"content": "lo"}),
]


@pytest.mark.parametrize(
    "answer",
    [
        stream(*HELLO, chunk({}, "stop"), USAGE, "data: [DONE]"),
        stream(*HELLO, chunk({}, "stop"), USAGE, "data: [DONE]", end="\r\n\r\n"),
        stream(*HELLO, chunk({}, "stop"), USAGE, "data: [DONE]", end="\n"),
        stream(*HELLO[1:], USAGE, "data: [DONE]", kind="application/json"),
        stream(*HELLO, chunk({}, "stop"), USAGE),
        stream(*HELLO, {"choices": [{"index": 1, "delta": {"content": "no"}}]}, chunk({}, "stop"), USAGE),
        stream({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "usage": USAGE["usage"]}),
    ],
)
def test_an_event_stream_that_nobody_asked_for_is_read(server: FakeServer, opened: Open, answer: Answer) -> None:
    server.on(CHAT, answer)
    assert ask(opened(name(server))) == Reply("hello", 9, 3, "stop")
    assert server.bodies(CHAT)[0]["stream"] is False


class Heard:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def begin(self) -> None:
        self.texts.append("")

    def add(self, piece: str) -> None:
        self.texts[-1] += piece


def test_the_text_of_a_stream_is_told_while_it_comes_and_from_its_beginning_if_it_breaks(
    server: FakeServer, opened: Open
) -> None:
    whole = stream(*HELLO, chunk({}, "stop"), USAGE, "data: [DONE]")
    server.on(CHAT, stream(*HELLO[:2], "data: nonsense"), whole)
    heard = Heard()
    assert ask(opened(name(server)), evolve(request(), listener=heard)).text == "hello"
    assert heard.texts[-1] == "hello"
    assert len(heard.texts) == 2
    assert server.bodies(CHAT)[0]["stream"] is True


def test_an_answer_that_is_no_stream_tells_nothing(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion())
    heard = Heard()
    assert ask(opened(name(server)), evolve(request(), listener=heard)).text == "hello"
    assert heard.texts == [""]


def test_a_stream_has_all_that_an_answer_has(server: FakeServer, opened: Open) -> None:
    pieces = [chunk({"reasoning_content": "Well, "}), chunk({"reasoning_content": "yes."}), *HELLO[1:]]
    server.on(CHAT, stream(*pieces, chunk({}, "stop", usage=USAGE["usage"]), "data: [DONE]"))
    reply = ask(opened(name(server, "&stream=true")))
    assert (reply.text, reply.reasoning) == ("hello", "Well, yes.")
    (body,) = server.bodies(CHAT)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_what_was_written_into_a_tool_is_streamed_too(server: FakeServer, opened: Open) -> None:
    def call(text: str) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": 0, "custom": {"input": text}}]})

    first = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "write", "input": ""}}
    server.on(
        CHAT,
        stream(
            chunk({"tool_calls": [first]}), call("x = "), call("1\n"), chunk({}, "tool_calls"), USAGE, "data: [DONE]"
        ),
    )
    asked = request(constraint=Constraint("x: int\n", INT, "statement"))
    assert ask(opened(name(server, "&stream=true", dialect="openai")), asked).text == "x = 1\n"


@pytest.mark.parametrize(
    "answer",
    [
        stream(*HELLO),
        stream(*HELLO, 'data: {"choices": [{"del'),
        stream("data: nonsense"),
        stream(chunk({"tool_calls": [{"index": -1}]}), "data: [DONE]"),
        stream(*HELLO, {"error": {"message": "overloaded", "code": 503}}),
        stream(*HELLO, 'error: {"message": "slot unavailable", "code": 500}'),
    ],
)
def test_a_stream_that_breaks_is_asked_for_again(server: FakeServer, opened: Open, answer: Answer) -> None:
    server.on(CHAT, answer, completion())
    assert ask(opened(name(server))).text == "hello"
    assert len(server.seen) == 2


def test_a_long_stream_is_read_in_linear_time(server: FakeServer, opened: Open) -> None:
    piece = b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n'
    server.on(CHAT, Answer(body=piece * 100_000 + b"data: [DONE]\n\n", type="text/event-stream"))
    seconds, reply = seconds_of(lambda: ask(opened(name(server))))
    assert len(reply.text) == 500_000
    assert seconds < 10
    server.on(CHAT, Answer(body=piece * 200_001, type="text/event-stream"))
    assert "more than 200,000 events" in fails(opened(name(server))).first.message


def test_a_server_that_does_not_stream_is_asked_without(server: FakeServer, opened: Open) -> None:
    def answered(body: Any) -> Any:
        if body.get("stream"):
            message = "Your organization must be verified to stream this model."
            error = {
                "message": message,
                "type": "invalid_request_error",
                "param": "stream",
                "code": "unsupported_value",
            }
            return Answer(400, {"error": error})
        return completion()

    server.on(CHAT, answered)
    assert ask(opened(name(server, "&stream=true"))).text == "hello"
    assert "stream_options" not in server.bodies(CHAT)[-1]


@pytest.mark.parametrize(("status", "requests"), [(524, 1), (504, 3)])
def test_a_proxy_that_does_not_wait_is_answered_by_a_stream(
    server: FakeServer, opened: Open, status: int, requests: int
) -> None:
    server.on(CHAT, Answer(status, b"<html>A timeout occurred</html>", "text/html"))
    error = fails(opened(name(server)))
    assert "`?stream=true`" in str(error.first.hint)
    assert len(server.seen) == requests


def test_streams_of_anthropic(server: FakeServer, opened: Open) -> None:
    events = [
        {"type": "message_start", "message": {"content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]  # fmt: skip
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.on(MESSAGES, stream(*events[:4], overloaded), stream(*events[:4]), stream(*events))
    assert ask(opened(f"anthropic:m@{server.url}?stream=true")) == Reply("hello", 9, 3, "stop")
    assert [body["stream"] for body in server.bodies(MESSAGES)] == [True] * 3


def test_streams_of_llama_server(server: FakeServer, opened: Open) -> None:
    llama(server)
    last = {"content": "", "stop": True, "stop_type": "eos", "tokens_evaluated": 40, "tokens_predicted": 3}
    pieces = [{"content": "hel", "stop": False}, {"content": "lo", "stop": False}]
    server.on("/completion", stream(*pieces), stream(*pieces, last))
    assert ask(opened(f"openai:m@{server.url}/v1?stream=true")) == Reply("hello", 40, 3, "stop")


def test_streams_of_ollama(server: FakeServer, opened: Open) -> None:
    def line(**fields: Any) -> bytes:
        return json.dumps(fields).encode() + b"\n"

    pieces = [
        line(message={"role": "assistant", "content": "", "thinking": "Hm"}, done=False),
        line(message={"content": "", "thinking": "."}, done=False),
        line(message={"content": "hel"}, done=False),
        line(message={"content": "lo"}, done=False),
    ]
    last = line(message={"content": ""}, done=True, done_reason="stop", prompt_eval_count=9, eval_count=3)
    failed = line(error="model runner has unexpectedly stopped")
    answers = [b"".join(lines) for lines in (pieces, [*pieces, last], [*pieces, failed])]
    server.on("/api/version", {"version": "0.12.0"})
    server.on("/api/show", {"model_info": {"llama.context_length": 8192}})
    server.on("/api/chat", *(Answer(body=answer, type="application/x-ndjson") for answer in answers))
    model = opened(f"openai:m@{server.url}/v1?dialect=ollama&stream=true")
    assert ask(model) == Reply("hello", 9, 3, "stop", reasoning="Hm.")
    assert [body["stream"] for body in server.bodies("/api/chat")] == [True, True]
    assert "model runner has unexpectedly stopped" in fails(model).first.message


def test_a_stream_option_is_true_or_false(opened: Open) -> None:
    with pytest.raises(rlmlang.RlmError, match="neither `true` nor `false`"):
        opened("anthropic:m@http://localhost?stream=yes")


# Usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "prompt", "completion_"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0}, None, 50),
        ({"prompt_tokens": 9, "completion_tokens": 0}, 9, 50),
        ({"prompt_tokens": 0, "completion_tokens": 3}, None, 3),
        ({}, None, 50),
    ],
)
def test_a_budget_fills_where_a_server_counts_zeros(
    server: FakeServer, opened: Open, caplog: pytest.LogCaptureFixture, usage: Any, prompt: int | None, completion_: int
) -> None:
    server.on(CHAT, completion(usage=usage))
    model = opened(name(server))
    with caplog.at_level(logging.WARNING):
        reply = ask(model)
        ask(model)
    assert (reply.prompt_tokens, reply.completion_tokens) == (prompt or model.count_tokens(request()), completion_)
    assert [record.message for record in caplog.records] == [f"{server.url} counts no tokens; they are estimated"]


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        ({"prompt_tokens": "9", "completion_tokens": 3}, "prompt_tokens"),
        ({"prompt_tokens": 9, "completion_tokens": 3.5}, "completion_tokens"),
        ({"prompt_tokens": -9, "completion_tokens": 3}, "prompt_tokens"),
        ({"prompt_tokens": 9, "completion_tokens": True}, "completion_tokens"),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": [4]}},
            "prompt_tokens_details.cached_tokens",
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": "2"}},
            "completion_tokens_details.reasoning_tokens",
        ),
    ],
)
def test_a_count_that_is_none_is_named_once(
    server: FakeServer, opened: Open, caplog: pytest.LogCaptureFixture, usage: Any, field: str
) -> None:
    server.on(CHAT, completion(usage=usage))
    model = opened(name(server))
    with caplog.at_level(logging.WARNING):
        reply = ask(model)
        ask(model)
    warning = f"{server.url} reports `{field}` that is no number of tokens, and is not counted"
    assert [record.message for record in caplog.records].count(warning) == 1
    assert reply.prompt_tokens in (9, model.count_tokens(request()))
    assert reply.completion_tokens in (3, 50)


def test_a_limit_on_tokens_ends_a_run_on_a_server_that_counts_zeros(server: FakeServer) -> None:
    server.on(CHAT, completion(usage={"prompt_tokens": 0, "completion_tokens": 0}))
    program = rlmlang.compile('count: int\n[CALL("Say hello", n) for n in range(count)]')
    with pytest.raises(rlmlang.BudgetError, match=r"E50[34]"):
        program.run(model=name(server), limits=Limits(max_completion_tokens=200, max_answer_tokens=50), count=9)


def test_a_server_cannot_count_more_tokens_than_there_are(
    server: FakeServer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(CHAT, completion(usage={"prompt_tokens": 2**30, "completion_tokens": 2**30}))
    model = opened(name(server))
    with caplog.at_level(logging.WARNING):
        reply = ask(model)
    assert (reply.prompt_tokens, reply.completion_tokens) == (model.count_tokens(request()), 50)
    assert "counts more tokens than there can be" in caplog.records[0].message


# A server that is not ready ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loading",
    [
        Answer(503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}),
        Answer(503, {"error": "Model org/model is currently loading", "estimated_time": 0.001}),
        Answer(503, b"still loading", "text/plain", headers={"Retry-After": "0"}),
    ],
)
def test_a_server_that_loads_its_model_is_waited_for(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch, loading: Answer
) -> None:
    monkeypatch.setattr(http, "LOOK_AGAIN", 0.001)
    server.on(CHAT, *[loading] * 30, completion())
    assert ask(opened(name(server, "&retries=0"))).text == "hello"
    origin = throttling.origin_of(server.url)
    assert (origin.breaker.failures, origin.limiter.limit) == (0, float("inf"))


def test_a_server_that_loads_its_model_for_too_long(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LOOK_AGAIN", 0.2)
    server.on(CHAT, Answer(503, {"error": {"message": "Loading model"}}))
    error = fails(opened(name(server, "&timeout=1")))
    assert (error.first.code, error.first.hint) == ("E400", "raise `timeout`: the model is loaded within it")
    assert 2 <= len(server.seen) <= 6  # how many exactly there are without delay, a test of the client says


def test_a_llama_server_that_loads_its_model_is_recognized(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LOOK_AGAIN", 0.001)
    loading = Answer(503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}})
    server.on("/v1/models", loading, {"data": []})
    server.on("/props", *[loading] * 5, {"default_generation_settings": {"n_ctx": 2048}})
    model = opened(f"openai:m@{server.url}/v1")
    assert (model.context, model.capabilities.grammar) == (2048, "gbnf")


@pytest.mark.parametrize(
    "answer",
    [
        *map(Answer, (401, 403, 307, 500, 502)),
        Answer(body=b"<html>", type="text/html"),
        Answer(body=b"{"),
        Answer(body=[1]),
    ],
)
def test_a_gateway_that_refuses_other_paths_is_used(server: FakeServer, opened: Open, answer: Answer) -> None:
    for path in ("/props", "/get_server_info", "/api/version"):
        server.on(path, answer)
    server.on("/v1/models", {"data": [{"id": "m"}]})
    server.on(CHAT, completion())
    assert ask(opened(f"openai:m@{server.url}/v1")).text == "hello"
    assert len([seen for seen in server.seen if seen.path == "/props"]) == 1
    assert throttling.origin_of(server.url).breaker.failures == 0


# Prompts that are too long -------------------------------------------------------------------------


def of(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, of("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001.", code="context_length_exceeded")),
        Answer(400, of("Your input exceeds the context window of this model. Please adjust your input and try again.")),
        Answer(400, of("This model's maximum prompt length is 131072 but the request contains 537812 tokens.")),
        Answer(400, of("too big", code="context_length_exceeded")),
        Answer(400, {"object": "error", "message": "Prompt contains 45000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", "type": "invalid_request_error"}),
        Answer(400, of("The number of tokens in the prompt exceeds the maximum number of tokens allowed", type="bad_request")),
        Answer(400, of("Input is too long for requested model.")),
        Answer(400, {"message": "Too many input tokens. Max input tokens: 8192, request input token count: 9000"}),
        Answer(400, of("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000")),
        Answer(400, of("Please reduce the length of the messages or completion.", code="context_length_exceeded")),
        Answer(413, of("Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9000", code="rate_limit_exceeded")),
        Answer(429, of("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000.", type="tokens", code="rate_limit_exceeded")),
        Answer(400, [{"error": {"code": 400, "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}]),
        Answer(400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000"}),
        Answer(422, of("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 and 50", type="validation")),
        Answer(413, of("Request body too large for gpt-4o-mini model. Max size: 8000 tokens.", code="tokens_limit_reached")),
        Answer(400, of("You passed 5000 input tokens and requested 100 output tokens. However, the model's context length is only 4096 tokens")),
        Answer(400, {"object": "error", "message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."}),
        Answer(400, of("the request exceeds the available context size, try increasing it", type="exceed_context_size_error", n_ctx=4096)),
        Answer(400, of("prompt too long; exceeded max context length by 5 tokens")),
        Answer(500, of("input length exceeds the context length")),
        Answer(400, of("Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens")),
        Answer(400, of("Invalid request: Your request exceeded model token limit: 8192", type="invalid_request_error")),
        Answer(400, of("Range of input length should be [1, 30720]", code="invalid_parameter_error")),
        Answer(400, of("invalid params, context window exceeds limit (2013)")),
        Answer(400, of("litellm.ContextWindowExceededError: it is too much", type="ContextWindowExceededError")),
        Answer(400, {"errors": [{"message": "the number of input tokens 9000 cannot exceed the total tokens limit 8192 for this model"}]}),
        Answer(413, b"<html>Request Entity Too Large</html>", "text/html"),
    ],
    ids=lambda answer: json.dumps(answer.body)[:50] if not isinstance(answer.body, bytes) else "nginx",
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_e403(server: FakeServer, opened: Open, answer: Answer) -> None:
    server.on(CHAT, answer)
    error = fails(opened(name(server)))
    assert (error.first.code, len(server.seen)) == ("E403", 1)
    assert "chunk" in str(error.first.hint)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, of("Too many tokens, please wait before trying again.")),
        Answer(429, of("Requests have exceeded token rate limit of your current OpenAI S0 pricing tier.", code="429")),
        Answer(
            429, of("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.")
        ),
    ],
)
def test_a_rate_limit_on_tokens_is_waited_for(server: FakeServer, opened: Open, answer: Answer) -> None:
    server.on(CHAT, answer, completion())
    assert ask(opened(name(server))).text == "hello"


def test_an_answer_that_may_not_be_so_long_is_no_overflow(server: FakeServer, opened: Open) -> None:
    server.on(
        CHAT,
        Answer(
            400,
            of("max_tokens is too large: 50. This model supports at most 20 completion tokens.", param="max_tokens"),
        ),
    )
    error = fails(opened(name(server)))
    assert (error.first.code, error.first.hint) == ("E400", "lower max_answer_tokens")
    assert len(server.seen) == 1


# What a server refuses -------------------------------------------------------------------------------


def refusing(field: str, answer: Answer) -> Any:
    """A server that refuses requests with a field."""
    return lambda body: answer if field in body else completion()


REFUSED = [
    ("temperature", 400, of("Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.", param="temperature", code="unsupported_value")),
    ("temperature", 400, of("`temperature` is deprecated for this model.")),
    ("temperature", 400, {"message": "This model doesn't support the temperature field. Remove temperature and try again."}),
    ("max_tokens", 400, of("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter")),
    ("stop", 400, of("Unsupported parameter: 'stop' is not supported with this model.", param="stop")),
    ("stop", 400, of("Argument not supported on this model: stop")),
    ("stop", 400, {"message": "This model doesn't support the stopSequences field. Remove stopSequences and try again."}),
    ("seed", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 0}]}),
    ("seed", 400, [of('Invalid JSON payload received. Unknown name "seed": Cannot find field.')]),
    ("seed", 400, of("property 'seed' is unsupported")),
    ("seed", 400, of("litellm.UnsupportedParamsError: groq does not support parameters: {'seed': 0}")),
    ("seed", 400, of("Unrecognized request argument supplied: seed")),
    ("seed", 422, of("json: unknown field \"seed\"")),
    ("chat_template_kwargs", 400, of("`chat_template` is not supported for Mistral tokenizers.")),
    ("chat_template_kwargs", 400, of("Unrecognized request argument supplied: chat_template_kwargs")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "status", "data"), REFUSED)
def test_a_parameter_that_a_server_refuses_is_left_out_from_then_on(
    server: FakeServer, opened: Open, field: str, status: int, data: Any
) -> None:
    server.on(CHAT, refusing(field, Answer(status, data)))
    model = opened(name(server, dialect="vllm"))
    identity = model.identity
    asked = request(stop=("END",))
    assert [ask(model, asked).text for _ in range(2)] == ["hello"] * 2
    assert ask(opened(name(server, dialect="vllm")), asked).text == "hello"  # known to whoever opens it again
    first, *others = server.bodies(CHAT)
    assert len(others) == 3
    assert others[1:] == others[:1] * 2
    expected = {key: value for key, value in first.items() if key != field}
    if field == "max_tokens":
        expected["max_completion_tokens"] = 50
    if field == "stop":
        del expected["include_stop_str_in_output"]
    assert others[0] == expected
    assert model.identity == identity


def test_a_request_that_was_sent_in_two_forms_is_one_call(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.on(CHAT, refusing("temperature", Answer(400, of("`temperature` is deprecated for this model."))))
    program = rlmlang.compile('[CALL("Say hello", n) for n in range(8)]')
    with caplog.at_level(logging.WARNING):
        result = program.run(model=name(server), limits=Limits(max_calls=8))
    assert (result.value, result.usage.calls) == (["hello"] * 8, 8)
    assert caplog.messages == [f"{server.url} takes no temperature; without it, answers may differ from run to run"]


def test_many_calls_that_are_refused_for_good_end(server: FakeServer) -> None:
    """Each tries without the schema, while others find out that this is not the reason."""
    server.on(CHAT, Answer(400, of("no such model")))
    program = rlmlang.compile('[CALL[int]("How many?", n, default=0) for n in range(200)]')
    assert program.run(model=name(server)).value == [0] * 200
    assert len(server.seen) <= 3 * 200


def test_a_server_that_refuses_several_parameters(
    server: FakeServer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    refused = ["seed", "stop", "max_tokens", "max_completion_tokens", "temperature"]

    def answered(body: Any) -> Any:
        found = next((field for field in refused if field in body), None)
        return Answer(400, of(f"Unrecognized request argument supplied: {found}")) if found else completion("aENDb")

    server.on(CHAT, answered)
    with caplog.at_level(logging.WARNING):
        reply = ask(opened(name(server, dialect="vllm")), request(stop=("END",)))
    assert reply.text == "aEND"  # the text is cut here then
    assert len(server.seen) == 6
    assert f"{server.url} takes no limit on the tokens of answers" in caplog.messages


def test_a_fault_whose_words_name_a_parameter_is_no_refusal(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, Answer(500, of("Unexpected end of stream")), completion())
    assert ask(opened(name(server))).text == "hello"
    assert server.bodies(CHAT)[1] == server.bodies(CHAT)[0]


def test_a_parameter_that_is_refused_for_its_value_is_an_error(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, Answer(400, of("temperature must be at most 1")))
    assert "temperature must be at most 1" in fails(opened(name(server, "&temperature=2"))).first.message
    assert len(server.seen) == 1


def test_parameters_that_anthropic_refuses(server: FakeServer, opened: Open) -> None:
    answer = {
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
    refused = Answer(
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."},
        },
    )
    server.on(MESSAGES, lambda body: refused if "temperature" in body else answer)
    model = opened(f"anthropic:m@{server.url}?temperature=0")
    assert [ask(model).text for _ in range(2)] == ["hello"] * 2
    assert ["temperature" in body for body in server.bodies(MESSAGES)] == [True, False, False]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, of("System role not supported")),
        Answer(500, of("Error rendering prompt with jinja template: System role not supported")),
        Answer(400, of("Conversation roles must alternate user/assistant/user/assistant/...")),
        Answer(400, of("Only user and assistant roles are supported!")),
        Answer(400, {"message": "This model doesn't support system messages. Try again without a system message."}),
        Answer(400, [of("Developer instruction is not enabled for models/gemma-3-27b-it", status="INVALID_ARGUMENT")]),
        Answer(400, of("Unsupported value: 'messages[0].role' does not support 'system' with this model.", param="messages[0].role")),
    ],
)  # fmt: skip
def test_a_model_without_a_system_role_reads_its_text_in_the_users(
    server: FakeServer, opened: Open, answer: Answer
) -> None:
    server.on(CHAT, lambda body: answer if body["messages"][0]["role"] == "system" else completion())
    model = opened(name(server))
    assert [ask(model).text for _ in range(2)] == ["hello"] * 2
    first, *others = server.bodies(CHAT)
    system, user = (message["content"] for message in first["messages"])
    assert [body["messages"] for body in others] == [[{"role": "user", "content": f"{system}\n\n{user}"}]] * 2
    assert [message.content for message in model.render_prompt(request()).messages] == [f"{system}\n\n{user}"]


def test_roles_alternate_always(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion())
    model = opened(name(server))
    for asked in (
        request(written="x = 1\n"),
        request(program=True, repair=("", "E101")),
        request(program=True, repair=("x", "E101")),
    ):
        ask(model, asked)
    roles = [[message["role"] for message in body["messages"]] for body in server.bodies(CHAT)]
    assert roles == [["system", "user"], ["system", "user"], ["system", "user", "assistant", "user"]]
    assert all(message["content"].strip() for body in server.bodies(CHAT) for message in body["messages"])


@pytest.mark.parametrize(
    "message",
    [
        "Cannot set both `continue_final_message` and `add_generation_prompt`.",
        "continue_final_message is set but the final message does not appear in the chat after applying the chat template!",
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "Assistant response prefill is incompatible with enable_thinking.",
    ],
)
def test_a_text_that_a_server_does_not_continue_is_shown_to_it(server: FakeServer, opened: Open, message: str) -> None:
    server.on(CHAT, refusing("continue_final_message", Answer(400, of(message))))
    model = opened(name(server, dialect="vllm"))
    asked = request(program=True, type=INT, written="    x = 1\n")
    replies = [ask(model, asked) for _ in range(2)]
    assert [(reply.text, reply.opening) for reply in replies] == [("hello", "")] * 2
    first, *others = server.bodies(CHAT)
    assert first["messages"][-1]["role"] == "assistant"
    assert [[each["role"] for each in body["messages"]] for body in others] == [["system", "user"]] * 2
    assert "x = 1" in others[0]["messages"][-1]["content"]
    assert "add_generation_prompt" not in others[0]
    assert model.render_prompt(asked).opening == ""


# llama-server ----------------------------------------------------------------------------------------


def llama(server: FakeServer, template: Any = None) -> None:
    def plain(body: Any) -> Any:
        return {"prompt": "".join(f"<{each['role']}>{each['content']}</>" for each in body["messages"])}

    server.on("/props", {"default_generation_settings": {"n_ctx": 4096}})
    server.on("/apply-template", template or plain)
    server.on("/tokenize", lambda body: {"tokens": list(body["content"].encode())})


def test_calls_through_faults_of_a_llama_server_end_right(server: FakeServer) -> None:
    """Also where its prompts are tokenized, without which nothing can be sent."""
    llama(server)
    chance = random.Random(1)

    def faulty(script: Any) -> Any:
        return lambda body: Answer(500) if chance.random() < 0.2 else script(body) if callable(script) else script

    server.on("/completion", {"content": "hello", "stop_type": "eos", "tokens_evaluated": 40, "tokens_predicted": 3})
    for path in ("/apply-template", "/tokenize", "/completion"):
        server.on(path, faulty(server.scripts[path][0]))
    program = rlmlang.compile('[CALL("Say hello", n) for n in range(100)]')
    with stamina.set_testing(True, attempts=11, cap=True):
        assert program.run(model=f"openai:m@{server.url}/v1").value == ["hello"] * 100


@pytest.mark.parametrize("refuses", [True, False])
def test_a_llama_server_whose_template_has_no_system_role(server: FakeServer, opened: Open, refuses: bool) -> None:
    """It says so, or leaves the text out."""

    def template(body: Any) -> Any:
        if refuses and body["messages"][0]["role"] == "system":
            return Answer(500, of("System role not supported"))
        return {"prompt": "".join(f"<{each['content']}>" for each in body["messages"] if each["role"] != "system")}

    llama(server, template)
    server.on("/completion", {"content": "hello", "stop_type": "eos", "tokens_evaluated": 40, "tokens_predicted": 3})
    model = opened(f"openai:m@{server.url}/v1")
    assert [ask(model).text for _ in range(2)] == ["hello"] * 2
    system, user = (message.content for message in request().messages)
    prompts = [bytes(body["prompt"]).decode() for body in server.bodies("/completion")]
    assert prompts == [f"<{system}\n\n{user}>"] * 2


def test_an_answer_that_fills_the_context_of_a_llama_server_is_cut_off(server: FakeServer, opened: Open) -> None:
    """The server calls that truncated, as it does a prompt of which it left a part out."""
    llama(server)
    full = {
        "content": "on and on",
        "stop_type": "limit",
        "truncated": True,
        "tokens_evaluated": 9,
        "tokens_predicted": 3,
    }
    server.on("/completion", lambda body: {**full, "tokens_evaluated": len(body["prompt"])}, full)
    model = opened(f"openai:m@{server.url}/v1")
    assert ask(model, request()).finish == "length"
    assert fails(model, request()).first.code == "E403"


# Schemas ---------------------------------------------------------------------------------------------


def test_schemas_have_no_items_false_and_no_bounds_of_integers() -> None:
    """A stock llama-server refuses the former, and with the latter an integer is as long as 2**53 at most."""
    schema = json.dumps(AnswerFormat.of(ListType(TupleType((INT, STR)))).object_schema)
    assert '"items": false' not in schema
    assert "9007199254740991" not in schema
    assert "minimum" not in schema
