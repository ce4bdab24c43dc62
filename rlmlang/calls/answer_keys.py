"""Keep an answer that a mask holds from repeating a key of a dict, which no grammar can say (decision 116).

The text of the answer is followed sign by sign, in the form that the grammar of `AnswerFormat` allows. It is given as
bytes, since tokens may end within a character.
"""

from __future__ import annotations

import json
from collections.abc import Hashable

from attrs import evolve, frozen

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    DictType,
    ListType,
    LiteralType,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
)
from rlmlang.runtime.values import canonical, key_text

MAX_FRACTION = 17
"""Engines may write as many digits behind the point of a number."""


def has_dicts(type_: Type) -> bool:
    """Return whether values of a type may hold dicts."""
    match type_:
        case DictType():
            return True
        case ListType() | SetType() | OpenTupleType() | OptionalType():
            return has_dicts(type_.item)
        case TupleType():
            return any(map(has_dicts, type_.items))
        case RecordType():
            return any(has_dicts(field) for _, field in type_.fields)
    return False


@frozen
class _Open:
    """A bracket that is not closed yet."""

    type: Type
    place: int = 0
    """How many of its parts are complete."""
    used: frozenset[Hashable] = frozenset()
    """The keys so far, of a dict."""

    def next_part(self) -> Type:
        """Return the type of the part that is complete next."""
        match self.type:
            case DictType():
                return self.type.value
            case TupleType():
                return self.type.items[min(self.place, len(self.type.items) - 1)]
            case RecordType():
                return self.type.fields[min(self.place, len(self.type.fields) - 1)][1]
        assert isinstance(self.type, ListType | SetType | OpenTupleType)
        return self.type.item


@frozen
class AnswerKeys:
    """What is written of an answer, as far as it decides which keys may follow."""

    expected: Type
    """The type of the value that comes next."""
    stack: tuple[_Open, ...] = ()
    text: bytes | None = None
    """The text that is not closed yet, without its first quote."""
    at_key: bool = False
    """Whether the text that comes next, or is not closed yet, is a key."""

    def after(self, written: bytes) -> AnswerKeys | None:
        """Return what comes of more text; None if it repeats a key, or can only go on by repeating one."""
        state = self
        for byte in written:
            if (following := state._after(byte)) is None:
                return None
            state = following
        return state

    def _after(self, byte: int) -> AnswerKeys | None:
        sign = bytes([byte])
        if self.text is not None:
            if sign == b'"' and not _is_escaped(self.text):
                return self._with_key(self.text) if self.at_key else evolve(self, text=None)
            if not self.at_key:  # of which only the end matters
                return evolve(self, text=b"\\" if sign == b"\\" and not _is_escaped(self.text) else b"")
            text = self.text + sign
            return evolve(self, text=text) if self._may_be_new(text) else None
        match sign:
            case b'"':
                return evolve(self, text=b"")
            case b"[" | b"{":
                opened = _Open(self.expected.item if isinstance(self.expected, OptionalType) else self.expected)
                stack = (*self.stack, opened)
                return AnswerKeys(opened.next_part(), stack, at_key=sign == b"{")
            case b"]" | b"}" if self.stack:
                return AnswerKeys(self.expected, self.stack[:-1])
            case b"," if self.stack:
                top = self.stack[-1]
                top = evolve(top, place=top.place + 1)
                if isinstance(top.type, DictType) and (keys := _texts_of(top.type.key)) and len(top.used) == len(keys):
                    return None
                at_key = isinstance(top.type, DictType | RecordType)
                return AnswerKeys(top.next_part(), (*self.stack[:-1], top), at_key=at_key)
        return self

    def _with_key(self, text: bytes) -> AnswerKeys | None:
        """Return what comes of a key that is complete; None if it is there already."""
        top = self.stack[-1]
        if isinstance(top.type, DictType):
            key = _key(text, top.type.key)
            if key in top.used:
                return None
            top = evolve(top, used=top.used | {key})
        return AnswerKeys(top.next_part(), (*self.stack[:-1], top))

    def _may_be_new(self, text: bytes) -> bool:
        """Return whether the beginning of a key can become one that is not there yet."""
        top = self.stack[-1]
        if not isinstance(top.type, DictType):
            return True
        if keys := _texts_of(top.type.key):
            return any(key.startswith(text) for key in keys if key not in top.used)
        if top.type.key == INT:
            return text not in (b"0", b"-0") or 0 not in top.used
        if top.type.key == FLOAT and top.used:  # what is 0 stays 0 with any exponent, and digits come to an end
            _, _, fraction = text.partition(b".")
            return not text.endswith((b"e", b"E")) and (len(fraction) < MAX_FRACTION or float(text) not in top.used)
        return True


def _is_escaped(text: bytes) -> bool:
    """Return whether the sign after a text within quotes is escaped."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _texts_of(type_: Type) -> list[bytes]:
    """Return the texts between quotes of all keys of a type, if they are few; none otherwise."""
    if isinstance(type_, LiteralType):
        return [_between_quotes(key_text(value)) for value in type_.values]
    return [b"true", b"false"] if type_ == BOOL else [b"null"] if type_ == NONE else []


def _between_quotes(text: str) -> bytes:
    shown = canonical(text)
    return (shown if shown.isprintable() else json.dumps(text))[1:-1].encode()


def _key(text: bytes, type_: Type) -> Hashable:
    """Return a key that equal keys share."""
    if _texts_of(type_):
        return text
    if type_ == INT:
        return int(text)
    if type_ == FLOAT:
        return float(text)
    return str(json.loads(b'"' + text + b'"'))
