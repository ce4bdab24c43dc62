"""Secrets taken out of what is shown or written: errors, warnings, traces (decisions 61 and 90).

Done where text leaves the process, since what others raise may hold anything. Values of a program
and rows of the store are left as they are: they are data.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

GONE = "[redacted]"

LEAST = 8
"""Characters of a secret that is known by its value; fewer may stand in any text by chance."""

_NAMES = re.compile(r"(^|_)(KEY|TOKEN|PAT)$|(SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY)$", re.IGNORECASE)
"""Of variables of the environment whose values are secrets."""

_BEGINNINGS = (
    "sk-", "gsk_", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "akia", "aiza", "xox", "eyj",
)  # fmt: skip

_FORMS = (
    # a name and password in an address: //user:password@host
    (("://",), re.compile(r"(?<=://)[^\s/?#@\"'<>]+@"), GONE + "@"),
    # a parameter of an address or a form; but not `key=NAME`, which names a variable
    (
        ("=",),
        re.compile(
            r"([?&;](?i:api[-_]?key|key|(?:access|auth|refresh|id)?[-_]?token|secret|password|passwd|pwd|sig|signature)=)"
            r"(?![A-Z_][A-Z0-9_]*(?![^\s&;#\"'`<>]))[^\s&;#\"'`<>]+"
        ),
        r"\1" + GONE,
    ),
    # headers
    (
        ("authorization", "api-key"),
        re.compile(r"(?i)\b(authorization|api-key)([\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;]+"),
        r"\1\2" + GONE,
    ),
    (("bearer",), re.compile(r"(?i)\b(bearer)\s+(?=\S*[0-9])[A-Za-z0-9._~+/=-]{8,}"), r"\1 " + GONE),
    # keys that tell what they are by how they begin
    (
        _BEGINNINGS,
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}|hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{16,}"
            r"|github_pat_\w{16,}|glpat-[\w-]{16,}|AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}"
            r"|(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+)"
        ),
        GONE,
    ),
)
"""What secrets look like: texts (in small letters) one of which stands in any text that has one, the form, and what
is put in its place. Most texts have none, and searching for a fixed text takes little."""

_known: set[str] = set()


def know(secret: str) -> None:
    """Have a secret that was read from somewhere taken out from now on, if it is of `LEAST` characters."""
    if len(secret) >= LEAST:
        _known.add(secret)


def redacted(text: str) -> str:
    """The text without secrets: those known, those in the environment, and what looks like one."""
    return redactor()(text)


def redactor() -> Callable[[str], str]:
    """`redacted` for many texts: the environment is looked at once."""
    values = {value for name, value in os.environ.items() if _NAMES.search(name) and len(value) >= LEAST} | _known
    values |= {json.dumps(value, ensure_ascii=False)[1:-1] for value in values}  # as JSON text has them
    longest_first = sorted(values, key=len, reverse=True)

    def redact(text: str) -> str:
        for value in longest_first:
            text = text.replace(value, GONE)
        small = text.lower()
        for marks, form, instead in _FORMS:
            if any(mark in small for mark in marks):
                text = form.sub(instead, text)
        return text

    return redact


def redacted_data(data: Any, redact: Callable[[str], str] | None = None) -> Any:
    """JSON data whose texts are redacted. `redact` is a `redactor()` that serves many."""
    redact = redact or redactor()
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, dict):
        return {key: redacted_data(value, redact) for key, value in data.items()}
    if isinstance(data, list):
        return [redacted_data(value, redact) for value in data]
    return data
