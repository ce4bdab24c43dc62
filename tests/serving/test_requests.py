"""Requests that are wrong, hostile, one too many, or not allowed: each is answered by its status and code."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rlmlang.calls.limits import Limits
from rlmlang.errors import CODES, RequestError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving import chat
from rlmlang.serving.bodies import BodyLimits
from rlmlang.serving.failures import REFUSALS
from rlmlang.serving.programs import load_programs
from rlmlang.serving.service import ServerSettings, lowered
from tests.support.fakes import Held
from tests.support.serving import Served, served
from tests.support.waiting import until

SIZE = 200_000


def reply(request: Request) -> str:
    return f"return {request.instruction if request.arguments else repr(request.instruction)}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "double.rlm").write_text("number: int\nnumber * 2\n")
    settings = ServerSettings(
        model=ScriptedModel(reply), programs=load_programs(folder), body=BodyLimits(SIZE), limits=Limits(100)
    )
    with served(settings) as running:
        yield running


def deep(levels: int) -> bytes:
    return b'{"messages": ' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, "E700", id="nothing"),
        pytest.param(b"{", 400, "E700", id="unfinished"),
        pytest.param(b"\xff\xfe{}", 400, "E700", id="no-utf-8"),
        pytest.param(b'{"messages": "\xc3\x28"}', 400, "E700", id="bad-utf-8"),
        pytest.param(b"[]", 400, "E700", id="a-list"),
        pytest.param(b'{"a": 1, "a": 2}', 400, "E700", id="repeated-key"),
        pytest.param(b'{"a": NaN}', 400, "E700", id="nan"),
        pytest.param(b'{"a": 1' + b"0" * 100_000 + b"}", 400, "E700", id="a-huge-number"),
        pytest.param(deep(101), 400, "E700", id="deep"),
        pytest.param(deep(90_000), 400, "E700", id="very-deep"),
        pytest.param(b'{"x": "' + b"x" * 10_000_000 + b'"}', 413, "E704", id="ten-megabytes"),
        pytest.param(b"{}", 400, "E700", id="no-messages"),
    ],
)
def test_bodies_that_cannot_be_read(server: Served, body: bytes, status: int, code: str) -> None:
    for path in ("/v1/chat/completions", "/v1/responses", "/programs/double"):
        answer = server.ask("POST", path, body)
        if path == "/programs/double" and body == b"{}":
            code = "E601"
        assert (answer.status, answer.error["code"]) == (status, code), answer.text
        assert answer.error["message"]
    assert server.ask("GET", "/health").status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"messages": "hello"},
        {"messages": [1]},
        {"messages": [{"role": "wizard", "content": "?"}]},
        {"messages": [{"role": "tool", "content": "?"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [5]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "%%%"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "gP8="}}]}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "so"}]},
        {"model": 3},
        {"stream": "yes"},
        {"n": 2},
        {"tools": [{"type": "function"}]},
        {"stop": [1]},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"rlmlang": []},
        {"rlmlang": {"types": "int"}},
        {"rlmlang": {"type": "int\nCALL('x')]"}},
        {"rlmlang": {"type": "Match"}},
        {"rlmlang": {"type": "__import__('os')"}},
        {"rlmlang": {"inputs": {"a b": 1}}},
        {"rlmlang": {"inputs": {"__class__": 1}}},
        {"rlmlang": {"inputs": {"class": 1}}},
        {"rlmlang": {"inputs": {"mixed": [1, "a"]}}},
        {"rlmlang": {"limits": {"max_calls": 101}}},
        {"rlmlang": {"limits": {"max_calls": -1}}},
        {"rlmlang": {"limits": {"max_calls": None}}},
        {"rlmlang": {"limits": {"max_calls": True}}},
        {"rlmlang": {"limits": {"max_wishes": 3}}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {"response_format": 1},
    ],
    ids=lambda change: json.dumps(change)[:80],
)
def test_members_of_wrong_kinds(server: Served, change: dict[str, Any]) -> None:
    answer = server.chat("?", **change)
    assert answer.status == 400, answer.text
    assert answer.error["code"] in ("E700", "E603"), answer.text
    assert answer.error["type"] == "invalid_request_error"


def test_half_a_surrogate_pair_comes_back_as_it_was(server: Served) -> None:
    half = "half \ud83d of a pair"
    answer = server.chat("text", rlmlang={"inputs": {"text": half}})
    assert answer.status == 200, answer.text
    assert answer.data["choices"][0]["message"]["content"] == half


def test_a_compressed_bomb_is_too_large(server: Served) -> None:
    bomb = gzip.compress(b'{"x": "' + b" " * 5_000_000 + b'"}')
    assert len(bomb) < SIZE
    answer = server.ask("POST", "/v1/chat/completions", bomb, Content_Encoding="gzip")
    assert (answer.status, answer.error["code"]) in ((413, "E704"), (400, "E700"))
    assert server.ask("POST", "/v1/chat/completions", b"no gzip", Content_Encoding="gzip").status == 400


def test_other_content_than_json_is_refused(server: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = server.ask("POST", "/programs/double", b'{"number": 2}', Content_Type=kind)
        assert (answer.status, answer.error["code"]) == (400, "E700")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02 no HTTP\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_http_is_refused(server: Served, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(sent)
        assert b" 400 " in connection.recv(1_000).split(b"\r\n")[0]
    assert server.ask("GET", "/health").status == 200


def received(connection: socket.socket, last: str | None = None) -> str:
    """All that comes up to some last text, or until the server closes the connection; it may have done so already."""
    found = ""
    with suppress(ConnectionResetError):
        while (last is None or last not in found) and (part := connection.recv(10_000)):
            found += part.decode()
    return found


def test_headers_that_never_end_are_not_waited_for() -> None:
    with served(ServerSettings(), idle=0.2) as server:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(sent)
                assert received(connection) == ""


def test_a_slow_body_ends_in_time() -> None:
    seconds = 0.3
    with (
        served(ServerSettings(body=BodyLimits(SIZE, seconds))) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as sent,
    ):
        began = time.monotonic()
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        sent.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    sent.sendall(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = received(sent, '"E705"')
        stop.set()
        dripping.join()
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"E705"' in answer
    assert seconds <= time.monotonic() - began < 5


@pytest.mark.parametrize(
    "path",
    [
        "/programs/../double", "/programs/..%2f..%2fetc%2fpasswd", "/programs/%2e%2e", "/programs/double.rlm",
        "/programs/double%00", "/programs/DOUBLE", "/programs/" + "x" * 3_000, "/programs//etc/passwd",
        "/runs/last", "/runs/..%2f..", "/runs/%", "/runs/" + "0" * 16, "/runs/'; drop table runs; --/events",
        "/nowhere", "/v1/models/other",
    ],
)  # fmt: skip
def test_paths_that_lead_nowhere(server: Served, path: str) -> None:
    quoted = path.replace(" ", "%20")
    answer = server.ask("GET", quoted)
    assert answer.status == 404, answer.text
    assert answer.error["code"] == "E703"
    if path.startswith("/programs/"):
        assert server.ask("POST", quoted, {"number": 2}).status in (404, 405)


def test_a_wrong_method_says_which_is_right(server: Served) -> None:
    answer = server.ask("GET", "/v1/chat/completions")
    assert answer.error["hint"] == "send POST"


def test_names_that_others_make_point_here_are_not_answered_to(server: Served) -> None:
    answer = server.ask("GET", "/programs", Host=f"evil.example:{server.port}")
    assert (answer.status, answer.error["code"]) == (403, "E702")
    for host in ("localhost", f"127.0.0.1:{server.port}", f"[::1]:{server.port}", "LOCALHOST:1"):
        assert server.ask("GET", "/programs", Host=host).status == 200


def test_programs_of_others_are_refused(server: Served) -> None:
    answer = server.ask("POST", "/programs", {"program": "1 + 1"})
    assert (answer.status, answer.error["code"]) == (403, "E702")


def test_a_client_that_goes_away_cancels_its_run() -> None:
    model = Held(reply)
    with served(ServerSettings(model=model)) as server:
        for more in ({}, {"stream": True}):
            body = json.dumps({"messages": [{"role": "user", "content": "Wait"}], **more}).encode()
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sent:
                head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                sent.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                until(lambda: bool(model.running))
            until(lambda: not model.running)
        assert len(model.cancelled) == 2
        until(lambda: all(run.ended.is_set() for run in server.service.runs.values()))


def test_one_request_too_many_is_told_to_come_again() -> None:
    model = Held(reply)
    with served(ServerSettings(model=model, max_requests=1)) as server:
        first = threading.Thread(target=server.chat, args=["Wait"])
        first.start()
        until(lambda: bool(model.running))
        second = server.chat("Wait too")
        assert (second.status, second.error["code"]) == (429, "E706")
        assert second.headers["Retry-After"] == "1"
        assert server.ask("GET", "/v1/models").status == 200  # which makes no run
        server.inside(lambda: model.let_go(*model.running))
        first.join()


def test_a_server_that_stops_lets_what_has_begun_end() -> None:
    model = Held(reply)
    with served(ServerSettings(model=model)) as server:
        answers: list[Any] = []
        first = threading.Thread(target=lambda: answers.append(server.chat("Wait")))
        first.start()
        until(lambda: bool(model.running))
        server.inside(server.service.stop)
        refused = server.chat("Late")
        assert (refused.status, refused.error["code"]) == (503, "E708")
        server.inside(lambda: model.let_go(*model.running))
        first.join()
        assert answers[0].status == 200


def test_told_twice_to_stop_it_cancels_what_has_begun() -> None:
    model = Held(reply)
    with served(ServerSettings(model=model)) as server:
        answers: list[Any] = []
        first = threading.Thread(target=lambda: answers.append(server.chat("Wait")))
        first.start()
        until(lambda: bool(model.running))
        server.inside(server.service.stop)
        server.inside(server.service.stop)
        first.join()
        assert (answers[0].status, answers[0].error["code"]) == (503, "E708")
        assert model.cancelled


def test_a_fault_of_ours_tells_clients_nothing(
    server: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a private detail")

    monkeypatch.setattr(chat, "read_chat", broken)
    answer = server.chat("?")
    assert answer.status == 500
    assert "private" not in answer.text
    assert "a private detail" in caplog.text


def test_every_refusal_has_a_status() -> None:
    assert set(REFUSALS) == {code for code in CODES if code.startswith("E7")}


def test_more_tokens_than_the_server_allows_are_as_many_as_it_does(server: Served) -> None:
    assert server.chat("Hello", max_tokens=100_000).status == 200
    cut = server.chat("Hello", max_tokens=1)
    assert (cut.status, cut.error["code"]) in ((502, "E402"), (502, "E405"))


def test_limits_can_only_be_lowered() -> None:
    limits = Limits(max_calls=10, max_seconds=None)
    assert lowered(limits, {"max_calls": 3, "max_seconds": 5.0}) == Limits(max_calls=3, max_seconds=5.0)
    with pytest.raises(RequestError, match="at most 10"):
        lowered(limits, {"max_calls": 11})


def test_the_files_of_a_folder_are_its_programs(tmp_path: Path) -> None:
    (tmp_path / "a-1.rlm").write_text("1\n")
    (tmp_path / "notes.txt").write_text("no program")
    assert list(load_programs(tmp_path)) == ["a-1"]
