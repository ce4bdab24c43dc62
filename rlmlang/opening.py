"""Open what a run needs: its models, by what is given for each, and its store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Union, cast

from rlmlang.calls.prices import Prices
from rlmlang.calls.roles import LEAF, Roles
from rlmlang.errors import MissingModel, UsageError
from rlmlang.language.depth import deep_recursion
from rlmlang.models.base import Capabilities, Model
from rlmlang.models.checks import check_model
from rlmlang.models.functions import FunctionModel, ModelFunction, is_function
from rlmlang.models.open_model import OpenModel
from rlmlang.models.registry import open_model
from rlmlang.storage.recording import Spec
from rlmlang.storage.store import Store, opened_aside

ModelLike = Union[Model, OpenModel, ModelFunction, str]
"""A model, an open one, a function from messages to text, or the name of a model."""

ModelsLike = Mapping[str, Union[Model, OpenModel, ModelFunction, str, None]]
"""Models by what they do, see `LEAF`."""

StoreLike = Union[Store, str, Path]
"""A store, or the path or URL of one."""


def refuse_no_model(given: object) -> None:
    """Raise UsageError E605 for what is neither a model nor None, E607 for a model that no run can use."""
    if given is None or isinstance(given, OpenModel | str) or is_function(given):
        return
    if isinstance(given, type) or not hasattr(given, "generate"):
        raise UsageError.of(
            "E605",
            f"model is a name, a function, or an object of the protocol Model, not {shown(given)}",
            hint="an example is model='smollm2'; `rlmlang models` lists the kinds of names",
        )
    check_model(given)


def model_of(given: ModelLike | None) -> tuple[Model, bool]:
    """Return the model that is meant, and whether it is opened here, so that it is to be closed again.

    Raises UsageError E604, E605, ModelError E407.
    """
    if given is None:
        return NoModel(), False
    if isinstance(given, OpenModel):
        return given.model, False
    if isinstance(given, str):
        return open_model(given), True
    if is_function(given):
        return FunctionModel(given), True
    refuse_no_model(given)
    return cast(Model, given), False


def leaf_of(models: ModelsLike | None) -> ModelLike | None:
    """Return the model for direct answers among models by what they do.

    Raises UsageError E607 for what is no such mapping, and what `refuse_no_model` raises.
    """
    if not isinstance(models, Mapping | None):
        raise UsageError.of("E607", f"models is a mapping such as {{'leaf': 'smollm2'}}, or None, not {shown(models)}")
    for name in models or ():
        if name != LEAF:
            near = get_close_matches(str(name), [LEAF], 1)
            hint = f"did you mean `{LEAF}`?" if near else f"`{LEAF}` answers directly; model=… does everything else"
            raise UsageError.of("E607", f"there is no model for `{name}`", hint=hint)
    leaf = (models or {}).get(LEAF)
    refuse_no_model(leaf)
    return leaf


@asynccontextmanager
async def opened(
    model: ModelLike | None, leaf: ModelLike | None, store: StoreLike | None
) -> AsyncIterator[tuple[Model, Model | None, Store | None]]:
    """Open the model of a run, the one for direct answers, None if that is the same, and the store.

    What is opened here is closed again. Raises UsageError, ModelError.
    """
    async with AsyncExitStack() as stack:

        def engine(given: ModelLike | None) -> Model:
            found, is_own = model_of(given)
            if is_own:
                stack.push_async_callback(found.aclose)
            check_model(found)
            return found

        main = engine(model)
        other = None if leaf is None or leaf == model else engine(leaf)
        kept = None if store is None else await stack.enter_async_context(asked_in_loop(store))
        with deep_recursion:
            yield main, None if other is main else other, kept


@contextmanager
def opened_to_count(model: ModelLike, leaf: ModelLike | None, prices: Prices | None) -> Iterator[Roles]:
    """Open models whose prompts are counted and priced. Raises UsageError, ModelError."""
    with ExitStack() as stack:

        def engine(given: ModelLike) -> Model:
            found, is_own = model_of(given)
            return stack.enter_context(OpenModel(found)).model if is_own else found

        yield Roles.of(engine(model), None if leaf is None else engine(leaf), prices)


@asynccontextmanager
async def opened_again(
    spec: Spec, model: ModelLike | None, leaf: ModelLike | None
) -> AsyncIterator[tuple[ModelLike, ModelLike | None]]:
    """The models to resume a run with, each that of the run unless another is given."""
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(_again(spec.model, spec.identity, model, "the model", "model=…"))
        if leaf is not None or spec.leaf_model is not None:
            name, identity = spec.leaf_model or "", spec.leaf_identity or NoModel.identity
            how = f"models={{'{LEAF}': …}}"
            leaf = await stack.enter_async_context(_again(name, identity, leaf, "the model for direct answers", how))
        yield main, leaf


@asynccontextmanager
async def _again(name: str, identity: str, given: ModelLike | None, what: str, how: str) -> AsyncIterator[ModelLike]:
    """A model of a recorded run. A function of the name that the run's had is taken for the same."""
    if given is None and identity == NoModel.identity:
        yield NoModel()
        return
    if given is None and json.loads(identity).get("kind") == "function":
        raise MissingModel.of("E605", f"{what} of the run was the function {name}", hint=f"give it: {how}")
    if not is_function(given):
        yield name if given is None else given
        return
    own = FunctionModel(given)
    if own.name == name:
        own.identity = identity
    try:
        yield own
    finally:
        await own.aclose()


@contextmanager
def stored_in(store: StoreLike) -> Iterator[Store]:
    """The store that is given, or the one in a place, which is closed again."""
    if isinstance(store, Store):
        yield store
    else:
        with Store(store) as own:
            yield own


@asynccontextmanager
async def asked_in_loop(store: StoreLike) -> AsyncIterator[Store]:
    """The store that is given, or the one in a place, which is closed again, with its connections for this event loop.

    A store over a network is opened and closed without blocking the event loop.
    """
    kept = store if isinstance(store, Store) else await opened_aside(store)
    has_failed = True
    try:
        async with kept.connected():
            yield kept
        has_failed = False
    finally:
        if kept is not store:
            with suppress(UsageError) if has_failed else nullcontext():  # it may be the store that has failed
                await kept.aside(kept.close)


class NoModel:
    """The model of a run that is given none: programs without a CALL need no other."""

    name = "none"
    identity = "none"
    context = 1
    concurrency = 1
    capabilities = Capabilities(free=True)

    def count_tokens(self, request: object) -> int:
        raise MissingModel.of("E605", "the program makes a CALL, and no model is given", hint="give one: model=…")

    async def generate(self, request: object) -> Any:
        raise AssertionError("a prompt is counted before it is sent")

    async def aclose(self) -> None:
        pass
