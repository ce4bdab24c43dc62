"""`rlmlang serve`: what it refuses to do, and how its process ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.support.command_line import Run, run
from tests.support.places import ROOT
from tests.support.waiting import until

__all__ = ["run"]


def test_it_binds_to_no_other_address_without_keys(run: Run) -> None:
    code, out, err = run("serve", "--host", "0.0.0.0", "--port", "0", "--model", "scripted:replies.toml", "--no-store")
    assert (code, out) == (2, "")
    assert "error[E607]: a server on 0.0.0.0 can be used by everyone who reaches it" in err
    assert "--keys FILE" in err


def test_an_address_that_is_taken_is_an_error(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = run("serve", "--port", port, "--model", "scripted:replies.toml", "--no-store")
    assert code == 2
    assert f"error[E607]: cannot listen on 127.0.0.1:{port}" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "E605"),
        (("--programs", "none"), "E604"),
        (("--model", "scripted:replies.toml", "--keys", "none.toml"), "E604"),
        (("--model", "scripted:none.toml"), "E604"),
        (("--model", "scripted:replies.toml", "--max-body", "much"), "E607"),
        (("--model", "scripted:replies.toml", "--port", "99999"), "E607"),
        (("--model", "scripted:replies.toml", "--max-calls", "-1"), "E607"),
    ],
)
def test_it_does_not_begin_with_wrong_options(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("RLMLANG_MODEL", raising=False)
    code, _, err = run("serve", "--no-store", *options)
    assert code == 2
    assert f"error[{said}]" in err


MODEL = """
import asyncio
import os

async def model(request):
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    return "return 'done'"
"""


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.heavy
@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_ends_it_once_what_has_begun_is_answered(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    command = [sys.executable, "-m", "rlmlang", "serve", "--port", "0", "-m", "scripted:model.py", "--no-store"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = re.search(r"serving at (http://127\.0\.0\.1:(\d+)); .*/v1", process.stderr.readline())
        assert address is not None
        answers: list[str] = []

        def ask() -> None:
            body = json.dumps({"messages": [{"role": "user", "content": "?"}]}).encode()
            sent = Request(f"{address[1]}/v1/chat/completions", body, {"Content-Type": "application/json"})
            with urlopen(sent, timeout=60) as reply:
                answers.append(json.load(reply)["choices"][0]["message"]["content"])

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: json.load(urlopen(f"{address[1]}/health"))["requests"] == 1)
        process.send_signal(sign)
        until(lambda: not listens(int(address[2])))
        (tmp_path / "go").touch()
        asking.join()
        assert process.wait(60) == 0
        log = process.stderr.read()
    assert answers == ["done"]
    assert re.fullmatch(r"(\S+ GET /health 200 - .*\n)+\S+ POST /v1/chat/completions 200 everyone \d+\.\d+ s\n", log)
