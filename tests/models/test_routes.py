"""Proxies and authorities of one's own: used where the name of a model says so, and nowhere else."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlmlang.errors import FileUnreadable, ModelError, UsageError
from rlmlang.language.types import STR
from rlmlang.models.base import Request
from tests.support.fake_server import FakeServer, Open, opened, server

__all__ = ["opened", "server"]

CHAT = "/v1/chat/completions"

COMPLETION = {
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 60, "completion_tokens": 1},
}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody has asked for."""
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
        monkeypatch.setenv(variable.upper(), "http://127.0.0.1:9")
    monkeypatch.delenv("RLMLANG_ALLOW", raising=False)
    monkeypatch.setenv("SERVER_KEY", "secret")


def say(model: Any) -> str:
    text: str = asyncio.run(model.generate(Request("Say hello", (), STR, max_tokens=50))).text
    return text


def test_the_proxy_of_the_environment_is_not_used(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, COMPLETION)
    assert say(opened(f"openai:m@{server.url}/v1?dialect=none")) == "hello"


def test_the_proxy_of_a_name_is_used(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, COMPLETION)
    assert say(opened(f"openai:m@http://models.invalid/v1?dialect=none&proxy={server.url}/")) == "hello"
    (seen,) = server.seen
    assert (seen.url, seen.headers["Host"]) == (f"http://models.invalid{CHAT}", "models.invalid")


def test_an_encrypted_connection_goes_through_the_proxy(opened: Open) -> None:
    """The proxy learns where it goes, and not the key."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked: list[bytes] = []

        def refuse() -> None:
            connection, _ = listening.accept()
            asked.append(connection.recv(10_000))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ModelError, match="E400"):
            say(opened(f"openai:m@https://models.invalid/v1?dialect=none&key=SERVER_KEY&retries=0&proxy={proxy}"))
        thread.join()
    assert asked[0].startswith(b"CONNECT models.invalid:443 HTTP/1.1\r\n")
    assert b"secret" not in asked[0]


@pytest.mark.parametrize(
    ("url", "proxy", "said"),
    [
        ("https://h/v1", "localhost:3128", "has an address that cannot be read"),
        ("https://h/v1", "http://me:pass@proxy:3128", "has a user name in its address"),
        ("https://h/v1", "http://169.254.169.254", "has a reserved address"),
        ("http://127.0.0.1:8000/v1", "http://proxy:3128", "the proxy http://proxy:3128 would see the key"),
    ],
)
def test_a_wrong_proxy(opened: Open, url: str, proxy: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(f"openai:m@{url}?key=SERVER_KEY&proxy={proxy}")
    assert caught.value.first.code == "E607"
    assert said in caught.value.first.message
    assert "pass" not in str(caught.value)


def test_the_proxy_must_be_allowed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMLANG_ALLOW", "https://models.example")
    with pytest.raises(UsageError, match=r"E607.*http://proxy:3128 is not among the servers"):
        opened("openai:m@https://models.example/v1?proxy=http://proxy:3128")


# Authorities ---------------------------------------------------------------------------------


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[FakeServer, Path]]:
    """A server that only its own authority vouches for, and the file of that authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    certificate, key = tmp_path / "authority.pem", tmp_path / "key.pem"
    kind = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", *kind, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    fake = FakeServer(tls=tls)
    fake.start()
    fake.on(CHAT, COMPLETION)
    yield fake, certificate
    fake.stop()


def test_an_authority_of_ones_own(encrypted: tuple[FakeServer, Path], opened: Open) -> None:
    fake, certificate = encrypted
    name = f"openai:m@{fake.url}/v1?dialect=none&key=SERVER_KEY&retries=0"
    with pytest.raises(ModelError) as caught:
        say(opened(name))
    assert "certificate verify failed" in str(caught.value)
    assert fake.seen == []
    assert say(opened(f"{name}&ca={certificate}")) == "hello"


def test_a_file_that_holds_no_authority(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"E604.*cannot read .*none\.pem"):
        opened(f"openai:m@https://h/v1?ca={tmp_path / 'none.pem'}")
    (tmp_path / "text.pem").write_text("no certificate\n")
    with pytest.raises(UsageError, match=r"E607.*holds no certificates"):
        opened(f"openai:m@https://h/v1?ca={tmp_path / 'text.pem'}")
