"""Files of the web, read where the user allows it: over https alone, and bounded in size and time."""

from __future__ import annotations

import re
import time
from email.message import Message
from http.client import HTTPException
from pathlib import PurePosixPath
from threading import Thread
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from rlmlang.data.places import DataPlace
from rlmlang.errors import UsageError

MAX_DOWNLOAD = 200_000_000
"""The most bytes of a download."""

MAX_SECONDS = 120.0
"""The most seconds that a download takes."""

_WAIT = 20.0
"""The most seconds between two parts of a download."""

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

_ENDINGS = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/yaml": ".yaml",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "message/rfc822": ".eml",
}
"""The ends of names that tell the form, by the type that a server says; other forms are known by their content."""


def is_address(named: str) -> bool:
    """Return whether a place is an address of the web."""
    return _ADDRESS.match(named) is not None


def downloaded(url: str, allowed: bool) -> DataPlace:
    """Return what is at an address, which is kept in memory. Raises UsageError E604, E607 where it is not allowed."""
    if not allowed:
        raise UsageError.of("E607", f"{url} is not on this machine", hint="allow it to be read: --allow-download")
    if not url.lower().startswith("https://"):
        raise UsageError.of("E607", f"{url} is not read in the clear", hint="name it with https://")
    found: list[DataPlace | Exception] = []
    end = time.monotonic() + MAX_SECONDS
    thread = Thread(target=lambda: found.append(_fetched(url, end)), daemon=True)  # headers may drip without end
    thread.start()
    thread.join(MAX_SECONDS)
    if not found:
        raise _failed(url, f"it took more than {MAX_SECONDS:g} seconds")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


class _Encrypted(HTTPRedirectHandler):
    """Follows redirects to https alone."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        if not newurl.lower().startswith("https://"):
            raise HTTPException(f"it leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _fetched(url: str, end: float) -> DataPlace | Exception:
    """Return what is at an address, or the error."""
    try:
        opener = build_opener(_Encrypted, ProxyHandler({}))
        content = bytearray()
        with opener.open(Request(url, headers={"User-Agent": "rlmlang"}), timeout=_WAIT) as answer:
            while part := answer.read(65_536):
                content += part
                if len(content) > MAX_DOWNLOAD:
                    return _failed(url, f"it has more than {MAX_DOWNLOAD:,} bytes")
                if time.monotonic() > end:
                    return _failed(url, f"it took more than {MAX_SECONDS:g} seconds")
            return DataPlace(url, None, content=bytes(content), ending=_ending(answer.url, answer.headers))
    except HTTPError as error:
        error.close()
        return _failed(url, f"the server answers {error.code} {error.reason}")
    except (OSError, HTTPException, ValueError) as error:
        return _failed(url, str(getattr(error, "reason", error)) or type(error).__name__)


def _ending(url: str, headers: Message) -> str:
    """Return the end of a file's name that tells the form: of the address, else by what the server says."""
    suffixes = PurePosixPath(unquote(urlsplit(url).path)).suffixes
    return "".join(suffixes[-2:]) or _ENDINGS.get(headers.get_content_type(), "")


def _failed(url: str, why: str) -> UsageError:
    return UsageError.of("E604", f"cannot read {url}: {why}")
