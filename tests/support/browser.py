"""Chromium without a window, driven through chromedriver by the WebDriver protocol (decision 80)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-frame-rate-limit",
)  # fmt: skip

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011"} | {
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip


class Browser:
    """A session of WebDriver."""

    def __init__(self, server: str, session: str) -> None:
        self.session = f"{server}/session/{session}"

    def send(self, method: str, path: str, **body: Any) -> Any:
        return _send(method, self.session + path, body)

    def open(self, page: Path, width: int = 1300, height: int = 860) -> None:
        """Open a file, and wait until its script is ready."""
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **device)
        self.send("POST", "/url", url=page.as_uri())
        self.wait("performance.getEntriesByName('ready').length")

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the protocol of Chromium's own tools."""
        return self.send("POST", "/goog/cdp/execute", cmd=name, params=parameters)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of an expression of JavaScript; promises are awaited."""
        body = f"const done = arguments[arguments.length - 1]; Promise.resolve({script}).then(done)"
        return self.send("POST", "/execute/async", script=body, args=list(arguments))

    def wait(self, condition: str) -> None:
        """Wait until an expression holds; it is looked at with each frame."""
        self.run(
            f"new Promise((done) => {{ const look = () => ({condition}) ? done() : requestAnimationFrame(look); look(); }})"
        )

    def press(self, *keys: str) -> None:
        """Press keys, by name or character, as a user does."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.send("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def click(self, selector: str) -> None:
        found = self.send("POST", "/element", using="css selector", value=selector)
        self.send("POST", f"/element/{next(iter(found.values()))}/click")

    def text(self, selector: str) -> str:
        return str(self.run("document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def title(self) -> str:
        """The title of the page, which may be replaced at any moment: no script of it is waited for."""
        return str(self.send("GET", "/title"))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last look: of kind `browser` the console, of kind `performance` all that happened."""
        entries: list[dict[str, Any]] = self.send("POST", "/se/log", type=kind)
        return entries

    def picture(self, path: Path) -> None:
        path.write_bytes(b64decode(self.send("GET", "/screenshot")))


def _send(method: str, url: str, body: dict[str, Any]) -> Any:
    data = json.dumps(body).encode() if method == "POST" else None
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=300) as reply:
            return json.load(reply)["value"]
    except OSError as error:
        detail = error.read().decode()[:2_000] if hasattr(error, "read") else ""
        raise AssertionError(f"{method} {url}: {error} {detail}") from error


def programs() -> tuple[str | None, str | None]:
    """Where Chromium and its driver are, if they are installed."""
    return shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a folder of its own."""
    chromium, driver = programs()
    assert chromium is not None
    assert driver is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [driver, "--port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                assert process.stdout is not None
                port = next(found[1] for line in process.stdout if (found := re.search(r"on port (\d+)\.", line)))
                server = f"http://127.0.0.1:{port}"
                options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={folder}"]}
                required = {
                    "goog:chromeOptions": options,
                    "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                }
                made = _send("POST", f"{server}/session", {"capabilities": {"alwaysMatch": required}})
                session = Browser(server, made["sessionId"])
                session.send("POST", "/timeouts", script=240_000, pageLoad=240_000)
                session.send("POST", "/url", url="about:blank")
                session.log("performance")  # what a browser asks itself for when it starts
                try:
                    yield session
                finally:
                    session.send("DELETE", "")
            finally:
                process.terminate()
