"""Inputs from the web: only where they are allowed, over https, and bounded."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rlmlang.data import read_value, rows
from rlmlang.errors import FileUnreadable, InvalidOption
from rlmlang.language.types import STR
from rlmlang.runtime.values import to_json
from tests.support.command_line import Run, run

__all__ = ["run"]

pytestmark = pytest.mark.heavy

TABLE = b"text,stars\ngood,5\n"


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        if self.path == "/slow":
            time.sleep(2)
        self.wfile.write(TABLE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    kind = (
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    )
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    command = [openssl, "req", *kind, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_downloaded_is_read_by_its_form(address: str, run: Run) -> None:
    assert list(rows(f"{address}/table.csv", download=True)) == [{"text": "good", "stars": "5"}]
    assert to_json(read_value(f"{address}/export?id=3", None, "rows", download=True)) == [{"text": "good", "stars": 5}]
    assert read_value(f"text:{address}/table.csv", STR, download=True) == TABLE.decode()
    Path("echo.rlm").write_text("s: str\ns\n")
    given = ("run", "echo.rlm", "-i", f"s=@{address}/a.txt", "--no-store")
    assert run(*given, "--allow-download")[:2] == (0, f"{TABLE.decode()}\n")
    code, _, err = run(*given)
    assert (code, "hint: allow it to be read: --allow-download" in err) == (2, True)


def test_nothing_is_downloaded_unless_it_is_allowed() -> None:
    for url in ("https://example.invalid/a.csv", "http://example.invalid/a.csv"):
        with pytest.raises(InvalidOption, match="is not on this machine"):
            rows(url)
    with pytest.raises(InvalidOption, match="is not read in the clear"):
        rows("http://example.invalid/a.csv", download=True)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing", "the server answers 404 Not Found"),
        ("elsewhere", "it leads to http://127.0.0.1:9/, which is not https"),
        ("slow", "it took more than 0.5 seconds"),
        ("large", "it has more than 10 bytes"),
    ],
)
def test_a_failed_download_is_an_error(address: str, monkeypatch: pytest.MonkeyPatch, path: str, why: str) -> None:
    monkeypatch.setattr("rlmlang.data.downloads.MAX_SECONDS", 0.5 if path == "slow" else 20)
    monkeypatch.setattr("rlmlang.data.downloads.MAX_DOWNLOAD", 10 if path == "large" else 1_000)
    with pytest.raises(FileUnreadable) as caught:
        rows(f"{address}/{path}", download=True)
    assert caught.value.first.message == f"cannot read {address}/{path}: {why}"


def test_a_server_without_a_known_certificate_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FileUnreadable, match="certificate verify failed"):
        rows(f"{address}/table.csv", download=True)
