"""Write a run as one self-contained HTML file (`rlmlang trace html`).

The page is assembled from the files in `viewer/`. The run is embedded as gzip in base64, so that no text of it is ever
read as markup: an index of all calls, which the page unpacks at once, and blocks of prompts and answers, each unpacked
when one of its calls is opened. A policy in the page allows its own script and style and nothing else: no network, no
markup from text (trusted types) (decision 77).
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from attrs import asdict, define, field, fields_dict

from rlmlang.trace.codec import to_data
from rlmlang.trace.events import GenerationEvent, PromptMessage
from rlmlang.trace.history import History, LoggedCall

BLOCK = 1_000_000
"""Approximate characters of JSON in a block; one is unpacked in a few milliseconds."""

SHOWN = 120
"""Characters of arguments and answers that the index holds, for the rows of the tree."""

_INDEXED = frozenset(
    (
        "id", "parent", "status", "form", "source", "within", "line", "type", "asked", "started", "finished",
        "prompt_tokens", "completion_tokens", "cost", "span",
    )
)  # fmt: skip
"""The fields of a call that the index holds in full, and `span`, which the page does not show."""

_OWN_FIELDS = tuple(name for name in fields_dict(GenerationEvent) if name not in ("call", "prompt"))
"""The fields of a generation, except the call that it is listed under and the prompt, which may be shared."""

_FOLDER = Path(__file__).parent / "viewer"

_SCRIPTS = ("text.js", "model.js", "tree.js", "timeline.js", "panes.js", "main.js")
"""The scripts in order: each uses those before it."""


def write_html(history: History, file: TextIO) -> None:
    """Write the page to a file that is open for UTF-8 or ASCII text."""
    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    script = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page = (_FOLDER / "page.html").read_text(encoding="utf-8")
    head, body = page.replace("{policy}", policy).replace("{style}", style).split("{data}")
    packer = _Packer(history.printed)
    blocks = list(packer.blocks(history.calls))
    file.write(head)
    file.write(_element("index", _index(history, packer.firsts)))
    file.write(f"<script>{script}</script>\n")  # it runs while the browser is still reading the blocks
    for number, block in enumerate(blocks):
        file.write(f'<script type="application/octet-stream" id="block-{number}">{block}</script>\n')
    file.write(_element("texts", packer.texts))
    file.write(body)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _pack(data: Any) -> str:
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII, with unpaired surrogates as escapes
    return b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def _element(id: str, data: Any) -> str:
    return f'<script type="application/octet-stream" id="{id}">{_pack(data)}</script>\n'


@define
class _Packer:
    """Packs what is not in the index, in blocks; texts that many calls share are packed separately."""

    printed: Mapping[int | None, str]
    """What programs printed, by the call that they answer."""
    firsts: list[int] = field(factory=list)
    """The position of the first call of each block."""
    texts: list[str] = field(factory=list)
    _numbers: dict[str, int] = field(factory=dict)

    def blocks(self, calls: list[LoggedCall]) -> Iterator[str]:
        block: list[dict[str, Any]] = []
        size = 0
        for at, call in enumerate(calls):
            if not block:
                self.firsts.append(at)
            block.append(self._call(call))
            size += _size(call)
            if size > BLOCK:
                yield _pack(block)
                block, size = [], 0
        if block:
            yield _pack(block)

    def _call(self, call: LoggedCall) -> dict[str, Any]:
        """Return what is not in the index: the other fields of a call's event, and what other events say about it."""
        data = {name: value for name, value in to_data(call).items() if name not in _INDEXED} | {
            "program": call.program or (call.origin.program if call.origin else None),
            "hits": [[source, line, count] for (source, line), count in call.hits.items()],
            "origin": call.origin.id if call.origin else None,
            "printed": self.printed.get(call.id),
            "generations": [self._generation(each) for each in call.shown_generations],
        }
        return {name: value for name, value in data.items() if value or value == 0}

    def _generation(self, generation: GenerationEvent) -> dict[str, Any]:
        data = {name: value for name in _OWN_FIELDS if (value := getattr(generation, name))}  # the page has defaults
        if generation.error is not None:
            data["error"] = to_data(generation.error)
        return data | {"prompt": [self._message(each) for each in generation.prompt]}

    def _message(self, message: PromptMessage) -> list[str | int]:
        """Return role and content, or role and number among the shared texts."""
        return [message.role, message.text if message.digest is None else self._number(message.text)]

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


def _size(call: LoggedCall) -> int:
    """Return the approximate number of characters of JSON of a call."""
    messages = sum(len(each.text) for one in call.shown_generations for each in one.prompt if each.digest is None)
    outputs = sum(len(one.output or "") for one in call.shown_generations)
    return 500 + messages + outputs + len(call.answer or "") + len(call.program or "")


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)


def _index(history: History, firsts: list[int]) -> dict[str, Any]:
    """Return what the page unpacks at once: the run, and columns for what rows, timeline and filters need."""
    names: dict[str, int] = {}

    def name(text: str | None) -> int:
        return names.setdefault(text or "", len(names))

    calls, end = history.calls, history.end
    position = {call.id: at for at, call in enumerate(calls)}
    columns = {
        "id": [call.id for call in calls],
        "parent": [-1 if call.parent is None else position[call.parent] for call in calls],
        "status": [name(call.status) for call in calls],
        "form": [name(call.form) for call in calls],
        "source": [name(call.source) for call in calls],
        "within": [name(call.within) for call in calls],
        "line": [call.line for call in calls],
        "instruction": [name(call.instruction[:1_000]) for call in calls],
        "type": [name(call.type) for call in calls],
        "error": [name(call.error.code if call.error else None) for call in calls],
        "asked": [_micro(call.asked) for call in calls],
        "started": [_micro(call.started) for call in calls],
        "finished": [_micro(call.finished) for call in calls],
        "generations": [call.own.generations for call in calls],
        "prompt": [call.own.prompt_tokens for call in calls],
        "completion": [call.own.completion_tokens for call in calls],
        "cost": [call.own.cost for call in calls],
        "hits": [call.hits.total() for call in calls],
        "lane": history.lanes(),
        "arguments": [_arguments(call) for call in calls],
        "answer": [(call.answer or "")[:SHOWN] for call in calls],
    }
    return {
        "run": to_data(history.run),
        "resumptions": history.resumptions,
        "end": to_data(end) if end else None,
        "before": asdict(history.before),
        "seconds": history.seconds,
        "printed": history.printed.get(None),
        "critical": [position[call.id] for call in history.critical_path()],
        "blocks": firsts,
        "columns": columns,
        "names": list(names),
    }


def _arguments(call: LoggedCall) -> str:
    previews = ((each.name, each.preview[:SHOWN]) for each in call.arguments)
    return ", ".join(f"{name} = {preview}" if name else preview for name, preview in previews)[:SHOWN]
