"""The schema of trace events: each kind of event is one class here, and each of its fields one attribute (decision 66).

Everything else about the format follows from these classes: how events are written and read (`codec.py`), the tables
in docs/trace.md, the history of a run and the exports. A field that is added later needs a default, which is what
readers of older logs see; `VERSION` is raised only when an event changes its meaning.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from attrs import Attribute, define, field

VERSION = 1
"""The version of the schema, which every `run` event carries."""

Count = Annotated[int, "count"]
"""An integer from 0 to 2^53 - 1, which JSON readers hold exactly."""

Seconds = Annotated[float, "seconds"]
"""A time, not negative and below 2^32: as Unix time the year 2106."""

Dollars = Annotated[float, "US dollars"]
"""An amount of money, not negative."""

EventText = Annotated[str, "string"]
"""A string that many events share, such as a role or an instruction; readers keep one copy of it."""

Version = Annotated[int | str, "integer or string"]
"""A version number or version string."""

Scalars = Annotated[dict[str, Any], "object of scalars"]
"""An object whose values are scalars; values that are not are dropped when it is read."""

CallStatus = Annotated[str, "one of `STATUSES`"]

STATUSES = ("done", "stored", "failed", "cancelled", "unfinished")
"""How calls end."""


def _about(description: str) -> dict[str, str]:
    """Return the metadata of a field: its description, as docs/trace.md shows it."""
    return {"description": description}


def description(attribute: Attribute[Any]) -> str:
    """Return the description of a field of an event."""
    text: str = attribute.metadata["description"]
    return text


# Parts of events -------------------------------------------------------------------


@define(kw_only=True)
class EventError:
    """An error: its code and its message."""

    code: EventText = field(default="", metadata=_about("diagnostic code, such as `E401`"))
    message: str = field(default="", metadata=_about("message"))


@define(kw_only=True)
class ProgramText:
    """The program of a run."""

    name: EventText = field(default="", metadata=_about("name of its source, such as a file name"))
    text: str = field(default="", metadata=_about("program text; for `complete`, the prompt"))


@define(kw_only=True)
class InputSummary:
    """The type, size and beginning of an input."""

    type: str = field(default="", metadata=_about("type"))
    size: Count | None = field(
        default=None, metadata=_about("characters of a string, items of a list or dict; null for others")
    )
    preview: str = field(default="", metadata=_about("beginning of the value"))


@define(kw_only=True)
class PromptMessage:
    """A message of a prompt. System messages are shared by many prompts, so they are logged once, as `text` events."""

    role: EventText = field(default="", metadata=_about("`system`, `user` or `assistant`"))
    digest: str | None = field(
        default=None, metadata=_about("digest of the `text` event that holds the content; absent if `content` is here")
    )
    content: str | None = field(default=None, metadata=_about("content; absent if `digest` is here"))

    @property
    def text(self) -> str:
        """The content, once a reader has found that of a digest."""
        return self.content or ""


@define(kw_only=True)
class ArgumentPreview:
    """An argument of a call."""

    name: EventText | None = field(default=None, metadata=_about("name; null if it is positional"))
    preview: str = field(default="", metadata=_about("beginning of the value"))


# Events ----------------------------------------------------------------------------


@define(kw_only=True, eq=False)
class RunEvent:
    """A run begins or is resumed."""

    kind: ClassVar[str] = "run"

    version: Count = field(metadata=_about(f"version of this schema: {VERSION}"))
    run: str = field(default="", metadata=_about("id of the run"))
    started: Seconds = field(default=0.0, metadata=_about("Unix time"))
    resumed: bool = field(default=False, metadata=_about("whether it is resumed"))
    command: str = field(default="", metadata=_about("`run`, `ask` or `complete`"))
    program: ProgramText = field(factory=ProgramText, metadata=_about("program"))
    inputs: dict[str, InputSummary] = field(factory=dict, metadata=_about("inputs by name"))
    model: str = field(default="", metadata=_about("name of the model, as the user gave it"))
    identity: str = field(default="", metadata=_about("everything about the model that can change an answer"))
    leaf_model: str | None = field(
        default=None, metadata=_about("name of the model for direct answers; null if `model` gives them too")
    )
    leaf_identity: str | None = field(default=None, metadata=_about("likewise, what `identity` is of `model`"))
    guidance: str = field(default="", metadata=_about("what the user has models told with every prompt"))
    writing: str | None = field(
        default=None, metadata=_about("how the model writes programs: `statements`, `turns` or `whole`")
    )
    limits: Scalars = field(factory=dict, metadata=_about("limits by name; null for no limit"))
    language: Version = field(default="", metadata=_about("version of the language"))
    prompts: Version = field(default="", metadata=_about("version of the prompts"))
    rlmlang: Version = field(default="", metadata=_about("version of rlmlang"))


@define(kw_only=True, eq=False)
class TextEvent:
    """A text that generations share; written before the first event that refers to it."""

    kind: ClassVar[str] = "text"

    digest: str = field(metadata=_about("16 hex digits"))
    text: str = field(metadata=_about("text: a system prompt"))


@define(kw_only=True, eq=False)
class GenerationEvent:
    """The model has generated once, or failed to."""

    kind: ClassVar[str] = "generation"

    call: Count = field(metadata=_about("id of the call"))
    attempt: Count = field(default=0, metadata=_about("number of the generation within the call, from 0"))
    prompt: list[PromptMessage] = field(factory=list, metadata=_about("messages, as the model reads them"))
    opening: str = field(default="", metadata=_about("what the engine puts before the model's text"))
    written: str = field(default="", metadata=_about("what the output continues, after the opening"))
    grammar: str | None = field(
        default=None, metadata=_about("digest of what the output was constrained to; null for free text")
    )
    output: str | None = field(default=None, metadata=_about("what the model wrote; null if it failed"))
    finish: EventText | None = field(
        default=None, metadata=_about("why the output ended: `stop`, `length` or `refusal`; null if the model failed")
    )
    started: Seconds = field(default=0.0, metadata=_about("when it was sent to the model"))
    finished: Seconds = field(default=0.0, metadata=_about("when it was answered"))
    prompt_tokens: Count = field(default=0, metadata=_about("tokens of the prompt"))
    completion_tokens: Count = field(default=0, metadata=_about("tokens of the output"))
    cached_tokens: Count = field(default=0, metadata=_about("tokens of the prompt that were in the engine's cache"))
    forced_tokens: Count = field(
        default=0, metadata=_about("tokens of the output that were not sampled, since the grammar left no choice")
    )
    cost: Dollars | None = field(
        default=None, metadata=_about("cost, as the server says or by the price; null if neither is known")
    )
    error: EventError | None = field(default=None, metadata=_about("error; null if there was none"))
    row: Count | None = field(default=None, metadata=_about("number of the row of a data set; absent elsewhere"))


@define(kw_only=True, eq=False)
class HitEvent:
    """A call was answered by an equal call that had been made or was in flight."""

    kind: ClassVar[str] = "hit"

    of: Count = field(metadata=_about("id of the equal call"))
    parent: Count | None = field(
        default=None, metadata=_about("id of the call whose program asked again; null for the program itself")
    )
    source: EventText = field(default="", metadata=_about("source that it is in"))
    line: Count = field(default=0, metadata=_about("line that it is on"))
    time: Seconds = field(default=0.0, metadata=_about("when it was asked"))
    row: Count | None = field(default=None, metadata=_about("number of the row of a data set; absent elsewhere"))


@define(kw_only=True, eq=False)
class CallEvent:
    """A call has ended."""

    kind: ClassVar[str] = "call"

    id: Count = field(metadata=_about("number of the call in the order of asking"))
    parent: Count | None = field(
        default=None, metadata=_about("id of the call whose program made it; null for the program itself")
    )
    level: Count = field(default=1, metadata=_about("depth, from 1"))
    form: EventText = field(
        default="leaf",
        metadata=_about(
            "how it is answered: `leaf` for directly, `program`, `text` for a text with calls in it, or `function` for "
            "a function of the host"
        ),
    )
    source: EventText = field(
        default="", metadata=_about("source that it is in; `<answer>` for the program of its parent")
    )
    line: Count = field(default=0, metadata=_about("line that it is on"))
    span: tuple[Count, Count] = field(default=(0, 0), metadata=_about("start and end in the source, in characters"))
    within: EventText | None = field(
        default=None, metadata=_about("function that it is in, or the binding in the program's own statements")
    )
    instruction: EventText = field(default="", metadata=_about("instruction; for a function of the host, its name"))
    arguments: list[ArgumentPreview] = field(factory=list, metadata=_about("arguments"))
    type: EventText = field(default="", metadata=_about("type of the answer"))
    key: str | None = field(
        default=None, metadata=_about("what equal calls share across runs, in hex; null if it is never shared")
    )
    status: CallStatus = field(
        default="unfinished",
        metadata=_about(
            "`done`, `stored` (answered by the store), `failed` or `cancelled`; `unfinished` is never written: readers "
            "give it to calls whose end is not in the log"
        ),
    )
    asked: Seconds = field(default=0.0, metadata=_about("when it was asked"))
    started: Seconds = field(default=0.0, metadata=_about("when its turn came"))
    finished: Seconds = field(default=0.0, metadata=_about("when it ended"))
    prompt_tokens: Count = field(default=0, metadata=_about("tokens of all its prompts"))
    completion_tokens: Count = field(default=0, metadata=_about("tokens of all its outputs"))
    cost: Dollars | None = field(
        default=None, metadata=_about("cost, as the server says or by the price; null if neither is known")
    )
    answer: str | None = field(default=None, metadata=_about("beginning of the value; null if there is none"))
    error: EventError | None = field(default=None, metadata=_about("error; null if there was none"))
    defaulted: bool = field(
        default=False, metadata=_about("whether a program took the default of its CALL, since the call failed")
    )
    program: str | None = field(
        default=None,
        metadata=_about(
            "program or text that the model wrote, a program after the declarations of its inputs; null for a leaf"
        ),
    )
    model: EventText = field(
        default="", metadata=_about("name of the model that answered it or wrote its program, whenever that was")
    )
    row: Count | None = field(default=None, metadata=_about("number of the row of a data set; absent elsewhere"))


@define(kw_only=True, eq=False)
class PrintEvent:
    """A program has ended that printed something."""

    kind: ClassVar[str] = "print"

    call: Count | None = field(
        default=None, metadata=_about("id of the call whose program it is; null for the program itself")
    )
    text: str = field(default="", metadata=_about("what it printed, in the order of the program"))
    row: Count | None = field(default=None, metadata=_about("number of the row of a data set; absent elsewhere"))


@define(kw_only=True, eq=False)
class EndEvent:
    """The run has ended."""

    kind: ClassVar[str] = "end"

    status: EventText = field(metadata=_about("`done`, `failed` or `interrupted`"))
    time: Seconds = field(default=0.0, metadata=_about("when it ended"))
    usage: Scalars = field(factory=dict, metadata=_about("what the run used, as `rlmlang run --json` prints it"))
    type: str | None = field(default=None, metadata=_about("type of the value; null if there is none"))
    value: str | None = field(default=None, metadata=_about("beginning of the value; null if there is none"))
    error: EventError | None = field(default=None, metadata=_about("error; null if there was none"))


Event = RunEvent | TextEvent | GenerationEvent | HitEvent | CallEvent | PrintEvent | EndEvent

OF_ROWS: tuple[type[Event], ...] = (GenerationEvent, HitEvent, CallEvent, PrintEvent)
"""The events that may be of a row."""

KINDS: dict[str, type[Event]] = {
    cls.kind: cls for cls in (RunEvent, TextEvent, GenerationEvent, HitEvent, CallEvent, PrintEvent, EndEvent)
}
"""The class of each kind of event, in the order in which docs/trace.md lists them."""
