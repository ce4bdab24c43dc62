"""Servers with the quirks of real ones, each played from its description in `servers/NAME.toml`.

A description holds, for one server,

- `like`: the description of a server that differs little;
- `model`: the name by which a user opens a model on it, with `{url}` for the address;
- `header`: the header of the key that it needs, and `elsewhere`: what it answers where it has nothing;
- `[get]` and `[post]`: what it answers at its other paths;
- `[chat]`: the `path` where it generates, its `context` in tokens, the fields that it `takes` or `refuses`, where a JSON
  schema `holds` an answer (a path of fields), the
  parts of schemas that are `unknown_schemas` to it, and which fields continue a text or keep a stop text;
- `[finish]`: its names for the ends of an answer, and `[answers]`: its reply, and its replies when a prompt is too long
  (`overflow`; without it, the prompt is cut), requests come too fast (`limit`), a field is not taken (`field`), or a
  schema is not (`schema`);
- `[refusals]`: its replies when it refuses a prompt or an answer, by any names; where it has no filter, `words` are how
  its model refuses, which is an answer like any other;
- `[expect]`: what rlmlang finds out about it.

Bodies are JSON texts in which `$content`, `$finish` and other names are values of the moment.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from string import Template
from typing import Any

from attrs import define, field

from tests.support.fake_server import Answer, FakeServer
from tests.support.places import ROOT

FOLDER = ROOT / "tests" / "support" / "servers"

NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))

KEY = "not-so-secret-key"

Mind = Callable[[str], str]
"""What the model on a server writes, given the whole prompt."""


@define(eq=False)
class PlayedServer:
    """A fake server with the quirks of a real one."""

    server: FakeServer
    about: dict[str, Any]
    mind: Mind
    limited: int = 0
    """How many more requests come too fast."""
    refusal: str | None = None
    """The name of the refusal that it answers with; None while it refuses nothing."""
    cut: bool = False
    """Whether answers are cut off in their middle."""
    held: list[bool] = field(factory=list)
    """For each answer, whether a JSON schema held it."""
    refused: list[str] = field(factory=list)
    """The fields for which requests were refused."""

    @classmethod
    def play(cls, server: FakeServer, name: str, mind: Mind) -> PlayedServer:
        """Have a fake server play the one of a description."""
        about = described(name)
        played = cls(server, about, mind)
        for path, text in (about.get("get", {}) | about.get("post", {})).items():
            server.on(path, lambda body, text=text: played._answer({"body": text}, **played._seen(body)))
        if elsewhere := about.get("elsewhere"):
            server.elsewhere = played._answer(elsewhere)
        server.on(about["chat"]["path"], played._chat)
        return played

    @property
    def model(self) -> str:
        """The name of the model."""
        name: str = self.about["model"]
        return name.format(url=self.server.url)

    def _chat(self, body: dict[str, Any]) -> Answer:
        chat, answers = self.about["chat"], self.about["answers"]
        if header := self.about.get("header"):
            name, _, value = header.partition(": ")
            assert self.server.seen[-1].headers.get(name) == value.format(key=KEY)
        seen = self._seen(body)
        if self.limited:
            self.limited -= 1
            return self._answer(answers["limit"], **seen)
        for name, answer in answers.get("fields", {}).items():
            if _at(body, name.split(".")) is not None:
                self.refused.append(name)
                return self._answer(answer, field=name, **seen)
        for name in sorted(set(body) - set(chat.get("takes", body))):
            self.refused.append(name)
            return self._answer(answers["field"], field=name, **seen)
        if "holds" in chat:
            written = json.dumps(_at(body, chat["holds"].split(".")))
            if unknown := [each for each in chat.get("unknown_schemas", ()) if each in written]:
                self.refused.append(unknown[0])
                return self._answer(answers["schema"], **seen)
        if seen["tokens"] > chat["context"]:
            if "overflow" in answers:
                return self._answer(answers["overflow"], **seen)
            seen["tokens"] = chat["context"] // 2  # the server cuts the prompt, and goes on
        refusal = None if self.refusal is None else self.about["refusals"][self.refusal]
        if isinstance(refusal, dict):
            return self._answer(refusal, **seen)
        schema = _at(body, chat["holds"].split(".")) if "holds" in chat else None
        text = self.mind(seen["prompt"]) if refusal is None else refusal
        if schema is not None:
            assert schema["properties"].keys() == {"answer"}
            text = json.dumps({"answer": _data(text)})
        self.held.append(schema is not None)
        return self._answer(answers["tool" if "tools" in body else "reply"], **seen, **self._ended(body, text))

    def _ended(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        """Return the text up to where it ends, and how it ended."""
        finish, stopped = "stop", None
        chat = self.about["chat"]
        stops = body.get("stop") or body.get("stop_sequences") or (body.get("options") or {}).get("stop") or ()
        found = [(text.find(stop), stop) for stop in stops if stop in text]
        if self.cut:
            finish, text = "length", text[: len(text) // 2]
        elif found:
            at, stopped = min(found)
            keeps = chat.get("keeps_stop") in body
            text, finish = text[: at + len(stopped) * keeps], "stopped"
        finishes = self.about["finish"]
        return {
            "content": json.dumps(text),
            "finish": json.dumps(finishes.get(finish, finishes["stop"])),
            "stopped": json.dumps(stopped),
            "written": max(1, len(text.split())),
        }

    def _seen(self, body: dict[str, Any] | None) -> dict[str, Any]:
        """Return the values of the moment that come from a request."""
        body = body or {}
        messages = body.get("messages") or ()
        system = body.get("system") or ()
        if isinstance(body.get("prompt"), list):
            prompt, tokens = bytes(body["prompt"]).decode(), len(body["prompt"])
        else:
            prompt = "\n".join(each["content"] if "content" in each else each["text"] for each in (*system, *messages))
            tokens = len(re.findall(r"\w+|[^\w\s]", prompt))
        template = "".join(f"<{each['role']}>{each['content']}</>" for each in messages) + "<assistant>"
        return {
            "prompt": prompt,
            "tokens": tokens,
            "context": self.about["chat"]["context"],
            "template": json.dumps(template),
            "bytes": json.dumps(list(str(body.get("content", "")).encode())),
        }

    def _answer(self, answer: dict[str, Any], **values: Any) -> Answer:
        body = Template(answer.get("body", "")).safe_substitute(values)
        if answer.get("type", "application/json") == "application/json":
            json.loads(body)
        return Answer(
            answer.get("status", 200),
            body.encode(),
            answer.get("type", "application/json"),
            {name: str(value) for name, value in answer.get("headers", {}).items()},
        )


def described(name: str) -> dict[str, Any]:
    """Return a description, with what it does not say taken from the one that it is `like`."""
    about = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return _merged(described(about["like"]), about) if "like" in about else about


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return two tables as one, in which the second counts more."""
    merged = {**first, **second}
    for name in first.keys() & second.keys() - {"reply", "overflow", "limit"}:
        if isinstance(first[name], dict) and isinstance(second[name], dict):
            merged[name] = _merged(first[name], second[name])
    return merged


def _at(data: Any, path: list[str]) -> Any:
    """Return what is at a path of fields, None if there is nothing."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
