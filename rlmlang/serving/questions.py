"""Make a question with inputs of a conversation, as clients of chat models send it.

What is short stands in the question. What is long becomes an input, of which a model that writes a program sees the
name, the size and the beginning: a file, a long message, a long conversation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from keyword import iskeyword
from pathlib import PurePath
from typing import Any

from attrs import define, field, frozen

from rlmlang.errors import ProgramError, RequestError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR, Type
from rlmlang.serving.attachments import Attachment, read_attachment
from rlmlang.serving.bodies import kind_of, member

LONG = 2_000
"""Characters from which a text is long."""

QUOTED = 500
"""Characters of the beginning and of the end of a long message that stand in the question."""

_SYSTEM = ("system", "developer")
_ROLES = (*_SYSTEM, "user", "assistant")


@define
class SentMessage:
    """A message: the texts in it, and the files."""

    role: str
    texts: list[str] = field(factory=list)
    files: list[Attachment] = field(factory=list)


@frozen
class Question:
    """What is asked of a model."""

    text: str
    inputs: Mapping[str, object]
    guidance: str
    """What system messages say, which stands in every prompt of the run."""


@frozen
class Inputs:
    """The inputs of a question, while it is made."""

    given: dict[str, object]
    bound: frozenset[str]
    """The names that are taken besides."""

    def free(self, name: str) -> str:
        """Return the name, with a number if it is taken."""
        number, found = 1, name
        while found in self.given or found in self.bound:
            number += 1
            found = f"{name}_{number}"
        return found

    def add(self, name: str, value: object) -> str:
        """Add an input, and return the name that it has."""
        found = self.free(name)
        self.given[found] = value
        return found


# Reading ---------------------------------------------------------------------------


def read_message(data: object, where: str) -> SentMessage:
    """Return a message of either of OpenAI's formats. Raises RequestError E700."""
    if not isinstance(data, dict):
        raise RequestError.of("E700", f"`{where}` is {kind_of(data)}, not an object")
    role = data.get("role")
    if role not in _ROLES:
        hint = f"roles are {', '.join(_ROLES)}; there are no tools: files and long texts are inputs of the program"
        raise RequestError.of("E700", f"`{where}.role` is none that is known here", hint=hint)
    message = SentMessage(role)
    content = member(data, "content", str, list, default="", where=f"{where}.")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for number, part in enumerate(parts):
        _read_part(part, f"{where}.content[{number}]", message)
    return message


def _read_part(part: object, where: str, message: SentMessage) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        raise RequestError.of("E700", f"`{where}` is no part of a message", hint='write {"type": "text", "text": …}')
    if kind in ("text", "input_text", "output_text", "refusal"):
        name = "refusal" if kind == "refusal" else "text"
        message.texts.append(member(part, name, str, default="", where=f"{where}."))
    elif kind == "file":
        found = member(part, "file", dict, default={}, where=f"{where}.")
        message.files.append(read_attachment(found, f"{where}.file"))
    elif kind == "input_file":
        message.files.append(read_attachment(part, where))
    else:
        hint = "parts are text and files; text of an image or a recording can be sent as a file"
        raise RequestError.of("E700", f"`{where}` is of type {kind[:40]}", hint=hint)


# The question ----------------------------------------------------------------------


def question_of(messages: Sequence[SentMessage], more: Mapping[str, object], bound: Collection[str] = ()) -> Question:
    """Return the question that a conversation asks, with the inputs that come with it. Raises RequestError E700.

    If it goes on from a session that has `bound` some names, that has the files of earlier messages too.
    """
    talk = [message for message in messages if message.role not in _SYSTEM]
    if not talk or talk[-1].role != "user":
        raise RequestError.of("E700", "the last message is not the user's", hint='end with {"role": "user", …}')
    inputs = Inputs(dict(more), frozenset(bound))
    for message in talk[-1:] if bound else messages:
        for file in message.files:
            name = inputs.free(_identifier(file.name))
            inputs.given[name] = file.read(name)
    guidance = "\n\n".join(_texts(message for message in messages if message.role in _SYSTEM))
    parts = []
    if len(guidance) > LONG:
        name = inputs.add("instructions", guidance)
        guidance = ""
        parts.append(f"Follow the instructions in `{name}`.")
    if earlier := _earlier(talk[:-1], inputs):
        parts.append(earlier)
    asked = _last(talk[-1], inputs)
    if not asked:
        raise RequestError.of("E700", "the last message has no text", hint="say what is to be done with the files")
    return Question("\n\n".join([*parts, asked]), inputs.given, guidance)


def _texts(messages: Iterable[SentMessage]) -> list[str]:
    return [text for message in messages for text in message.texts if text.strip()]


def _earlier(messages: Sequence[SentMessage], inputs: Inputs) -> str:
    """Return what the question says of earlier messages: all of it, or the input that has them if they are long."""
    said = [{"role": message.role, "text": "\n\n".join(_texts([message]))} for message in messages]
    if not said:
        return ""
    if sum(len(each["text"]) for each in said) <= LONG:
        lines = "\n\n".join(f"{each['role']}: {each['text']}" for each in said)
        return f"The conversation so far:\n\n{lines}\n\nWhat the user says now:"
    name = inputs.add("conversation", said)
    return f"The conversation so far is in `{name}`. What the user says now:"


def _last(message: SentMessage, inputs: Inputs) -> str:
    """Return what the last message asks; its long texts become inputs."""
    short, long = [], []
    for text in _texts([message]):
        if len(text) <= LONG:
            short.append(text.strip())
            continue
        long.append((inputs.add("text", text), text))
    if short or not long:
        return "\n\n".join(short)
    return "\n\n".join(
        f"Do what the message in `{name}` asks for. It begins:\n\n{text[:QUOTED].strip()}\n\n"
        f"and it ends:\n\n{text[-QUOTED:].strip()}"
        for name, text in long
    )


def _identifier(name: str) -> str:
    """Return the name of an input for a file: that of the file without its ending, as far as it may be one."""
    found = re.sub(r"[^a-z0-9]+", "_", PurePath(name[-200:]).stem.lower()).strip("_")[:40]
    return found if found and not found[0].isdigit() and not iskeyword(found) else f"file_{found}".rstrip("_")


# What rlmlang adds to requests -----------------------------------------------------


@frozen
class Extras:
    """The member `rlmlang` of a request: what OpenAI's format has no place for."""

    type: Type = STR
    inputs: Mapping[str, object] = field(factory=dict)
    limits: Mapping[str, object] = field(factory=dict)


def read_extras(body: dict[str, Any]) -> Extras:
    """Return what a request has in `rlmlang`. Raises RequestError E700."""
    data = member(body, "rlmlang", dict, default={})
    if unknown := data.keys() - {"type", "inputs", "limits"}:
        hint = "it has type, inputs and limits"
        raise RequestError.of("E700", f"`rlmlang` has no {min(unknown)[:80]}", hint=hint)
    text = member(data, "type", str, default="str", where="rlmlang.")
    if len(text) > LONG:
        raise RequestError.of("E700", f"`rlmlang.type` has more than {LONG:,} characters")
    inputs = member(data, "inputs", dict, default={}, where="rlmlang.")
    for name in inputs:
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise RequestError.of("E700", f"an input cannot be named {name[:80]!r}")
    return Extras(read_type(text), inputs, member(data, "limits", dict, default={}, where="rlmlang."))


@lru_cache(256)
def read_type(text: str) -> Type:
    """Return the type of the language that a text names, of which nothing else is used. Raises RequestError E700."""
    try:
        return check(Source(f"value: {text}\nvalue\n", "the type")).inputs["value"]
    except (ProgramError, KeyError):
        hint = "types are str, int, float, bool, list[…], dict[…, …], tuple[…], Literal[…] and … | None"
        raise RequestError.of("E700", f"`rlmlang.type` is no type: {text[:80]}", hint=hint) from None
