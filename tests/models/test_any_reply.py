"""Whatever bytes a server answers, a call ends with a value of its type or a coded error, and no budget runs over."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

import rlmlang
from rlmlang.calls.limits import Limits
from rlmlang.errors import CODES, RlmError
from rlmlang.models.servers import throttling
from rlmlang.trace.recorder import Trace

pytestmark = pytest.mark.heavy


@define
class AnyServer:
    """A server that answers every request with the same bytes, and closes the connection; but not some paths."""

    reply: bytes = b""
    others: dict[str, Callable[[Any], Any]] = field(factory=dict)
    """What it answers at other paths to the data of a request."""
    url: str = ""
    _socket: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    path, body = self._read(connection)
                    other = self.others.get(path)
                    connection.sendall(right(other(json.loads(body))) if other else self.reply)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)  # until the client has read it all
                except OSError:
                    pass

    def _read(self, connection: socket.socket) -> tuple[str, bytes]:
        """Read a request, and return its path and body. Raises OSError if the client leaves before it has asked."""
        data = b""
        while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
            data += more
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            raise ConnectionError("the client has left")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length and (more := connection.recv(65536)):
            body += more
        return head.split(b" ")[1].decode(), body

    def close(self) -> None:
        self._socket.close()


def right(data: Any) -> bytes:
    """The bytes of a response that is as it should be."""
    text = json.dumps(data).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + text


@pytest.fixture(scope="module")
def server() -> Iterator[AnyServer]:
    server = AnyServer()
    server.serve()
    with stamina.set_testing(True, attempts=2, cap=True):
        yield server
    server.close()


# Replies that are nearly right -------------------------------------------------------------

RIGHT: dict[str, list[Any]] = {
    "openai": [
        {
            "id": "c",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": '{"answer": 5}', "refusal": None, "reasoning_content": "5?"},
                    "finish_reason": "stop",
                    "stop_reason": None,
                }
            ],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
                "cost": 0.001,
            },
        },
        {"choices": [{"index": 0, "delta": {"content": "5"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}},
        {"error": {"message": "maximum context length is 9", "type": "invalid_request_error", "param": "seed", "code": 429}},
    ],
    "anthropic": [
        {
            "type": "message",
            "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "5"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "cache_read_input_tokens": 2, "output_tokens": 3},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "5"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ],
    "llama": [
        {
            "content": '{"answer": 5}',
            "stop": True,
            "stop_type": "eos",
            "stopping_word": "",
            "tokens_evaluated": 60,
            "tokens_predicted": 3,
            "truncated": False,
            "timings": {"cache_n": 2},
        },
        {"error": {"message": "exceeds the available context size", "type": "exceed_context_size_error", "code": 400}},
    ],
}  # fmt: skip

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31 - 1, 2**63, 1e400, "", "5", "stop", "length", "eos", "error", "\ud800", "temperature"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["error", "choices", "message"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, data: Any) -> Any:
    """JSON data of which some parts are replaced, left out or named otherwise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(ODD)
    if isinstance(data, dict):
        kept = {key: value for key, value in data.items() if draw(st.integers(0, 11))}
        return {key: draw(mutated(value)) for key, value in kept.items()}
    if isinstance(data, list):
        items = [draw(mutated(item)) for item in data]
        return items * draw(st.sampled_from([1, 1, 1, 2, 0]))
    return data


STATUSES = st.sampled_from([200] * 8 + [201, 204, 206, 301, 307, 400, 401, 404, 413, 422, 429, 500, 503, 529, 100, 999])
TYPES = st.sampled_from(
    ["application/json"] * 6 + ["text/event-stream", "text/event-stream", "text/plain", "text/html", ""]
)
HEADERS = st.sampled_from(
    [b""] * 6
    + [
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: 0\r\n",
        b"Retry-After: Wed, 99 Foo\r\n",
        b"Retry-After: nan\r\n",
        b"Retry-After: 1e999\r\n",
        b"Location: http://169.254.169.254/\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Set-Cookie: a=b\r\n",
        b"X: \xff\xfe\r\n",
        b"broken\r\n",
    ]
)


@st.composite
def replies(draw: st.DrawFn, kind: str) -> bytes:
    """The bytes of a response."""
    data = draw(st.sampled_from(RIGHT[kind]).flatmap(mutated))
    content_type = draw(TYPES)
    text = json.dumps(data).encode()
    if content_type == "text/event-stream" and draw(st.booleans()):
        events = draw(st.lists(st.sampled_from(RIGHT[kind]).flatmap(mutated), max_size=3))
        lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in [data, *events]]
        text = b"".join(lines) + draw(st.sampled_from([b"data: [DONE]\n\n", b"", b"data: {"]))
    if draw(st.integers(0, 5)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.binary(max_size=3)) + text[place + draw(st.integers(0, 9)) :]
    length = len(text) + draw(st.sampled_from([0] * 9 + [-3, 2]))
    head = f"HTTP/1.1 {draw(STATUSES)} Any\r\nContent-Type: {content_type}\r\nConnection: close\r\n".encode()
    if draw(st.integers(0, 7)):
        head += f"Content-Length: {max(0, length)}\r\n".encode()
    whole = head + draw(HEADERS) + b"\r\n" + text
    if draw(st.integers(0, 11)) == 0:
        whole = whole[: draw(st.integers(0, len(whole)))]
    return whole


NAMES = {
    "openai": "openai:m@{url}/v1?dialect={dialect}&ctx=9999&timeout=0.4",
    "anthropic": "anthropic:m@{url}?timeout=0.4&temperature=0",
    "llama": "openai:m@{url}/v1?dialect=llama&ctx=9999&timeout=0.4",
}
LLAMA = {
    "/apply-template": lambda body: {"prompt": "".join(f"<{each['content']}>" for each in body["messages"])},
    "/tokenize": lambda body: {"tokens": list(body["content"].encode())},
}
PROGRAM = rlmlang.compile('n: int\nCALL[int]("How many?", n)')


def end(server: AnyServer, model: str, reply: bytes) -> object:
    """Run a program whose call gets the reply, and return its value or the code of its error: both are as they should."""
    server.reply = reply
    throttling._origins.pop(throttling.key_of(server.url), None)
    limits = Limits(max_calls=3, max_prompt_tokens=3_000, max_completion_tokens=40, max_answer_tokens=10)
    trace = Trace()
    ended: object
    try:
        result = PROGRAM.run(model=model, limits=limits, trace=trace, n=1)
    except RlmError as error:
        assert error.first.code in CODES
        assert error.first.code[:2] in ("E4", "E5")
        ended = error.first.code
    else:
        assert type(result.value) is int
        ended = result.value
    account = trace.account
    assert account is not None
    usage = account.usage
    assert usage.calls <= 3
    assert usage.prompt_tokens <= 3_000
    assert usage.completion_tokens <= 40
    assert usage.cached_tokens <= usage.prompt_tokens
    assert (account._open, account._reserved_prompt, account._reserved_completion) == (0, 0, 0)
    assert throttling.origin_of(server.url).limiter.in_flight == 0
    return ended


@pytest.mark.parametrize("kind", RIGHT)
def test_right_replies_are_answers(server: AnyServer, kind: str) -> None:
    server.others = LLAMA if kind == "llama" else {}
    name = NAMES[kind].format(url=server.url, dialect="none").replace("timeout=0.4", "timeout=60")
    assert end(server, name, right(RIGHT[kind][0])) == 5


@given(data=st.data(), dialect=st.sampled_from(["none", "vllm", "openai&stream=true", ""]))
def test_whatever_a_server_with_openais_format_answers(server: AnyServer, data: st.DataObject, dialect: str) -> None:
    server.others = {}
    end(server, NAMES["openai"].format(url=server.url, dialect=dialect), data.draw(replies("openai")))


@given(reply=replies("anthropic"))
def test_whatever_a_server_with_anthropics_format_answers(server: AnyServer, reply: bytes) -> None:
    server.others = {}
    end(server, NAMES["anthropic"].format(url=server.url), reply)


@given(reply=replies("llama"))
def test_whatever_a_llama_server_answers(server: AnyServer, reply: bytes) -> None:
    server.others = LLAMA
    end(server, NAMES["llama"].format(url=server.url), reply)
