"""Recorded runs: find one in a store, and read what it takes to run it again."""

from __future__ import annotations

from attrs import fields_dict

from rlmlang.calls.host_functions import HostFunction
from rlmlang.calls.keys import LANGUAGE_VERSION
from rlmlang.calls.prompt import PROMPT_VERSION
from rlmlang.errors import AnswerNotStored, ModelError, RunNotFound, UsageError
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.storage.recording import Spec
from rlmlang.storage.store import RunRow, Store


def find_run(store: Store, prefix: str) -> RunRow:
    """Return the one run whose id has this prefix; `last` is the latest. Raises UsageError E610."""
    rows = store.runs()[:1] if prefix == "last" else store.runs(prefix) if prefix else []
    if len(rows) == 1:
        return rows[0]
    what = f"no run {prefix!r}" if not rows else f"{len(rows):,} runs begin with {prefix!r}"
    raise RunNotFound.of("E610", f"{what} in {store.name}")


def read_spec(row: RunRow) -> Spec:
    """Return what it takes to run a program again. Raises UsageError E610 if this rlmlang cannot."""
    names = fields_dict(Spec)
    try:
        spec = Spec(**{name: value for name, value in row.spec.items() if name in names})
    except TypeError as error:
        raise UsageError.of("E610", f"the record of the run {row.id} is incomplete") from error
    if spec.command == "complete":
        raise UsageError.of(
            "E610",
            f"the run {row.id} wrote a text, and texts are not kept while they are written",
            hint="complete the prompt again; the answers of its calls are kept",
        )
    current = (LANGUAGE_VERSION, PROMPT_VERSION)
    if (spec.language, spec.prompts) != current:
        raise UsageError.of(
            "E610",
            f"the run {row.id} was made with language {spec.language} and prompts {spec.prompts}; this rlmlang "
            f"has {current[0]} and {current[1]}, so that none of its answers would be found",
            hint="run the program anew, or resume it with the version of rlmlang that began it",
        )
    return spec


class ReplayModel:
    """The model of a replay: it answers nothing, so that all answers come from the store."""

    context = 2**31
    concurrency = 16

    def __init__(self, name: str, identity: str, recursive: bool = False) -> None:
        self.name = name
        self.identity = identity
        self.capabilities = Capabilities(free=True, recursive=recursive)

    @classmethod
    def leaf(cls, spec: Spec) -> ReplayModel | None:
        """Return the model for direct answers of a recorded run, if it had one of its own."""
        return None if spec.leaf_model is None else cls(spec.leaf_model, spec.leaf_identity or "")

    def count_tokens(self, request: Request) -> int:
        raise ModelError.of(
            "E410",
            f"the replay needs an answer that is not kept: {request.instruction[:80]!r}",
            hint="resume the run to make what is missing",
        )

    async def generate(self, request: Request) -> Reply:
        raise AssertionError("a prompt is counted before it is sent")

    async def aclose(self) -> None:
        pass


def replayed_functions(spec: Spec) -> dict[str, HostFunction]:
    """Return the functions of the host of a replay, which give nothing, so that all results come from the store."""

    def replayed(name: str, version: str, volatile: bool) -> HostFunction:
        async def missing(*args: object) -> None:
            why = "is volatile, and nothing of it is kept" if volatile else "has a result that is not kept"
            hint = "resume the run to make what is missing"
            raise AnswerNotStored.of("E410", f"the replay needs the function `{name}`, which {why}", hint=hint)

        return HostFunction(missing, version, volatile)

    return {name: replayed(name, each["version"], each["volatile"]) for name, each in spec.functions.items()}
