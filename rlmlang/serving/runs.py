"""`/runs/ID`: the page of a run: its calls while it goes on, the trace viewer afterwards."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from aiohttp import web

from rlmlang.calls.prices import money
from rlmlang.errors import RequestError
from rlmlang.serving.answers import streaming
from rlmlang.serving.service import CLIENT, SERVICE, ServedRun, Service
from rlmlang.storage.store import Store
from rlmlang.trace.history import history_of
from rlmlang.trace.html import write_html
from rlmlang.trace.log import read_events
from rlmlang.trace.progress import Progress, Subtree, duration

EVERY = 0.5
"""Seconds between two pictures of a run that goes on."""

SHOWN = 8
"""How many running calls are shown one by one."""

_FOLDER = Path(__file__).parent / "pages"


async def page(request: web.Request) -> web.Response:
    """Return the page of a run. Raises RequestError E703 unless it is the client's own."""
    service, id = request.app[SERVICE], request.match_info["id"]
    run = _visible(request)
    if run is not None and not run.ended.is_set():
        return _live_page()
    async with service.drawing:
        text = await asyncio.to_thread(_trace_page, service, run, id)
    return web.Response(text=text, content_type="text/html", headers={"X-Frame-Options": "DENY"})


async def events(request: web.Request) -> web.StreamResponse:
    """Stream pictures of a run until it has ended. Raises RequestError E703 unless it is the client's own."""
    service, run = request.app[SERVICE], _visible(request)
    async with streaming(request) as stream:
        while run is not None and not run.ended.is_set() and not service.stopping.is_set():
            await stream.send(picture(run))
            await _first_of(run.ended, service.stopping)
        if run is None or run.ended.is_set():
            await stream.send({}, "end")
    return stream.response


async def _first_of(*signs: asyncio.Event) -> None:
    """Wait until one of the events is set, or it is time for another picture."""
    waiting = [asyncio.ensure_future(each.wait()) for each in signs]
    try:
        await asyncio.wait(waiting, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


def _visible(request: web.Request) -> ServedRun | None:
    """Return the run if it is known here, else None: it may be in the store. Raises RequestError E703."""
    service: Service = request.app[SERVICE]
    id = request.match_info["id"]
    if not request[CLIENT].owns(id):
        raise _no_run(id)
    run = service.runs.get(id)
    if run is None and service.store is None:
        raise _no_run(id)
    return run


def _no_run(id: str) -> RequestError:
    return RequestError.of("E703", f"there is no run {id[:40]!r}", hint="the address of a run is in its answer")


def _trace_page(service: Service, run: ServedRun | None, id: str) -> str:
    """Return the trace viewer with a run, in a thread of its own. Raises RequestError E703, UsageError."""
    if run is not None and run.log:
        return _viewer(iter(run.log), id)
    assert service.settings.place is not None
    with Store(service.settings.place) as store:  # connections are of one thread
        if not any(row.id == id for row in store.runs(id)):
            raise _no_run(id)
        return _viewer(store.events(id), id)


def _viewer(log: Iterator[str], id: str) -> str:
    page = StringIO()
    write_html(history_of(read_events(log, f"the run {id}")), page)
    return page.getvalue()


# While it goes on ------------------------------------------------------------------


def _live_page() -> web.Response:
    """Return the page that follows a run. It takes every text of the run as text, and may ask this server alone."""
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("live.css", "live.js"))
    text = (_FOLDER / "live.html").read_text(encoding="utf-8").replace("{style}", style).replace("{script}", script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type="text/html", headers=headers)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def picture(run: ServedRun) -> dict[str, Any]:
    """Return the state of a run as JSON data, without secrets."""
    progress, trace = run.progress, run.trace
    seconds = progress.seconds
    progress.sample(seconds)
    usage = trace.usage
    data = {
        "title": run.title,
        "seconds": seconds,
        "counts": progress.counts(),
        "asked": usage.calls,
        "read": usage.prompt_tokens,
        "written": usage.completion_tokens,
        "money": money(usage.cost) if usage.cost else "",
        "speed": round(progress.tokens_per_second, 1),
        "to_go": progress.to_go(),
        "left": [{"text": text, "share": share} for text, share in progress.left(seconds)],
        "tree": _branches(progress, progress.root),
        "running": [
            {"text": record.instruction[:200], "for": duration(max(0.0, seconds - record.started))}
            for record in progress.running()[:SHOWN]
        ],
    }
    clean: dict[str, Any] = trace.redactor.data(data)
    return clean


def _branches(progress: Progress, above: Subtree) -> list[dict[str, Any]]:
    """Return the lines that make calls below one, each with those below it; `PLACES` bounds how many there are."""
    running = progress.running_by_branch()
    return [
        {
            "within": branch.within or "the value",
            "line": branch.line,
            "asked": branch.asked,
            "ended": branch.ended.total(),
            "running": running[branch],
            "failed": branch.ended["failed"],
            "memo": branch.ended["stored"] + branch.hits,
            "latest": branch.latest[:200],
            "below": _branches(progress, branch),
        }
        for branch in above.below.values()
    ]
