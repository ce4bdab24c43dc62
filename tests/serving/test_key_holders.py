"""Keys: who has one, what it may spend, which runs it may see, and what nobody is told."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlmlang.calls.limits import Limits
from rlmlang.errors import PriceUnknown, RequestError, UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving import clients
from rlmlang.serving.clients import read_keys
from rlmlang.serving.listening import require_keys, serve
from rlmlang.serving.service import ServerSettings
from rlmlang.storage.store import Store
from tests.support.fakes import Fake
from tests.support.serving import Answer, Served, served

ALICE, BOB = "alice-has-a-long-key", "bob-has-another-one"


def reply(request: Request) -> str:
    if request.level > 1:
        return "x" * 40
    return "return ''.join([CALL('Write', n) for n in range(3)])"


def keys_file(path: Path, text: str = "") -> Path:
    digest = hashlib.sha256(BOB.encode()).hexdigest()
    path.write_text(f'[alice]\nkey = "{ALICE}"\n{text}\n[bob]\nkey = "sha256:{digest}"\n')
    path.chmod(0o600)
    return path


def server_with(tmp_path: Path, text: str = "", **more: Any) -> Any:
    keys = read_keys(keys_file(tmp_path / "keys.toml", text))
    return served(ServerSettings(model=ScriptedModel(reply), clients=keys, **more))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with server_with(tmp_path_factory.mktemp("keys")) as running:
        yield running


def chat(server: Served, key: str) -> Answer:
    body = {"messages": [{"role": "user", "content": "Write three texts"}]}
    return server.ask("POST", "/v1/chat/completions", body, Authorization=f"Bearer {key}")


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {ALICE[:-1]}", f"Bearer {ALICE}x", f"bearer: {ALICE}", ALICE, "Basic !!!",
        f"Bearer sha256:{hashlib.sha256(BOB.encode()).hexdigest()}", "Bearer k\xe4y", "Bearer " + "k" * 4_000,
        "Basic " + b64encode(b"user").decode(),
    ],
)  # fmt: skip
def test_without_a_right_key_nothing_is_said(server: Served, header: str | None) -> None:
    more = {} if header is None else {"Authorization": header}
    for method, path in (
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/openapi.json"),
        ("GET", "/"),
    ):
        answer = server.ask(method, path, b"{}" if method == "POST" else None, **more)
        assert (answer.status, answer.error["code"]) == (401, "E701")
        assert answer.error["hint"] == "send it as a Bearer token, in the header Authorization"
        assert answer.error["type"] == "authentication_error"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert server.ask("GET", "/health").status == 200


def test_a_key_is_taken_from_either_header(server: Served) -> None:
    for key in (ALICE, BOB):
        assert server.ask("GET", "/v1/models", Authorization=f"Bearer {key}").status == 200
        basic = b64encode(f"anyone:{key}".encode()).decode()
        assert server.ask("GET", "/v1/models", Authorization=f"Basic {basic}").status == 200


def test_with_keys_any_name_of_the_server_is_answered_to(server: Served) -> None:
    assert server.ask("GET", "/v1/models", Authorization=f"Bearer {ALICE}", Host="llm.example").status == 200


def test_a_run_is_shown_to_the_key_that_made_it(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    with server_with(tmp_path, place=place) as first:
        run = chat(first, ALICE).data["rlmlang"]["run_id"]
    with server_with(tmp_path, place=place) as server:  # the id itself says whose it is, also after a new start
        mine = server.ask("GET", f"/runs/{run}", Authorization=f"Bearer {ALICE}")
        assert mine.status == 200
        assert "<title>Trace</title>" in mine.text
        for key in (ALICE, BOB):
            other = run if key == BOB else run[:-1] + ("0" if run[-1] != "0" else "1")
            for path in (f"/runs/{other}", f"/runs/{other}/events", f"/runs/{run[:8]}"):
                answer = server.ask("GET", path, Authorization=f"Bearer {key}")
                assert (answer.status, answer.error["code"]) == (404, "E703")


def test_a_browser_is_asked_for_the_key(server: Served) -> None:
    answer = server.ask("GET", "/runs/0123456789abcdef", Accept="text/html,*/*")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_what_a_key_has_used_up_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with(tmp_path, "max_calls = 6") as server:
        assert chat(server, ALICE).status == 200
        cut = chat(server, ALICE)  # the fifth and sixth call are made, and there is no seventh
        assert (cut.status, cut.error["code"]) == (429, "E707")
        refused = chat(server, ALICE)
        assert (refused.status, refused.error["code"]) == (429, "E707")
        assert "max_calls, 6 a day" in refused.error["message"]
        assert chat(server, BOB).status == 200
        now = clients.time()
        monkeypatch.setattr(clients, "time", lambda: now + 86_400)
        assert chat(server, ALICE).status == 200


@pytest.mark.parametrize(
    ("limit", "spent"),
    [
        ("max_completion_tokens = 20", "max_completion_tokens"), ("max_prompt_tokens = 1", "max_prompt_tokens"),
        ("max_seconds = 0.0", "max_seconds"), ("max_calls = 0", "max_calls"), ("max_cost = 0.0", "max_cost"),
    ],
)  # fmt: skip
def test_each_limit_of_a_key_ends_its_runs(tmp_path: Path, limit: str, spent: str) -> None:
    with server_with(tmp_path, limit) as server:
        answers = [chat(server, ALICE) for _ in range(2)]
    assert [answer.status for answer in answers] == [429, 429]
    assert {answer.error["code"] for answer in answers} <= {"E503", "E504", "E707"}
    assert all(answer.headers["X-Should-Retry"] == "false" for answer in answers)


def test_keys_are_never_written(server: Served, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.DEBUG):
        chat(server, ALICE)
        chat(server, "a-wrong-key-that-is-secret")
        server.ask("GET", f"/nowhere/{ALICE}")
    lines = [record.getMessage() for record in caplog.records if record.name == "rlmlang"]
    assert any("POST /v1/chat/completions 200 alice" in line for line in lines)
    assert not any("secret" in line for line in lines)
    assert not any(ALICE in line for line in lines if "/nowhere/" not in line)
    assert ALICE not in repr(server.service.settings.clients)


# The file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no keys"),
        ("alice = 3", "has no key"),
        ("[alice]", "has no key"),
        ('[alice]\nkey = "short"', "fewer than 16"),
        ('[alice]\nkey = "sha256:12"', "64 hexadecimal digits"),
        ('[alice]\nkey = "alice-has-a-long-key"\nmax_wishes = 3', "unknown max_wishes"),
        ('[alice]\nkey = "alice-has-a-long-key"\nmax_calls = -1', "max_calls of"),
        ('[a]\nkey = "alice-has-a-long-key"\n[b]\nkey = "alice-has-a-long-key"', "two clients have one key"),
        ('[alice]\nkey = "alice-has-a-long-key', "is not TOML"),
    ],
)
def test_a_wrong_file_of_keys_is_refused_without_showing_a_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        read_keys(path)
    assert caught.value.first.code == "E607"
    assert said in caught.value.first.message
    assert "alice-has" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no modes")
def test_plain_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = keys_file(tmp_path / "keys.toml")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        read_keys(path)
    path.write_text(f'[bob]\nkey = "sha256:{hashlib.sha256(BOB.encode()).hexdigest()}"\n')
    assert read_keys(path).of(f"Bearer {BOB}").name == "bob"


def test_a_server_that_others_reach_needs_keys(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "llm.example", ""):
        with pytest.raises(UsageError, match="everyone who reaches it"):
            require_keys(host, ServerSettings())
        require_keys(host, ServerSettings(clients=read_keys(keys_file(tmp_path / "keys.toml"))))
    for host in ("127.0.0.1", "localhost", "::1"):
        require_keys(host, ServerSettings())


@pytest.mark.parametrize("whose", ["each request", "a key"])
def test_money_is_limited_only_where_prices_are_known(tmp_path: Path, whose: str) -> None:
    keys = read_keys(keys_file(tmp_path / "keys.toml", "max_cost = 1.0" if whose == "a key" else ""))
    limits = Limits(max_cost=1.0 if whose == "each request" else None)
    settings = ServerSettings(model=Fake(reply), clients=keys, limits=limits)
    with pytest.raises(PriceUnknown):
        asyncio.run(serve(settings, "127.0.0.1", 0, 1.0, print))


def test_a_key_has_so_many_requests_at_once(tmp_path: Path) -> None:
    holder = read_keys(keys_file(tmp_path / "keys.toml", "max_requests = 1")).of(f"Bearer {ALICE}")
    with holder.request(), pytest.raises(RequestError) as caught, holder.request():
        pass
    assert caught.value.first.code == "E706"
    with holder.request():
        assert holder.running == 1
    assert holder.running == 0


def test_the_seconds_that_are_left_bound_a_run(tmp_path: Path) -> None:
    holder = read_keys(keys_file(tmp_path / "keys.toml", "max_seconds = 10")).of(f"Bearer {ALICE}")
    assert holder.within(Limits(max_seconds=60.0)).max_seconds == 10
    holder.account.usage.seconds = 4.0
    holder.ended(holder.account.usage)
    assert holder.within(Limits()).max_seconds == 6


@pytest.mark.parametrize("is_killed", [False, True])
def test_what_a_key_has_spent_is_known_after_a_restart(place: str | Path, tmp_path: Path, is_killed: bool) -> None:
    def asked(limit: int, question: str, key: str = ALICE) -> Answer:
        with server_with(tmp_path, f"max_calls = {limit}", place=place) as server:
            body = {"messages": [{"role": "user", "content": question}]}
            return server.ask("POST", "/v1/chat/completions", body, Authorization=f"Bearer {key}")

    assert asked(4, "Write three texts").status == 200  # by four calls
    if is_killed:  # what a process that was killed has not written
        with Store(place) as store:
            store.db.query("update runs set usage = '{}'")
    refused = asked(4, "Write three others")
    assert (refused.status, refused.error["code"]) == (429, "E707")
    assert asked(8, "Write three others").status == 200
    assert asked(8, "Write three more").status == 429
    assert asked(8, "Write three more", BOB).status == 200
