"""Check what backends of other people give: the attributes of a model when a run opens it, and its replies."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard, get_args, get_type_hints

from attrs import evolve

from rlmlang.calls.answer_reading import free_text
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.errors import ModelError, RlmError, UsageError
from rlmlang.models.base import Capabilities, Model, Reply, Request
from rlmlang.redact import Redactor

PARTS = ("name", "identity", "context", "concurrency", "capabilities", "count_tokens", "generate", "aclose")
"""The attributes and methods of the protocol `Model`."""

FINISHES = get_args(get_type_hints(Reply)["finish"])

HINT = "the protocol Model is described in rlmlang.models.base"


def is_model(thing: object) -> TypeGuard[Model]:
    """Return whether this object, which is no class, has every part of the protocol."""
    return not isinstance(thing, type) and all(hasattr(thing, part) for part in PARTS)


def check_model(model: object) -> Model:
    """Return an object as a model.

    Raises UsageError E605 if it lacks a part of the protocol, E607 if an attribute has a value that no run can use.
    """
    missing = [f"`{part}`" for part in PARTS if not hasattr(model, part)]
    if missing:
        raise UsageError.of(
            "E605", f"the model, of type {type(model).__qualname__}, lacks {', '.join(missing)}", hint=HINT
        )
    found: Model = model  # type: ignore[assignment]
    for part in ("name", "identity"):
        if not isinstance(value := getattr(found, part), str):
            raise UsageError.of("E607", f"`{part}` of the model is {value!r:.60}; expected a str", hint=HINT)
    for part in ("context", "concurrency"):
        if not is_count(value := getattr(found, part)) or value < 1:
            raise UsageError.of("E607", f"`{part}` of the model {found.name} is {value!r:.60}; expected an int from 1")
    if not isinstance(able := found.capabilities, Capabilities):
        raise UsageError.of(
            "E607", f"`capabilities` of the model {found.name} is {able!r:.60}; expected Capabilities", hint=HINT
        )
    return found


def check_reply(reply: object, model: str) -> Reply:
    """Return the reply of the model with this name. Raises ModelError E400 for one that breaks the protocol."""
    if not isinstance(reply, Reply):
        raise ModelError.of("E400", f"{model} returned {type(reply).__name__}; expected Reply", hint=HINT)
    if _is_plain(reply):
        return reply
    problem = None
    for part in ("text", "opening", "reasoning", "tool_call"):
        if not isinstance(value := getattr(reply, part), str):
            problem = f"whose {part} is {type(value).__name__}; expected str"
    for part in (
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "forced_tokens",
        "reasoning_tokens",
        "dropped_tokens",
    ):
        if not is_count(value := getattr(reply, part)):
            problem = f"whose {part} is {value!r:.60}; expected an int from 0"
    if not is_cost(value := reply.cost):
        problem = f"whose cost is {value!r:.60}; expected a Decimal from 0, or None"
    if reply.finish not in FINISHES:
        problem = f"whose finish is {reply.finish!r:.60}; expected {' or '.join(FINISHES)}"
    if problem:
        raise ModelError.of("E400", f"{model} returned a reply {problem}", hint=HINT)
    return reply


def refuse_cut_off(reply: Reply) -> None:
    """Raise ModelError E402 if a reply was cut off."""
    if reply.finish != "length":
        return
    hint = "ask for less at a time, or raise max_answer_tokens"
    message = f"the answer was cut off after {reply.completion_tokens:,} tokens"
    thought, answer = _parts(reply)
    blank = len(answer) - len(answer.rstrip())
    if thought and not answer.strip():
        message = f"reasoning took all {reply.completion_tokens:,} tokens of the answer"
        hint = f"raise max_answer_tokens, or have the model answer without reasoning ({UNTHINKING})"
    elif blank >= ENDLESS:
        message = f"the answer ends in white space without end ({blank:,} characters of it), and was cut off"
        hint = (
            "where JSON may have white space anywhere, small models go on with it: start the server with grammars "
            "that allow none (vLLM: `disable_any_whitespace`), or use another model"
        )
    raise ModelError.of("E402", message, hint=hint)


ENDLESS = 100
"""White space of so many characters at the end of a text that was cut off would have gone on."""

UNTHINKING = "llama-server: `--reasoning-budget 0`; Ollama: `think=false`; others: an option of the chat template"
"""How servers are told that the model shall not reason."""

_SEPARATING = (
    "the server takes everything for reasoning: let it leave reasoning in the text, which is read here (vLLM, SGLang: "
    "no `--reasoning-parser`; llama-server: `--reasoning-format none`; LM Studio: do not separate `reasoning_content`)"
)


def refuse_without_content(reply: Reply, max_tokens: int) -> None:
    """Raise ModelError E411 if a reply that was not cut off has no content, with the cause and what helps.

    It is E402 if reasoning took the tokens that the reply could have, although the server says that it ended well.
    """
    if free_text(reply.opening + reply.text):
        return
    thought, _ = _parts(reply)
    if thought and reply.completion_tokens >= max_tokens:
        refuse_cut_off(evolve(reply, finish="length"))
    if reply.tool_call:
        raise ModelError.of(
            "E411",
            f"the model called a tool, {reply.tool_call:.60}, instead of answering",
            hint="it was given none: start the server without tools of its own (vLLM: no `--enable-auto-tool-choice`)",
        )
    if thought:
        raise ModelError.of("E411", "the model's reply is reasoning alone, without an answer", hint=_SEPARATING)
    raise ModelError.of(
        "E411",
        "the model answered nothing",
        hint="ask for a word where there is nothing to say, such as `none`, or write CALL(…, default=…); if it never "
        "answers, its chat template does not fit (llama-server: `--jinja`, `--chat-template`)",
    )


def _parts(reply: Reply) -> tuple[bool, str]:
    """Return whether a reply has reasoning, as far as the server tells it or the text shows it, and its answer."""
    reasoning, answer = reasoning_and_answer(reply.opening + reply.text)
    return bool(reasoning.strip() or reply.reasoning.strip() or reply.reasoning_tokens), answer


def _is_plain(reply: Reply) -> bool:
    """Return whether a reply is right and has no values of subclasses. Every call pays for this: no loops."""
    return (
        reply.text.__class__ is str
        and reply.opening.__class__ is str
        and reply.reasoning.__class__ is str
        and reply.tool_call.__class__ is str
        and reply.prompt_tokens.__class__ is int
        and reply.completion_tokens.__class__ is int
        and reply.cached_tokens.__class__ is int
        and reply.forced_tokens.__class__ is int
        and reply.reasoning_tokens.__class__ is int
        and reply.dropped_tokens.__class__ is int
        and reply.prompt_tokens >= 0
        and reply.completion_tokens >= 0
        and reply.cached_tokens >= 0
        and reply.forced_tokens >= 0
        and reply.reasoning_tokens >= 0
        and reply.dropped_tokens >= 0
        and reply.cost is None
        and reply.finish in FINISHES
    )


def prompt_tokens(model: Model, request: Request) -> int:
    """Return the length of a prompt as the model counts it. Raises ModelError, E400 for what is no count."""
    try:
        count = model.count_tokens(request)
    except RlmError:
        raise
    except Exception as error:
        raise ModelError.of("E400", f"{model.name} cannot count: {described(error)}") from error
    if not is_count(count):
        raise ModelError.of("E400", f"{model.name} counts {count!r:.60} tokens; expected an int from 0", hint=HINT)
    return count


def described(error: BaseException) -> str:
    """Return the type of an error and its message, where it has one, without secrets: it is from elsewhere."""
    return Redactor()(f"{type(error).__name__}: {error}".removesuffix(": "))


def is_cost(value: object) -> bool:
    """Return whether this is an amount of dollars, or None."""
    return value is None or (isinstance(value, Decimal) and value.is_finite() and value >= 0)


def is_count(value: object) -> TypeGuard[int]:
    """Return whether this is a whole number, not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
