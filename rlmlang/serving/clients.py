"""Who may use the server: keys, what each may spend in a day, and how many requests it may have at once.

A file of keys is TOML, with a table for each client. Its key stands there as the SHA-256 digest, or as it is:

    [alice]
    key = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    max_calls = 2000          # in a day, which begins at midnight UTC
    max_cost = 5.0            # US dollars
    max_requests = 4          # at once

Keys are compared by their digests, with all of them and in constant time, and are never written anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tomllib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from time import time
from typing import Any

from attrs import define, evolve, field, fields_dict, frozen

from rlmlang.calls.budget import Account, Usage
from rlmlang.calls.limits import LimitRange, Limits
from rlmlang.errors import RequestError, UsageError, unreadable
from rlmlang.files import HAS_OWNERS, text_of

LEAST_KEY = 16
"""The least number of characters of a key; a shorter one can be guessed."""

_DAY = 86_400
_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")


@frozen
class KeyLimits:
    """What a client may spend in a day, and its requests at once. None means no limit."""

    max_calls: int | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_cost: float | None = None
    max_seconds: float | None = None
    """Seconds that its runs take together."""
    max_requests: int | None = None
    """Requests at once."""

    def account(self) -> Account:
        """Return a new account for a day's calls, tokens and money."""
        limits = Limits(
            max_calls=self.max_calls, max_prompt_tokens=self.max_prompt_tokens,
            max_completion_tokens=self.max_completion_tokens, max_cost=self.max_cost, max_function_calls=None,
        )  # fmt: skip
        return Account(limits, Usage(cost=Decimal(0)))


@define(eq=False)
class KeyHolder:
    """Whoever holds a key; everyone, where there are no keys."""

    name: str
    digest: bytes | None = field(default=None, repr=False)
    """The SHA-256 digest of the key."""
    limits: KeyLimits = field(factory=KeyLimits)
    running: int = 0
    """Requests that are being carried out."""
    account: Account = field(init=False)
    """What has been spent today."""
    _seconds: float = 0.0
    _day: int = 0

    @account.default
    def _(self) -> Account:
        return self.limits.account()

    def new_run_id(self) -> str:  # decision 130
        """Return an id for a run that nobody can guess, and whose end shows that the run is this client's."""
        number = secrets.token_hex(8)
        return number + self._seal(number)

    def owns(self, run_id: str) -> bool:
        """Return whether this client may see a run. Without keys, whoever knows its id may."""
        return hmac.compare_digest(run_id[16:], self._seal(run_id[:16])) if self.digest else True

    def _seal(self, number: str) -> str:
        return "" if self.digest is None else hmac.new(self.digest, number.encode(), "sha256").hexdigest()[:16]

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request while it is carried out. Raises RequestError E706."""
        most = self.limits.max_requests
        if most is not None and self.running >= most:
            raise RequestError.of(
                "E706", f"{self.running} of {most} requests at once", hint="send it again in a moment"
            )
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def within(self, limits: Limits) -> Limits:
        """Return the limits of a run that begins now. Raises RequestError E707 if nothing is left for it today."""
        self._begin_day()
        usage = self.account.usage
        spent = {
            "max_calls": usage.calls,
            "max_prompt_tokens": usage.prompt_tokens,
            "max_completion_tokens": usage.completion_tokens,
            "max_cost": usage.cost or Decimal(0),
            "max_seconds": self._seconds,
        }
        for name, amount in spent.items():
            most = getattr(self.limits, name)
            if most is not None and amount >= most:
                raise RequestError.of("E707", f"the key has used up its {name}, {most:,} a day", hint=_tomorrow())
        if self.limits.max_seconds is None:
            return limits
        left = self.limits.max_seconds - self._seconds
        return evolve(limits, max_seconds=left if limits.max_seconds is None else min(left, limits.max_seconds))

    def count(self, used: Mapping[str, Any]) -> None:
        """Count what a run of today has used that was made before the server was started."""
        self._begin_day()
        usage = self.account.usage
        usage.calls += used.get("calls", 0)
        usage.prompt_tokens += used.get("prompt_tokens", 0)
        usage.completion_tokens += used.get("completion_tokens", 0)
        usage.cost = (usage.cost or Decimal(0)) + Decimal(str(used.get("cost") or 0))
        self._seconds += used.get("seconds", 0)

    def _begin_day(self) -> None:
        if (today := int(time() // _DAY)) != self._day:
            self._day, self._seconds, self.account = today, 0.0, self.limits.account()

    def ended(self, usage: Usage) -> None:
        """Count the time of a run that has ended; the rest was counted while it was spent."""
        self._seconds += usage.seconds


def midnight() -> float:
    """Return when the day of keys began, in Unix seconds."""
    return time() // _DAY * _DAY


def _tomorrow() -> str:
    return f"there is more in {(_DAY - time() % _DAY) / 3_600:.1f} hours, at midnight UTC"


@frozen
class Clients:
    """All who may use the server. Without keys there is one client, everyone."""

    by_key: tuple[KeyHolder, ...] = ()
    everyone: KeyHolder = field(factory=lambda: KeyHolder("everyone"))

    def count(self, runs: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Count what runs of today have used, by their ids, each for whose it is."""
        for id, used in runs:
            for client in self.by_key:
                if client.owns(id):
                    client.count(used)

    def of(self, authorization: str | None) -> KeyHolder:
        """Return whose key a header has, as a bearer token or as the password of a user. Raises RequestError E701."""
        if not self.by_key:
            return self.everyone
        hint = "send it as a Bearer token, in the header Authorization"
        if authorization is None:
            raise RequestError.of("E701", "the request has no key", hint=hint)
        digest = hashlib.sha256(_key_in(authorization)).digest()
        found = [client for client in self.by_key if hmac.compare_digest(client.digest or b"", digest)]
        if not found:
            raise RequestError.of("E701", "the key is none of this server's", hint=hint)
        return found[0]


def _key_in(authorization: str) -> bytes:
    """Return the key in the value of a header; empty, which no key is, if there is none."""
    scheme, _, rest = authorization.partition(" ")
    given = rest.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "bearer":
        return given
    if scheme.lower() == "basic":
        try:
            return b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            pass
    return b""


def read_keys(path: str | Path) -> Clients:
    """Return the clients in a file of keys. Raises UsageError E604, E607; no message shows a key."""
    try:
        tables = tomllib.loads(text_of(Path(path).read_bytes()))
        mode = os.stat(path).st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at .*\)", str(error))  # the rest of the message may quote a key
        raise UsageError.of("E607", f"{path} is not TOML {place[0] if place else ''}".strip()) from None
    if not tables:
        raise UsageError.of("E607", f"{path} has no keys", hint='write for each client: [NAME] and key = "sha256:…"')
    clients = tuple(_client(path, name, table) for name, table in tables.items())
    if len({client.digest for client in clients}) < len(clients):
        raise UsageError.of("E607", f"{path}: two clients have one key")
    are_plain = any(not _HASHED.fullmatch(table["key"]) for table in tables.values())
    if are_plain and HAS_OWNERS and stat.S_IMODE(mode) & 0o077:
        hint = f"chmod 600 {path}, or keep digests of keys: sha256:…"
        raise UsageError.of("E607", f"others can read the keys in {path}", hint=hint)
    return Clients(clients)


def _client(path: str | Path, name: str, table: Any) -> KeyHolder:
    """Return the client that a table describes. Raises UsageError E607."""
    if not isinstance(table, dict) or not isinstance(table.get("key"), str):
        raise UsageError.of("E607", f"{path}: [{name}] has no key", hint='write key = "sha256:…"')
    key: str = table["key"]
    if hashed := _HASHED.fullmatch(key):
        digest = bytes.fromhex(hashed[1])
    elif key.startswith("sha256:"):
        raise UsageError.of("E607", f"{path}: the digest of [{name}] is not 64 hexadecimal digits")
    elif len(key) < LEAST_KEY:
        hint = "openssl rand -hex 24 makes one"
        raise UsageError.of("E607", f"{path}: the key of [{name}] has fewer than {LEAST_KEY} characters", hint=hint)
    else:
        digest = hashlib.sha256(key.encode()).digest()
    return KeyHolder(name, digest, KeyLimits(**_limits(path, name, table)))


def _limits(path: str | Path, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits in the table of a client. Raises UsageError E607."""
    known = fields_dict(KeyLimits)
    limits = {each: value for each, value in table.items() if each != "key"}
    for each, value in limits.items():
        if each not in known:
            raise UsageError.of(
                "E607", f"{path}: [{name}] has an unknown {each}", hint=f"limits are {', '.join(known)}"
            )
        range_ = LimitRange.of("max_calls" if each == "max_requests" else each)
        if not range_.admits(value):
            raise UsageError.of("E607", f"{path}: {each} of [{name}] is {range_.about}")
    return limits
