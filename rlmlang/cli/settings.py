"""`rlmlang.toml`, in the current folder or one above it: the model, the store and limits.

    model = "smollm2"
    store = "answers.db"      # or false, for none
    allow = ["https://api.openai.com"]      # the only servers that may be asked

    [limits]
    max_calls = 200
    max_seconds = "none"      # no limit

Paths in it start from its folder. Options given on the command line go before it. The file may
have come with a folder of somebody else's, so it can restrict what the user does, and little else:
it sends no key to a server, and runs no Python, that the user has not named.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any, Literal

from attrs import field, fields_dict, frozen

from rlmlang.budget import Limits
from rlmlang.errors import UsageError

FILE = "rlmlang.toml"

Limit = int | float | None


@frozen
class Settings:
    model: str | None = None
    store: str | Path | Literal[False] | None = None
    """None is the default store, False none."""
    allow: tuple[str, ...] | None = None
    """The servers that may be asked; None for any."""
    limits: Mapping[str, Limit] = field(factory=dict)


def find_settings() -> Settings:
    """The settings of the nearest `rlmlang.toml`. Raises UsageError E607."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return read_settings(folder / FILE)
    return Settings()


def read_settings(path: Path) -> Settings:
    """The settings in a file. Raises UsageError E607."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError.of("E607", f"{path}: {error}") from error
    _refuse_unknown(path, data, ("model", "store", "allow", "limits"))
    model, store, limits = data.get("model"), data.get("store"), data.get("limits", {})
    allow = data.get("allow")
    if not isinstance(model, str | None):
        raise UsageError.of("E607", f"{path}: model is a name, such as 'smollm2'")
    if store is not None and store is not False and not isinstance(store, str):
        raise UsageError.of("E607", f"{path}: store is a path, or false for none")
    if allow is not None and not (isinstance(allow, list) and all(isinstance(each, str) for each in allow)):
        raise UsageError.of("E607", f"{path}: allow is a list of addresses, such as ['https://api.openai.com']")
    if not isinstance(limits, dict):
        raise UsageError.of("E607", f"{path}: limits is a table: [limits]")
    _refuse_unknown(path, limits, tuple(fields_dict(Limits)))
    try:
        values = {name: limit(name, value) for name, value in limits.items()}
    except ValueError as error:
        raise UsageError.of("E607", f"{path}: {error}") from error
    return Settings(
        _from_folder(model, path.parent) if model else None,
        _place(store, path.parent),
        None if allow is None else tuple(allow),
        values,
    )


def _place(store: Any, folder: Path) -> Any:
    """A store's path, made to start from the folder of the settings; or its URL."""
    return folder / store if isinstance(store, str) and "://" not in store else store


def limit(name: str, value: Any) -> Limit:
    """The value of a limit, from a number or its text; `none` is no limit. Raises ValueError."""
    kind = str(fields_dict(Limits)[name].type)
    seconds, optional = "float" in kind, "None" in kind
    least = 1 if name in ("concurrency", "max_answer_tokens") else 0
    if value == "none" and optional:
        return None
    try:
        number: float = float(value) if seconds else int(str(value))
    except (ValueError, TypeError):
        number = -1
    if isinstance(value, bool) or not least <= number < inf:
        wanted = "a number of seconds" if seconds else f"a whole number from {least}"
        raise ValueError(f"{name} is {wanted}{' or none' if optional else ''}, not {value!r}")
    return number


def _from_folder(model: str, folder: Path) -> str:
    """The model's name with a path in it made to start from the folder of the settings."""
    kind, colon, rest = model.partition(":")
    return f"{kind}:{folder / rest}" if colon and kind in ("scripted", "gguf") else model


def _refuse_unknown(path: Path, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
            raise UsageError.of("E607", f"{path}: unknown key {name}", hint=hint)
