"""Take secrets out of what is shown or written: errors, warnings, traces (decisions 61 and 90).

This is done where text leaves the process, since what others raise may contain anything. Values of a program
and rows of the store are left as they are: they are data. The secrets of a model, such as its API key, are
known to the redactor of the run that uses it (`models/base.py`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any

GONE = "[redacted]"

LEAST = 8
"""The least length of a secret that is known by its value; a shorter one may be in any text by chance."""

_NAMES = re.compile(r"(^|_)(KEY|TOKEN|PAT)$|(SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY)$", re.IGNORECASE)
"""The names of environment variables whose values are secrets."""

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
    # keys with a known prefix
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
"""What secrets look like: fixed texts (in lower case) of which any text with such a secret contains one, the pattern,
and the replacement. Most texts contain none of the fixed texts, and searching for those is fast."""


class Redactor:
    """Replaces secrets in texts: those that are given, those in the environment now, and what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for name, value in os.environ.items() if _NAMES.search(name)} | set(secrets)
        values = {value for value in values if len(value) >= LEAST}
        values |= {json.dumps(value, ensure_ascii=False)[1:-1] for value in values}  # as JSON text has them
        self._longest_first = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        for value in self._longest_first:
            text = text.replace(value, GONE)
        small = text.lower()
        for marks, form, instead in _FORMS:
            if any(mark in small for mark in marks):
                text = form.sub(instead, text)
        return text

    def data(self, data: Any) -> Any:
        """Return JSON data with the secrets taken out of its texts."""
        if isinstance(data, str):
            return self(data)
        if isinstance(data, dict):
            return {key: self.data(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.data(value) for value in data]
        return data
