"""The pages of runs: what they say, who may see them, and how they look in a real Chromium."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlmlang.models.base import Request
from rlmlang.serving.service import ServerSettings
from tests.support import browser
from tests.support.browser import Browser
from tests.support.fakes import Held
from tests.support.needed import need
from tests.support.serving import Served, served
from tests.support.waiting import until

pytestmark = pytest.mark.heavy

HOSTILE = "<img src=x onerror=alert(1)>"


def model(request: Request) -> Any:
    if request.level == 1:
        return f"""
names = ["a", "b", "c", {HOSTILE!r}]
found = [CALL(f"Look at {{name}}", name) for name in names]
return "; ".join(found)
"""
    return f"seen {request.arguments[0][1]}"


class Asked:
    """A question that is being answered by a model whose calls wait."""

    def __init__(self, server: Served, held: Held, question: str = "What do they say?") -> None:
        self.server, self.held = server, held
        self.answer: Any = None
        self.thread = threading.Thread(target=self._ask, args=[question])
        self.thread.start()
        until(lambda: bool(held.running))

    def _ask(self, question: str) -> None:
        self.answer = self.server.chat(question)

    @property
    def page(self) -> str:
        (id,) = (run.id for run in self.server.service.runs.values() if not run.ended.is_set())
        return f"/runs/{id}"

    def go_on(self, *names: str) -> None:
        """Let the calls with these words in them, or all that wait, be answered."""
        waiting = [each for each in self.held.running if not names or any(name in each for name in names)]
        self.server.inside(lambda: self.held.let_go(*waiting))
        until(lambda: not self.held.running & set(waiting))


@pytest.fixture
def held() -> Held:
    return Held(model)


@pytest.fixture(params=["kept in memory", "kept in a store"])
def server(request: pytest.FixtureRequest, held: Held, tmp_path: Path) -> Iterator[Served]:
    place = None if request.param == "kept in memory" else tmp_path / "store.db"
    with served(ServerSettings(model=held, place=place)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(None not in browser.programs(), "chromium chromium-driver")
    with browser.browser() as session:
        yield session


def opened(chromium: Browser, url: str, width: int = 1300) -> None:
    device = {"width": width, "height": 760, "deviceScaleFactor": 1, "mobile": False}
    chromium.command("Emulation.setDeviceMetricsOverride", **device)
    chromium.send("POST", "/url", url=url)


def kept(chromium: Browser, name: str) -> None:
    """Keep a picture of the page, if someone wants to look at it."""
    if folder := os.environ.get("RLMLANG_PICTURES"):
        chromium.picture(Path(folder) / f"{name}.png")


def test_a_run_is_followed_and_then_shown(server: Served, held: Held, chromium: Browser) -> None:
    chromium.log("performance")  # what came before
    asked = Asked(server, held)
    asked.go_on()
    until(lambda: len(held.running) == 4)
    page = asked.page
    opened(chromium, server.url + page)
    chromium.wait("document.querySelectorAll('#running li').length === 5")
    assert chromium.text("#title") == "What do they say?"
    assert "running5" in chromium.text("#totals")
    assert "0/4 · 4 running" in chromium.text("#tree")
    assert HOSTILE in chromium.text("#running")
    kept(chromium, "live")
    asked.go_on("Look at a", "Look at b")
    chromium.wait("document.querySelector('#tree').textContent.includes('2/4 · 2 running')")
    opened(chromium, server.url + page, 600)
    chromium.wait("document.querySelectorAll('#running li').length === 3")
    assert chromium.run("document.documentElement.scrollWidth <= innerWidth")
    kept(chromium, "live-narrow")
    asked.go_on()
    asked.thread.join()
    until(lambda: chromium.title().endswith("trace"))  # by itself; nothing in a page outlives it
    chromium.wait("performance.getEntriesByName('ready').length")
    assert "calls5" in chromium.text("#totals")
    opened(chromium, server.url + page)
    chromium.wait("performance.getEntriesByName('ready').length")
    kept(chromium, "trace")
    assert asked.answer.status == 200
    assert asked.answer.data["rlmlang"]["trace"] == server.url + page
    assert [entry for entry in chromium.log("browser") if "favicon" not in entry["message"]] == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.log("performance")]
    asked_for = {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}
    assert all(url.startswith(server.url) for url in asked_for)
