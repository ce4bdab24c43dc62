"""Read the options in the names of models: `kind:REST?ctx=4096&seed=1`."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from attrs import asdict, field, fields

from rlmlang.errors import UsageError

SAMPLE_TEMPERATURE = 0.8
"""The temperature of the samples after the first, where the model's own temperature is 0."""

AT = "@(?=https?://)"
"""The regular expression of the separator between a model and its address."""


def usual_address(variable: str, address: str) -> str:
    """Return the address in an environment variable, where one may be and is set, else another."""
    return (os.environ.get(variable, "").strip().rstrip("/") if variable else "") or address


OptionsT = TypeVar("OptionsT", bound=Any)
"""A frozen attrs class, each of whose fields is an option."""

_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "float | None": float,
    "str": str,
    "str | None": str,
    "bool": {"true": True, "false": False}.__getitem__,
}


def at_least(minimum: float, default: Any) -> Any:
    """Return a field for a number with a minimum; other fields have the minimum 0."""
    return field(default=default, metadata={"minimum": minimum})


def one_of(*words: str) -> Any:
    """Return a field for one of some words; the first is the default."""
    return field(default=words[0], metadata={"words": words})


def read_options(defaults: OptionsT, query: str, name: str) -> OptionsT:
    """Return the options in the query of a name. Raises UsageError E607."""
    known = {each.name: each for each in fields(type(defaults))}
    given = asdict(defaults)
    for written, text in parse_qsl(query, keep_blank_values=True):
        key = written.replace("-", "_")
        if key not in known:
            raise UsageError.of(
                "E607", f"unknown option `{written}` in `{name}`", hint=f"options are {', '.join(known)}"
            )
        words = known[key].metadata.get("words")
        if words and text not in words:
            raise UsageError.of("E607", f"`{key}={text}` in `{name}`", hint=f"it is one of {', '.join(words)}")
        try:
            value = given[key] = _READERS[str(known[key].type)](text)
        except KeyError:
            raise UsageError.of("E607", f"`{key}={text}` in `{name}` is neither `true` nor `false`") from None
        except ValueError:
            raise UsageError.of("E607", f"`{key}={text}` in `{name}` is not a number") from None
        minimum = known[key].metadata.get("minimum", 0)
        if not isinstance(value, str) and not (isfinite(value) and minimum <= value < 2**31):
            raise UsageError.of("E607", f"`{key}={text}` in `{name}` is out of range")
    return type(defaults)(**given)  # type: ignore[no-any-return]
