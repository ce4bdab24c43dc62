"""What the caller's annotations say: enumerations, dates and the like as types, and words for models."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict
from uuid import UUID

import attrs
import pytest
from pydantic import BaseModel, Field

import rlmlang
from rlmlang.annotations import type_of_annotation
from rlmlang.errors import FunctionFailed, UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Word(enum.StrEnum):
    YES = enum.auto()


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Mixed(enum.Enum):
    A = "a"
    B = 1


Key = NewType("Key", str)


@dataclass
class Order:
    """What somebody has ordered.

    It is one row of the table.
    """

    day: datetime.date
    color: Color
    level: Level = Level.LOW
    place: Path = Path("/")
    took: datetime.timedelta = datetime.timedelta(0)
    seen: list[datetime.datetime] = field(default_factory=list)
    id: UUID = UUID(int=0)
    note: Annotated[str, "in German"] = field(default="", metadata={"description": "free text"})


@attrs.define
class Shelf:
    rows: int = attrs.field(metadata={"description": "from below"})


class Invoice(BaseModel):
    """One invoice."""

    total: int = Field(description='in cents;\n "negative" for a credit note')
    due: datetime.date | None = None


class Row(TypedDict):
    day: Annotated[datetime.date, Field(description="of delivery")]


class Place(NamedTuple):
    x: int


class Part(TypedDict):
    name: str
    count: NotRequired[int]
    note: NotRequired[str | None]


ORDER = Order(datetime.date(2026, 7, 31), Color.BLUE, Level.HIGH, Path("/a"), datetime.timedelta(seconds=5))


@pytest.mark.parametrize(
    ("annotation", "type_"),
    [
        (Color, 'Literal["red", "blue"]'),
        (Level, "Literal[1, 3]"),
        (Word, 'Literal["yes"]'),
        (Rights, "int"),
        (Literal[Color.RED, "none"], 'Literal["red", "none"]'),
        (datetime.date, "str"),
        (datetime.datetime, "str"),
        (datetime.time, "str"),
        (datetime.timedelta, "float"),
        (Path, "str"),
        (UUID, "str"),
        (Key, "str"),
        (Annotated[int, "of days"], "int"),
        (list[datetime.date | None], "list[str | None]"),
        (dict[Color, datetime.date], 'dict[Literal["red", "blue"], str]'),
        (frozenset[datetime.date], "set[str]"),
        (Sequence[str], "list[str]"),
        (Iterable[str], "list[str]"),
        (Mapping[str, Level], "dict[str, Literal[1, 3]]"),
    ],
)
def test_an_annotation_is_a_type_of_the_language(annotation: Any, type_: str) -> None:
    assert str(type_of_annotation(annotation)) == type_


@pytest.mark.parametrize(
    ("annotation", "why", "hint"),
    [
        (Mixed, "the values of <enum 'Mixed'> are not all texts or all whole numbers", "values of one type"),
        (enum.Enum("None_", {}), "are not all texts", "values of one type"),
        (bytes, "<class 'bytes'> is not a type", "write str, and decode the bytes"),
        (list, "<class 'list'> is not a type", "list[str]"),
        (int | str, "int | str is not a type", "enumerations, dates"),
    ],
)
def test_an_annotation_that_is_no_type_says_what_to_write(annotation: Any, why: str, hint: str) -> None:
    with pytest.raises(UsageError, match="E607") as caught:
        type_of_annotation(annotation)
    assert why in caught.value.first.message
    assert hint in str(caught.value.first.hint)


def next_day(day: datetime.date) -> datetime.date:
    assert type(day) is datetime.date
    return day + datetime.timedelta(days=1)


def later(order: Order) -> Order:
    assert (type(order.day), type(order.color), type(order.level)) == (datetime.date, Color, Level)
    assert (type(order.id), type(order.took)) == (UUID, datetime.timedelta)
    return replace(order, day=next_day(order.day))


def other(color: Color, paths: Sequence[Path]) -> Color:
    assert isinstance(color, Color)
    assert all(isinstance(path, Path) for path in paths)
    return Color.RED if color is Color.BLUE else Color.BLUE


def mixed(value: Mixed) -> str:
    return str(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {"next_day": next_day, "later": later, "other": other}


@pytest.mark.parametrize(
    ("program", "type_", "value"),
    [
        ("return next_day('2026-07-31')", datetime.date, datetime.date(2026, 8, 1)),
        ("return later(order)", Order, replace(ORDER, day=datetime.date(2026, 8, 1))),
        ("return other(order.color, [order.place])", Color, Color.RED),
        ("return {other('red', []): next_day(order.day)}", dict[Color, datetime.date], {Color.BLUE: datetime.date(2026, 8, 1)}),
    ],
)  # fmt: skip
def test_a_model_s_program_applies_functions_of_dates_and_enumerations(program: str, type_: Any, value: object) -> None:
    found = rlmlang.ask(
        "When?", {"order": ORDER}, type=type_, model=ScriptedModel(lambda _: program), functions=FUNCTIONS
    )
    assert found.to(type_) == value


def test_a_program_s_own_declaration_may_say_text_for_a_date() -> None:
    program = rlmlang.compile("def next_day(day: str) -> str: ...\ndef f(day: str) -> str:\n    return next_day(day)\n")
    assert program.run(functions=FUNCTIONS, day="2026-02-28").value == "2026-03-01"
    with pytest.raises(FunctionFailed, match=r"`next_day` cannot be given its arguments: .* is 'tomorrow', not date"):
        program.run(functions=FUNCTIONS, day="tomorrow")


def test_a_function_of_a_class_that_is_no_type_may_be_declared_by_the_program() -> None:
    program = rlmlang.compile('def mixed(value: str) -> str: ...\nmixed("a")\n')
    assert program.run(functions={"mixed": mixed}).value == "Mixed.A"


def prompt_of(type_: Any, functions: dict[str, Callable[..., Any]] | None = None) -> str:
    seen: list[str] = []

    def model(request: Request) -> str:
        seen.append("\n".join(message.content for message in request.messages))
        raise ConnectionError

    with pytest.raises(rlmlang.ModelError):
        rlmlang.ask("When?", type=type_, model=ScriptedModel(model), functions=functions)
    return seen[0]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (Order, [
            "class Order:  # What somebody has ordered. It is one row of the table.\n",
            "    day: str  # a date such as 2026-07-31\n",
            '    color: Literal["red", "blue"]\n',
            "    level: Literal[1, 3]  # 1 is LOW, 3 is HIGH\n",
            "    place: str  # a path\n",
            "    took: float  # in seconds\n",
            "    seen: list[str]  # a date and time such as 2026-07-31T09:30:00\n",
            "    id: str = \"00000000-0000-0000-0000-000000000000\"  # a UUID\n",
            '    note: str = ""  # free text; in German\n',
        ]),
        (Shelf, ["class Shelf:\n    rows: int  # from below\n"]),
        (Invoice, [
            "class Invoice:  # One invoice.\n",
            '    total: int  # in cents; "negative" for a credit note\n',
            "    due: str | None = None  # a date such as 2026-07-31\n",
        ]),
        (Row, ["    day: str  # of delivery; a date such as 2026-07-31\n"]),
        (Place, ["class Place:\n    x: int\n"]),
    ],
)  # fmt: skip
def test_what_a_class_says_about_its_fields_is_told_to_the_model(kind: Any, lines: list[str]) -> None:
    prompt = prompt_of(kind)
    assert [line for line in lines if line not in prompt] == []


def test_what_a_class_says_stands_in_the_schema_for_servers() -> None:
    schemas: list[Any] = []

    def model(request: Request) -> str:
        schemas.append(request.answer_format.object_schema)
        return '{"total": 5, "due": null}'

    found = rlmlang.ask("How much?", type=Invoice, model=ScriptedModel(model), limits={"max_depth": 0})
    assert found.to(Invoice) == Invoice(total=5)
    text = json.dumps(schemas[0])
    assert '"description": "One invoice."' in text
    assert r'"description": "in cents; \"negative\" for a credit note"' in text


def test_the_forms_of_arguments_are_told_in_the_docstring() -> None:
    def shift(day: datetime.date, by: Annotated[int, "days, at most 31"], level: Level = Level.LOW) -> datetime.date:
        return day

    def plain(key: str) -> str:
        return key

    prompt = prompt_of(int, {"shift": shift, "next_day": next_day, "plain": plain})
    assert (
        'def shift(day: str, by: int) -> str:\n    """day: a date such as 2026-07-31\n    by: days, at most 31\n'
        in prompt
    )
    assert (
        'def next_day(day: str) -> str:\n    """day: a date such as 2026-07-31\n    It returns a date such as' in prompt
    )
    assert "def plain(key: str) -> str: ...\n" in prompt


def test_a_field_that_need_not_be_given_may_be_none_in_a_program() -> None:
    seen: list[Part] = []

    def part(name: str) -> Part:
        return {"name": name}

    def see(part: Part) -> int:
        seen.append(part)
        return len(part)

    assert "count: int | None\n" in prompt_of(Part)
    found = rlmlang.ask(
        "Which?", type=Part, model=ScriptedModel(lambda _: "return part('a')"), functions={"part": part}
    )
    assert found.to(Part) == {"name": "a", "note": None}
    program = "return see(part('a')) + see(Part('b', 2, 'c'))"
    functions = {"part": part, "see": see}
    assert rlmlang.ask("How many?", type=int, model=ScriptedModel(lambda _: program), functions=functions).value == 5
    assert sorted(seen, key=lambda each: each["name"]) == [
        {"name": "a", "note": None},
        {"name": "b", "count": 2, "note": "c"},
    ]


@pytest.mark.parametrize(
    ("type_", "written", "value", "told"),
    [
        (datetime.date, "2026-07-31", datetime.date(2026, 7, 31), "About the answer: a date such as 2026-07-31."),
        (list[Level], "[1, 3]", [Level.LOW, Level.HIGH], "About the answer: 1 is LOW, 3 is HIGH."),
        (Annotated[int, "in cents"], "5", 5, "About the answer: in cents."),
        (Color, "blue", Color.BLUE, ""),
        (Shelf, '{"rows": 2}', Shelf(2), ""),
    ],
)  # fmt: skip
def test_a_direct_answer_may_be_a_date_or_an_enumeration(type_: Any, written: str, value: object, told: str) -> None:
    prompts: list[str] = []

    def model(messages: list[dict[str, str]]) -> str:
        prompts.append(messages[-1]["content"])
        return written

    assert rlmlang.ask("Which?", type=type_, model=model, max_depth=0).to(type_) == value
    assert told in prompts[0]
    assert ("About the answer" in prompts[0]) == bool(told)


@dataclass
class Amount:
    value: int
    unit: str = "EUR"
    level: Level = Level.HIGH
    day: datetime.date | None = None
    rate: float = -0.5
    tags: tuple[str, ...] = ()
    rest: float = 1.5


@attrs.define
class Bill:
    number: int
    amount: float = attrs.field(default=2.5)
    lines: list[str] = attrs.field(factory=list)


class Offer(BaseModel):
    name: str = Field(default="none", description="of the shop")
    price: float | None = None


class Cell(NamedTuple):
    x: int
    y: int = 3


@pytest.mark.parametrize(
    ("kind", "program", "lines", "made"),
    [
        (Amount, "return Amount(1, 'USD', 1, None, 0.5, ())", ["    tags: tuple[str, ...]\n", "    rest: float = 1.5\n"], Amount(1, "USD", Level.LOW, None, 0.5)),
        (Bill, "return Bill(1, 2.5, [])", ["    amount: float\n", "    lines: list[str]\n"], Bill(1)),
        (Offer, "return Offer()", ['    name: str = "none"  # of the shop\n', "    price: float | None = None\n"], Offer()),
        (Cell, "return Cell(1)", ["    x: int\n    y: int = 3\n"], Cell(1)),
    ],
)  # fmt: skip
def test_constants_are_defaults_to_the_model_too(kind: Any, program: str, lines: list[str], made: object) -> None:
    prompt = prompt_of(kind)
    assert [line for line in lines if line not in prompt] == []
    assert rlmlang.ask("Which?", type=kind, model=ScriptedModel(lambda _: program)).to(kind) == made


def test_a_function_may_leave_out_what_has_a_default() -> None:
    functions = {"cell": lambda: {"x": 1}}
    functions["cell"].__annotations__ = {"return": Cell}
    found = rlmlang.ask("Which?", type=Cell, model=ScriptedModel(lambda _: "return cell()"), functions=functions)
    assert found.to(Cell) == Cell(1)
