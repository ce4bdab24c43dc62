"""200 clients at once, for a minute: every request is answered, and answered right."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import aiohttp
import pytest

pytestmark = [pytest.mark.heavy, pytest.mark.long]

CLIENTS, SECONDS = 200, float(os.environ.get("RLMLANG_LOAD_SECONDS", "60"))

MODEL = """
import asyncio

async def model(request):
    await asyncio.sleep(0.05)
    if request.level == 1:
        return "return ' '.join([CALL('Read', x) for x in [text, text + '!']])"
    return f"<{request.arguments[0][1]}>"
"""


def test_none_of_the_requests_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    command = [
        sys.executable, "-m", "rlmlang", "serve", "--port", "0", "--model", "scripted:model.py", "--store", "store.db",
        "--quiet",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = re.search(r"serving at (\S+);", process.stderr.readline())
        assert address is not None
        took, peak = asyncio.run(load(address[1])), memory_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    took.sort()
    with capsys.disabled():
        print(
            f"\n{len(took):,} requests in {SECONDS:g} s, {len(took) / SECONDS:.0f} a second; "
            f"p50 {1e3 * took[len(took) // 2]:.0f} ms, p99 {1e3 * took[len(took) * 99 // 100]:.0f} ms; {peak} MB"
        )
    assert len(took) > CLIENTS
    assert peak < 600


def memory_of(process: int) -> int:
    """The most memory that a process had, in megabytes."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) // 1_000 if found else 0


async def load(url: str) -> list[float]:
    """The seconds that each request took; every second client streams."""
    took: list[float] = []
    end = perf_counter() + SECONDS
    limits = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(60)) as session:

        async def client(number: int) -> None:
            turn = 0
            while perf_counter() < end:
                text, streams = f"{number}-{turn}", number % 2 == 1
                body = {
                    "model": "rlmlang",
                    "messages": [{"role": "user", "content": "Read the text twice"}],
                    "rlmlang": {"inputs": {"text": text}},
                    "stream": streams,
                }
                began = perf_counter()
                async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
                    found = await reply.text()
                    assert reply.status == 200, found
                assert f"<{text}> <{text}!>" in found
                assert not streams or found.endswith("data: [DONE]\n\n")
                took.append(perf_counter() - began)
                turn += 1

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return took
