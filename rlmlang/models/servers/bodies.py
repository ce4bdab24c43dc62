"""Read the bodies of responses: JSON, and event streams, whose events are joined to what JSON would have been."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from rlmlang.models.base import TextListener

MAX_PARTS = 100_000
"""The most lists and objects in a response, or in one event. Each takes up to twenty times the memory of its text."""

LINES = "application/x-ndjson"
"""The content type of Ollama's streams: each line is an event, without more."""

MAX_EVENTS = 200_000
"""The most events of a stream; each is about one token."""

MAX_EVENT = 1_000_000
"""The most bytes of an event whose text is told while it comes."""

MAX_ITEMS = 1_000
"""The most tool calls or blocks of content that a streamed answer may have."""


def parsed(body: bytes) -> Any:
    """Return JSON data. Raises ValueError for anything else, and for what takes too much memory."""
    if body.count(b"[") + body.count(b"{") > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS:,} lists and objects")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_event_stream(kind: str, body: bytes) -> bool:
    """Return whether a body of this content type is an event stream. (Some servers send one as if it were JSON.)"""
    return kind in ("text/event-stream", LINES) or body[:200].lstrip().startswith((b"data:", b"event:"))


def joined(kind: str, stream: bytes) -> Any:
    """Return the response that the events of a stream make up; the first error among them, if there is one.

    Raises ValueError for a stream that is cut off, and for one that no known server sends.
    """
    joiner = _Joiner()
    lines = stream.splitlines()
    if kind == LINES:
        lines = [b"data:" + line for line in lines]
    lines = [line for line in lines if line.startswith((b"data:", b"error:"))]
    if len(lines) > MAX_EVENTS:
        raise ValueError(f"more than {MAX_EVENTS:,} events")
    for line in lines:
        name, _, data = line.partition(b":")
        event = None if data.strip() in (b"", b"[DONE]") else parsed(data)
        if name == b"error":
            return {"error": event}
        if isinstance(event, dict):
            if event.get("error"):
                return event
            joiner.add(event)
        joiner.has_ended = joiner.has_ended or data.strip() == b"[DONE]"
    return joiner.response()


class StreamedText:
    """Gives a listener the text of an event stream in OpenAI's format while it comes; what is none of that, nothing."""

    def __init__(self, listener: TextListener) -> None:
        self._listener = listener
        self._rest = b""
        listener.begin()

    def add(self, body: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, rest = (self._rest + body).split(b"\n")
        self._rest = rest if len(rest) <= MAX_EVENT else b""
        for line in lines:
            if line.startswith(b"data:"):
                with suppress(ValueError, LookupError, TypeError, AttributeError):  # whoever reads the whole reports it
                    text = text_of(parsed(line[5:])["choices"][0]["delta"].get("content"))
                    self._listener.add(text)


def text_of(content: object, kind: str = "text") -> str:
    """Return the text of a message: its content, or all parts of the content that are of a kind.

    The parts of Mistral's reasoning are lists of parts again. Raises TypeError for what is no content.
    """
    if content is None or isinstance(content, str):
        return content or "" if kind == "text" else ""
    if not isinstance(content, list):
        raise TypeError
    texts: list[object] = []
    for part in content:
        if part["type"] == kind:
            inner = part.get(kind)
            texts += [each["text"] for each in inner] if isinstance(inner, list) else [inner or ""]
    return "".join(map(_as_text, texts))


def _as_text(thing: object) -> str:
    if not isinstance(thing, str):
        raise TypeError
    return thing


class _Joiner:
    """Joins the events of OpenAI's format, of Anthropic's, of llama-server's own and of Ollama's own."""

    def __init__(self) -> None:
        self.has_ended = False
        self._whole: dict[str, Any] = {}
        self._texts: dict[tuple[int, str], tuple[dict[str, Any], list[str]]] = {}
        """The pieces of texts, by the id of the object that each text is in, and by its key there."""

    def response(self) -> Any:
        """Return the whole response. Raises ValueError if its end is missing."""
        if not self.has_ended:
            raise ValueError("an event stream that was cut off")
        for (_, key), (holder, pieces) in self._texts.items():
            holder[key] = "".join(pieces)
        return self._whole

    def add(self, event: dict[str, Any]) -> None:
        """Add an event. Raises ValueError."""
        if "choices" in event:
            self._add_chunk(event)
        elif isinstance(event.get("type"), str):
            self._add_of_anthropic(event)
        elif isinstance(event.get("message"), dict):  # of Ollama
            self._take(self._whole, {key: value for key, value in event.items() if key != "message"}, ())
            self._take(self._whole.setdefault("message", {}), event["message"], ("content", "thinking"))
            self.has_ended = self.has_ended or event.get("done") is True
        else:  # of llama-server: all but the text is in the last event
            self._take(self._whole, event, ("content",))
            self.has_ended = self.has_ended or event.get("stop") is True

    def _take(self, holder: dict[str, Any], piece: dict[str, Any], growing: tuple[str, ...]) -> None:
        """Put the fields of a piece into an object; those texts that are growing are added to what is there."""
        for key, value in piece.items():
            if key in growing and isinstance(value, str):
                self._texts.setdefault((id(holder), key), (holder, []))[1].append(value)
            elif value is not None:
                holder[key] = value

    # OpenAI

    def _add_chunk(self, chunk: dict[str, Any]) -> None:
        self._take(self._whole, {key: value for key, value in chunk.items() if key != "choices"}, ())
        choices = self._whole.setdefault("choices", [])
        for each in chunk["choices"] if isinstance(chunk["choices"], list) else ():
            if not isinstance(each, dict) or each.get("index", 0) != 0:
                continue  # one answer was asked for
            if not choices:
                choices.append({"message": {}})
            self._take(choices[0], {key: value for key, value in each.items() if key not in ("delta", "message")}, ())
            for piece in (each.get("delta"), each.get("message")):
                if isinstance(piece, dict):
                    self._add_delta(choices[0]["message"], piece)
            self.has_ended = self.has_ended or bool(each.get("finish_reason"))

    def _add_delta(self, message: dict[str, Any], delta: dict[str, Any]) -> None:
        calls = delta.get("tool_calls")
        rest = {key: value for key, value in delta.items() if key != "tool_calls"}
        if isinstance(content := rest.get("content"), list):
            try:
                rest |= {"content": text_of(content), "reasoning": text_of(content, "thinking")}
            except (LookupError, TypeError, AttributeError):
                raise ValueError("a piece of content that is no text in an event stream") from None
        self._take(message, rest, ("content", "refusal", "reasoning", "reasoning_content"))
        for call in calls if isinstance(calls, list) else ():
            there = message.setdefault("tool_calls", [])
            index = call.get("index", len(there)) if isinstance(call, dict) else None
            if type(index) is not int or not 0 <= index < MAX_ITEMS:
                raise ValueError("a tool call without its place in an event stream")
            there += [{} for _ in range(index + 1 - len(there))]
            self._take(there[index], {key: value for key, value in call.items() if not isinstance(value, dict)}, ())
            for kind in ("custom", "function"):
                if isinstance(call.get(kind), dict):
                    self._take(there[index].setdefault(kind, {}), call[kind], ("input", "arguments"))

    # Anthropic

    def _add_of_anthropic(self, event: dict[str, Any]) -> None:
        whole = self._whole
        blocks = whole.setdefault("content", [])
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self._take(whole, message | {"content": blocks}, ())
            case {"type": "content_block_start", "content_block": dict(block)} if len(blocks) < MAX_ITEMS:
                blocks.append({})
                self._take(blocks[-1], block, ("text",))
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}} if blocks:
                self._take(blocks[-1], {"text": text}, ("text",))
            case {"type": "message_delta", "delta": dict(delta)}:
                before, usage = whole.get("usage"), event.get("usage")
                both = {**(before if isinstance(before, dict) else {}), **(usage if isinstance(usage, dict) else {})}
                self._take(whole, delta | {"usage": both}, ())
            case {"type": "message_stop"}:
                self.has_ended = True
