"""The schema of events: what it says is what is written, read, documented, shown and exported."""

from __future__ import annotations

import gzip
import io
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from attrs import NOTHING, Attribute, fields, has
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.trace import events, export
from rlmlang.trace.codec import from_data, to_data
from rlmlang.trace.events import (
    KINDS,
    STATUSES,
    ArgumentPreview,
    CallEvent,
    CallStatus,
    Count,
    Dollars,
    Event,
    EventError,
    EventText,
    InputSummary,
    ProgramText,
    PromptMessage,
    Scalars,
    Seconds,
    Version,
    description,
)
from rlmlang.trace.history import history_of
from rlmlang.trace.html import write_html
from tests.support import traces
from tests.support.places import ROOT

PARTS = (EventError, ProgramText, InputSummary, PromptMessage, ArgumentPreview)

CLASSES = [*KINDS.values(), *PARTS]


def annotated(cls: type[Any]) -> list[tuple[Attribute[Any], Any]]:
    """The fields of a class, with their types."""
    types = get_type_hints(cls, include_extras=True)
    return [(each, types[each.name]) for each in fields(cls)]


# docs/trace.md ---------------------------------------------------------------------


def type_name(type_: Any) -> str:
    """What the document calls a type."""
    inner = get_args(type_)
    if get_origin(type_) in (Union, UnionType):
        return f"{type_name(inner[0])} or null"
    if get_origin(type_) is list:
        return f"list of {type_name(inner[0])}"
    if get_origin(type_) is tuple:
        return f"[{', '.join(map(type_name, inner))}]"
    if get_origin(type_) is dict:
        return f"object of {type_name(inner[1])}"
    if has(type_):
        return f"[{anchor(type_)}](#{anchor(type_)})"
    if type_ == CallStatus:
        return "string"
    return {str: "string", bool: "boolean"}.get(type_) or str(type_.__metadata__[0])


def anchor(cls: type[Any]) -> str:
    """The name of a part of events in the document."""
    return {EventError: "error", ProgramText: "program", InputSummary: "input"}.get(cls) or cls.__name__.removesuffix(
        "Preview"
    ).removeprefix("Prompt").lower()


def default(attribute: Attribute[Any]) -> str:
    """What a reader takes for a field that is absent."""
    if attribute.default is NOTHING:
        return "required"
    value = attribute.default.factory() if hasattr(attribute.default, "factory") else attribute.default
    if has(type(value)):
        return "an empty one"
    return f"`{json.dumps(value)}`"


def events_section() -> str:
    """The tables of the document."""
    parts = [f"Version {events.VERSION} of the schema.\n\n"]
    for cls in CLASSES:
        title = f"`{cls.kind}`" if cls in KINDS.values() else anchor(cls)
        about = " ".join((cls.__doc__ or "").split())
        parts.append(f"#### {title}\n\n{about}\n\n| field | type | if absent | meaning |\n|---|---|---|---|\n")
        for attribute, type_ in annotated(cls):
            parts.append(
                f"| `{attribute.name}` | {type_name(type_)} | {default(attribute)} | {description(attribute)} |\n"
            )
        parts.append("\n")
    return "".join(parts)


def test_the_document_lists_every_field(request: pytest.FixtureRequest) -> None:
    """`pytest --update-golden` writes the tables anew."""
    path = ROOT / "docs" / "trace.md"
    text = path.read_text(encoding="utf-8")
    head, start, rest = text.partition("<!-- events -->\n")
    _, end, tail = rest.partition("<!-- end -->\n")
    assert start
    assert end
    expected = f"{head}{start}{events_section()}{end}{tail}"
    if request.config.getoption("--update-golden"):
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("cls", CLASSES)
def test_fields_have_descriptions_and_classes_sentences(cls: type[Any]) -> None:
    assert (cls.__doc__ or "").rstrip().endswith(".")
    for attribute in fields(cls):
        assert description(attribute), attribute.name
        assert "\n" not in description(attribute)


# What is written is read ---------------------------------------------------------------


TEXTS = st.text(max_size=4)
COUNTS = st.integers(0, 2**53 - 1)
NUMBERS = st.floats(0, 2**32, exclude_max=True)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS, EventText: TEXTS, bool: st.booleans(), Count: COUNTS, Seconds: NUMBERS, Dollars: NUMBERS,
    Version: COUNTS | TEXTS, Scalars: st.dictionaries(TEXTS, st.none() | COUNTS | TEXTS), CallStatus: st.sampled_from(STATUSES),
}  # fmt: skip


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Values of a type of the schema."""
    inner = get_args(type_)
    if type_ in SCALARS:
        return SCALARS[type_]
    if has(type_):
        return instances(type_)
    if get_origin(type_) is list:
        return st.lists(values(inner[0]), max_size=3)
    if get_origin(type_) is tuple:
        return st.tuples(*map(values, inner))
    if get_origin(type_) is dict:
        return st.dictionaries(TEXTS, values(inner[1]), max_size=3)
    return st.none() | values(inner[0])


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{attribute.name: values(type_) for attribute, type_ in annotated(cls)})


@given(st.one_of(map(instances, KINDS.values())))
def test_what_is_written_is_read(event: Event) -> None:
    data = json.loads(json.dumps(to_data(event)))
    again = from_data(data, type(event))
    assert to_data(again) == to_data(event)


@given(st.one_of(map(instances, KINDS.values())))
def test_fields_are_written_in_the_order_of_the_schema(event: Event) -> None:
    names = [attribute.name for attribute in fields(type(event))]
    if getattr(event, "row", 0) is None:
        names.remove("row")
    assert list(to_data(event)) == names


def test_a_message_has_its_content_or_the_digest_of_it() -> None:
    assert to_data(PromptMessage(role="user", content="")) == {"role": "user", "content": ""}
    assert to_data(PromptMessage(role="system", digest="ab")) == {"role": "system", "digest": "ab"}


def test_a_field_that_is_absent_has_its_default_and_unknown_ones_are_ignored() -> None:
    assert to_data(from_data({"id": 3, "mood": "fine"}, CallEvent)) == to_data(CallEvent(id=3))


# Nothing else lists the fields ---------------------------------------------------------


def marked(type_: Any, mark: str, number: int) -> Any:
    """A value that is found again in what is made of it."""
    inner = get_args(type_)
    if type_ in (str, EventText, Version):
        return mark
    if type_ == CallStatus:
        return "failed"
    if type_ in (Count, Seconds, Dollars):
        return number
    if has(type_):
        return {
            attribute.name: marked(each, f"{mark}.{attribute.name}", number) for attribute, each in annotated(type_)
        }
    if get_origin(type_) in (Union, UnionType):
        return marked(inner[0], mark, number)
    if get_origin(type_) is list:
        return [marked(inner[0], mark, number)]
    return {bool: True, Scalars: {mark: mark}}.get(type_)


def marked_log() -> Iterator[dict[str, Any]]:
    """A log in which each string field says what it is."""
    for kind, cls in KINDS.items():
        event = {"kind": kind} | {
            attribute.name: value
            for attribute, type_ in annotated(cls)
            if (value := marked(type_, f"{kind}.{attribute.name}", 1_000)) is not None
        }
        changes: dict[str, Any] = {
            "run": {"version": 1, "inputs": {"x": {"type": "run.inputs", "size": 1, "preview": "run.inputs"}}},
            "call": {"parent": None},
            "generation": {"prompt": [{"role": "generation.prompt", "content": "generation.prompt"}]},
        }
        yield event | changes.get(kind, {})


STRINGS = [
    f"{kind}.{attribute.name}"
    for kind, cls in KINDS.items()
    for attribute, type_ in annotated(cls)
    if kind not in ("text", "hit") and "str" in str(type_) and type_ != CallStatus
]


@pytest.fixture(scope="module")
def page() -> str:
    """The data of a page."""
    file = io.StringIO()
    write_html(history_of(marked_log()), file)
    packed = re.findall(r'type="application/octet-stream" id="[^"]*">([^<]*)<', file.getvalue())
    return "".join(gzip.decompress(b64decode(each)).decode() for each in packed)


@pytest.mark.parametrize("mark", STRINGS)
def test_the_page_has_every_string_field(mark: str, page: str) -> None:
    assert mark in page


@pytest.mark.parametrize(
    "mark",
    [mark for mark in STRINGS if not mark.startswith("end.") and mark not in ("run.inputs", "run.limits")],
)
def test_spans_have_every_string_field(mark: str) -> None:
    """But for objects of the run."""
    (whole,) = export.otlp(history_of(marked_log()))
    assert mark in json.dumps(whole)


def test_old_logs_are_read() -> None:
    """Such as those from before `opening` was added."""
    event = next(event for event in traces.events(4) if event["kind"] == "generation")
    assert "opening" not in event
    history = history_of(traces.events(4))
    assert {each.opening for call in history.calls for each in call.generations} == {""}
