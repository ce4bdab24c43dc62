"""A model that answers every call with a value of its type, for tests that need no real one."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from rlmlang.api import Result
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import argument_names
from rlmlang.language.types import (
    FLOAT,
    INT,
    STR,
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
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.runtime.values import RecordValue, SetValue, Value, canonical
from rlmlang.testing.program_writer import Case
from rlmlang.testing.value_strategies import literal_text


class EchoModel:
    """A model whose answer is derived from a digest of the request: always the same, and of the right type.

    A request for a program is answered with one that makes a call itself, with one that does not parse and is
    repaired at the second attempt, or with a constant.
    """

    name = "echo"
    identity = '{"kind": "echo"}'
    context = 1_000_000

    def __init__(self, concurrency: int = 8) -> None:
        self.concurrency = concurrency
        self.capabilities = Capabilities(free=True)

    def count_tokens(self, request: Request) -> int:
        return 1 + len(request.instruction) // 4 + sum(len(canonical(v)) // 4 for _, v in request.arguments)

    async def generate(self, request: Request) -> Reply:
        key = canonical([request.instruction, request.sample, str(request.type), list(request.arguments)])
        seed = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        source = random.Random(seed)
        value = made(request.type, source)
        if request.program:
            text = _program_text(request, value, source)
        else:
            text = AnswerFormat.of(request.type).write(value)
        return Reply(text, self.count_tokens(request), 1 + len(text) // 4, "stop")

    async def aclose(self) -> None:
        pass


def _program_text(request: Request, value: Value, source: random.Random) -> str:
    match source.randrange(4):
        case 0 if request.repair is None:
            return f"{literal_text(value)} +"
        case 1 | 2:
            arguments = ", ".join([literal_text(request.instruction + "!"), *argument_names(request.arguments)])
            return f"CALL[{request.type}]({arguments})"
    return literal_text(value)


def made(type_: Type, source: random.Random) -> Value:
    """Return a value of a type that is drawn from `source`."""
    match type_:
        case ListType():
            return _elements(type_, source)
        case SetType():
            return SetValue(_elements(type_, source))
        case OpenTupleType():
            return tuple(_elements(type_, source))
        case DictType():
            return {made(type_.key, source): made(type_.value, source) for _ in range(source.randrange(4))}
        case TupleType():
            return tuple(made(item, source) for item in type_.items)
        case OptionalType():
            return None if source.random() < 0.3 else made(type_.item, source)
        case LiteralType():
            return source.choice(type_.values)
        case RecordType():
            return RecordValue(type_, tuple(made(item, source) for _, item in type_.fields))
    if type_ == STR:
        return source.choice(["yes", "no", 'CALL("x")', "a, b", "é 中", "42"]) + str(source.randrange(3))
    if type_ == INT:
        return source.randrange(-3, 9)
    if type_ == FLOAT:
        return source.randrange(-8, 40) / 4
    return source.random() < 0.5


def _elements(type_: ListType | SetType | OpenTupleType, source: random.Random) -> list[Value]:
    return [made(type_.item, source) for _ in range(source.randrange(4))]


def echo_model(concurrency: int = 8) -> EchoModel:
    """Return a deterministic model that answers any call with a value of its type."""
    return EchoModel(concurrency)


def run(case: Case, **options: Any) -> Result:
    """Compile and run a generated program with the echo model, or with the one given as `model=`."""
    return case.compile().run(**{"model": echo_model()} | options, **case.inputs)
