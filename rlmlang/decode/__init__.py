"""Constrain a model to the language: constraints, token masks, and grammar texts for servers.

The public names are `Constraint`, `Matcher`, `Vocabulary`, `grammar_text` and, where torch is installed,
`LogitsProcessor`. Each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "Constraint": "constraint",
    "LogitsProcessor": "processor",
    "Matcher": "matcher",
    "Vocabulary": "vocabulary",
    "grammar_text": "grammars.lark_text",
}

__all__ = ["Constraint", "LogitsProcessor", "Matcher", "Vocabulary", "grammar_text"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
