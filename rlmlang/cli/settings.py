"""Read `rlmlang.toml` in the current folder or one above it: the model, the store, limits, prices (decision 59).

    model = "smollm2"
    writing = "turns"         # how models write programs; else what suits the model
    guidance = "style.md"     # a file in this folder, whose text is added to every prompt
    store = "answers.db"      # or false, for none
    allow = ["https://api.openai.com"]      # the only servers that may be used

    [models]
    leaf = "gguf:small.gguf"  # for direct answers; `model` does everything else

    [limits]
    max_calls = 200
    max_seconds = "none"      # no limit

    [prices."openai:gpt-*"]   # dollars a million tokens
    input = 1.25
    cached = 0.125            # for prompt tokens that the server still had; by default as `input`
    output = 10

Paths in it are relative to its folder. Options on the command line override it. The file may have
come with somebody else's folder, so it can restrict what the user does, and little else: it cannot
send a key to a server, or run Python code, that the user has not named.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from attrs import field, fields_dict, frozen

from rlmlang.calls.limits import LimitRange, Limits
from rlmlang.calls.prices import Price
from rlmlang.calls.writing import Writing
from rlmlang.cli.units import BYTES, amount
from rlmlang.errors import UsageError
from rlmlang.files import text_of

FILE = "rlmlang.toml"

Limit = int | float | None


@frozen
class Settings:
    """The contents of an `rlmlang.toml`."""

    model: str | None = None
    leaf_model: str | None = None
    """The model for direct answers; None if `model` gives them too."""
    writing: Writing | None = None
    guidance: Path | None = None
    """The file of what models are told with every prompt."""
    store: Path | Literal[False] | None = None
    """None is the default store, False no store."""
    store_limit: int | None = None
    """The greatest size of the store in bytes; the least recently used answers are removed first."""
    allow: tuple[str, ...] | None = None
    """The servers that may be used; None for any."""
    limits: Mapping[str, Limit] = field(factory=dict)
    prices: Mapping[str, Price] = field(factory=dict)


def find_settings() -> Settings:
    """Return the settings of the nearest `rlmlang.toml`. Raises UsageError E607."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return read_settings(folder / FILE)
    return Settings()


def read_settings(path: Path) -> Settings:
    """Return the settings in a file. Raises UsageError E607."""
    try:
        data = tomllib.loads(text_of(path.read_bytes()))
    except OSError as error:
        raise UsageError.of("E607", f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError.of("E607", f"{path}: {error}") from error
    _refuse_unknown(
        path, data, ("model", "models", "writing", "guidance", "store", "store_limit", "allow", "limits", "prices")
    )
    model, store, limits = data.get("model"), data.get("store"), data.get("limits", {})
    allow = data.get("allow")
    if not isinstance(model, str | None):
        raise UsageError.of("E607", f"{path}: model is a name, such as 'smollm2'")
    models = data.get("models", {})
    if not isinstance(models, dict):
        raise UsageError.of("E607", f"{path}: models is a table: [models]")
    _refuse_unknown(path, models, ("leaf",))
    if not isinstance(leaf := models.get("leaf"), str | None):
        raise UsageError.of("E607", f"{path}: leaf in [models] is the name of a model, such as 'smollm2'")
    writing = data.get("writing")
    if writing is not None and writing not in get_args(Writing):
        raise UsageError.of("E607", f"{path}: writing is one of {', '.join(get_args(Writing))}")
    guidance = data.get("guidance")
    if not isinstance(guidance, str | None):
        raise UsageError.of("E607", f"{path}: guidance is the path of a file")
    if guidance is not None and not (path.parent / guidance).resolve().is_relative_to(path.parent.resolve()):
        hint = "name it with --guidance, if models may read it"  # the file of settings may be somebody else's
        raise UsageError.of("E607", f"{path}: guidance is a file in another folder: {guidance}", hint=hint)
    if store is not None and store is not False and not isinstance(store, str):
        raise UsageError.of("E607", f"{path}: store is a path, or false for none")
    if isinstance(store, str) and "://" in store:  # the file may have come with somebody else's folder
        raise UsageError.of(
            "E607", f"{path} names a store on a server", hint="name it with --store or in $RLMLANG_STORE"
        )
    try:
        store_limit = None if data.get("store_limit") is None else int(amount(str(data["store_limit"]), BYTES))
    except ValueError as error:
        raise UsageError.of("E607", f"{path}: store_limit is {error}") from error
    if allow is not None and not (isinstance(allow, list) and all(isinstance(each, str) for each in allow)):
        raise UsageError.of("E607", f"{path}: allow is a list of addresses, such as ['https://api.openai.com']")
    if not isinstance(limits, dict):
        raise UsageError.of("E607", f"{path}: limits is a table: [limits]")
    _refuse_unknown(path, limits, tuple(fields_dict(Limits)))
    try:
        values = {name: limit(name, value) for name, value in limits.items()}
    except ValueError as error:
        raise UsageError.of("E607", f"{path}: {error}") from error
    prices = data.get("prices", {})
    if not isinstance(prices, dict) or not all(isinstance(table, dict) for table in prices.values()):
        raise UsageError.of("E607", f'{path}: prices are tables: [prices."MODEL"]')
    return Settings(
        _from_folder(model, path.parent) if model else None,
        _from_folder(leaf, path.parent) if leaf else None,
        writing,
        path.parent / guidance if guidance else None,
        path.parent / store if isinstance(store, str) else store,
        store_limit,
        None if allow is None else tuple(allow),
        values,
        {name: _price(path, name, table) for name, table in prices.items()},
    )


def _price(path: Path, name: str, table: Mapping[str, Any]) -> Price:
    _refuse_unknown(path, table, tuple(fields_dict(Price)))
    try:
        return Price(**table)
    except TypeError as error:
        raise UsageError.of("E607", f"{path}: the price of {name} needs both `input` and `output`") from error
    except UsageError as error:
        raise UsageError.of("E607", f"{path}: the price of {name}: {error.first.message}") from error


def limit(name: str, value: Any) -> Limit:
    """Return the value of a limit, from a number or its text; `none` is no limit. Raises ValueError."""
    range_ = LimitRange.of(name)
    if value == "none" and range_.is_optional:
        return None
    try:
        number: float | None = int(str(value)) if range_.is_whole else float(value)
    except (ValueError, TypeError):
        number = None
    if isinstance(value, bool) or number is None or not range_.admits(number):
        raise ValueError(f"{name} is {range_.text('none')}, not {value!r}")
    return number


def _from_folder(model: str, folder: Path) -> str:
    """Return the model's name, with a relative path in it resolved from the folder of the settings."""
    kind, colon, rest = model.partition(":")
    return f"{kind}:{folder / rest}" if colon and kind in ("scripted", "gguf") else model


def _refuse_unknown(path: Path, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
            raise UsageError.of("E607", f"{path}: unknown key {name}", hint=hint)
