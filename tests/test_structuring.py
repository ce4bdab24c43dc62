"""`result.to(MyClass)`: values of programs as objects of the caller's classes, and back."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field

import rlmlang
from rlmlang.errors import InvalidOption, ValueMismatch
from rlmlang.structuring import structured


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@dataclass
class Line:
    name: str
    amount: float
    count: int = 1


@dataclass
class Invoice:
    number: int
    color: Color
    day: datetime.date
    lines: list[Line]
    by_name: dict[str, Line] = field(default_factory=dict)
    note: str | None = None


@attrs.define
class Account:
    owner: str
    balance: int = attrs.field(default=1, validator=attrs.validators.gt(0))


class Person(BaseModel):
    name: str
    born: datetime.date | None = None
    lines: list[Line] = []


class Pair(NamedTuple):
    key: str
    place: int


class Row(TypedDict):
    name: str
    count: NotRequired[int]


T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    item: T


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        ({"name": "a", "amount": 1}, Line, Line("a", 1.0)),
        ([{"owner": "a", "balance": 2}], list[Account], [Account("a", 2)]),
        ({"name": "a", "born": "2026-01-02"}, Person, Person(name="a", born=datetime.date(2026, 1, 2))),
        ({"a": {"name": "a", "lines": [{"name": "b", "amount": 2.5}]}}, dict[str, Person], {"a": Person(name="a", lines=[Line("b", 2.5)])}),
        ("red", Color, Color.RED),
        (3, Level, Level.HIGH),
        ("yes", Word, Word.YES),
        ({"key": "a", "place": 2}, Pair, Pair("a", 2)),
        (("a", 2), Pair, Pair("a", 2)),
        ({"name": "a"}, Row, {"name": "a"}),
        ({"item": {"item": 1}}, Box[Box[int]], Box(Box(1))),
        ("b", Literal["a", "b"], "b"),
        (None, Line | None, None),
        ({"name": "a", "amount": 1.5}, Line | None, Line("a", 1.5)),
        ({"owner": "a"}, Line | Account, Account("a")),
        (3, int | str, 3),
        ({1, 2}, set[Level | int], {1, 2}),
        ({1}, frozenset[int], frozenset({1})),
        ([1, 2], tuple[int, ...], (1, 2)),
        (["a", 2], tuple[str, int], ("a", 2)),
        (["a"], Sequence[str], ("a",)),
        ([1], Iterable[int], (1,)),
        ("a/b", PurePath, Path("a/b")),
        ({(1, "a"): 2}, dict[tuple[int, str], int], {(1, "a"): 2}),
        ("2026-01-02T03:04:05+00:00", datetime.datetime, datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        (1.5, datetime.timedelta, datetime.timedelta(seconds=1.5)),
        ("a/b", Path, Path("a/b")),
        (str(UUID(int=5)), UUID, UUID(int=5)),
        ([1, "a"], Any, [1, "a"]),
        (3, float, 3.0),
    ],
)  # fmt: skip
def test_a_value_becomes_an_object_of_the_type(value: object, kind: Any, made: object) -> None:
    found = structured(value, kind)
    assert found == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ({"name": "b", "lines": [{"name": "a", "amount": "x"}]}, Person, "Person: `value.lines[0].amount` is refused: Input should be a valid number"),
        ([{"name": "a", "amount": "12"}], list[Line], "`value[0].amount` is '12', not float"),
        ({"name": "a"}, Line, "Line: `value.amount` is missing"),
        ({"name": "a", "amount": 1.0, "size": 1}, Line, "Line: `value` has a field 'size', which Line does not have"),
        ({"name": "a", "amount": 1.0, "count": True}, Line, "`value.count` is True, not int"),
        ({"owner": "a", "balance": 0}, Account, "Account: `value` is refused: 'balance' must be > 0: 0"),
        ({"a": {"name": 1}}, dict[str, Row], "`value['a'].name` is 1, not str"),
        ({"count": 1}, Row, "Row: `value.name` is missing"),
        ("green", Color, "Color: `value` is 'green', none of 'red', 'blue'"),
        ("no", Word, "Word: `value` is 'no', none of 'yes'"),
        ("b", Literal["a"], "Literal['a']: `value` is 'b', not Literal['a']"),
        (True, Literal[1], "Literal[1]: `value` is True, not Literal[1]"),
        (1.5, int | str, "int | str: `value` is 1.5, not int | str"),
        ({"name": 1, "amount": 1}, Line | None, "`value.name` is 1, not str"),
        ("ab", list[str], "list[str]: `value` is 'ab', not list[str]"),
        ({"a": 1}, list[str], "list[str]: `value` is {'a': 1}, not list[str]"),
        ([1, 2, 3], Pair, "Pair: `value`"),
        ("12", int, "int: `value` is '12', not int"),
        (12, str, "str: `value` is 12, not str"),
        (1.0, int, "int: `value` is 1.0, not int"),
        ("today", datetime.date, "date: `value` is 'today', not date"),
        (3, datetime.date, "date: `value` is 3, not date"),
        (None, Line, "Line: `value` is None, not Line"),
        ("a", bytes, "bytes: `value` is 'a', not bytes"),
    ],
)  # fmt: skip
def test_the_error_says_which_field_does_not_fit(value: object, kind: Any, why: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        structured(value, kind)
    assert caught.value.first.code == "E611"
    assert why in caught.value.first.message


@pytest.mark.parametrize("kind", [object, list[object], type("Own", (), {})])
def test_a_type_that_no_value_can_be_made_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidOption, match=r"E607.*no value can be made (object|Own)") as caught:
        structured([1], kind)
    assert "dataclasses" in str(caught.value.first.hint)


PROGRAM = """\
class Line:
    name: str
    amount: float
    count: int

class Invoice:
    number: int
    color: Literal["red", "blue"]
    day: str
    lines: list[Line]
    by_name: dict[str, Line]
    note: str | None

invoices: list[Invoice]
invoices
"""

texts = st.text(max_size=5)
lines = st.builds(Line, texts, st.floats(allow_nan=False, allow_infinity=False), st.integers())
invoices = st.builds(
    Invoice, st.integers(), st.sampled_from(Color), st.dates(), st.lists(lines, max_size=3),
    st.dictionaries(texts, lines, max_size=3), st.none() | texts,
)  # fmt: skip


@given(st.lists(invoices, max_size=3))
def test_objects_go_through_a_program_and_come_back_as_they_were(given: list[Invoice]) -> None:
    assert rlmlang.compile(PROGRAM).run(invoices=given).to(list[Invoice]) == given


RECORDS = """\
class Account:
    owner: str
    balance: int

class Row:
    name: str
    count: int

"""

PYTHON_TYPES: list[tuple[str, Any, st.SearchStrategy[Any]]] = [
    ("str", str, texts),
    ("str", Color, st.sampled_from(Color)),
    ("int", Level, st.sampled_from(Level)),
    ("str", datetime.datetime, st.datetimes(timezones=st.none() | st.just(datetime.UTC))),
    ("str", datetime.time, st.times()),
    ("float", datetime.timedelta, st.timedeltas(max_value=datetime.timedelta(10**4), min_value=-datetime.timedelta(10**4))),
    ("str", UUID, st.uuids()),
    ("str", Path, texts.filter(lambda text: "\0" not in text).map(Path)),
    ("float", float, st.floats(allow_nan=False, allow_infinity=False)),
    ("bool", bool, st.booleans()),
    ("int | None", int | None, st.none() | st.integers()),
    ("set[int]", frozenset[int], st.frozensets(st.integers())),
    ("dict[tuple[str, int], bool]", dict[tuple[str, int], bool], st.dictionaries(st.tuples(texts, st.integers()), st.booleans())),
    ("tuple[str, int]", Pair, st.builds(Pair, texts, st.integers())),
    ("Account", Account, st.builds(Account, texts, st.integers(1))),
    ("list[Row]", list[Row], st.lists(st.fixed_dictionaries({"name": texts, "count": st.integers()}))),
    ("list[int]", list[Level], st.lists(st.sampled_from(Level))),
    ("dict[str, Account]", dict[Color, Account], st.dictionaries(st.sampled_from(Color), st.builds(Account, texts, st.integers(1)))),
    ("list[tuple[int, ...]]", list[tuple[int, ...]], st.lists(st.lists(st.integers()).map(tuple))),
]  # fmt: skip


@given(st.data())
def test_values_of_every_kind_go_in_and_come_out(data: st.DataObject) -> None:
    declared, kind, values = data.draw(st.sampled_from(PYTHON_TYPES))
    value = data.draw(values)
    found = rlmlang.compile(f"{RECORDS}x: {declared}\nx\n").run(x=value).to(kind)
    assert found == value
    assert type(found) is type(value) or kind == int | None


RECORD = "class Person:\n    name: str\n    born: str | None\n    lines: list[int]\n\nx: Person\nx\n"


@given(st.builds(Person, name=texts, born=st.none() | st.dates()))
def test_models_of_pydantic_go_in_and_come_out(person: Person) -> None:
    assert rlmlang.compile(RECORD).run(x=person).to(Person) == person


def test_a_named_tuple_is_a_record_where_one_is_declared() -> None:
    program = rlmlang.compile("class Pair:\n    key: str\n    place: int\n\nx: Pair\nx\n")
    assert program.run(x=Pair("a", 1)).to(Pair) == Pair("a", 1)
    assert asdict(program.run(x=Pair("a", 1)).to(Line | Box[int] | _Keyed)) == {"key": "a", "place": 1}


@dataclass
class _Keyed:
    key: str
    place: int


class Aliased(BaseModel):
    first_name: str = Field(alias="firstName")
    place: int = Field(default=0, validation_alias=AliasChoices("rank", "position"))


class Team(BaseModel):
    lead: Aliased
    members: list[Aliased] = Field(default=[], alias="people")


@pytest.mark.parametrize(
    "names", ["first_name: str\n    place: int", "firstName: str\n    rank: int", "first_name: str\n    position: int"]
)
def test_a_model_with_aliases_is_made_by_both_names(names: str) -> None:
    program = rlmlang.compile(f'class Row:\n    {names}\n[Row("Ann", 2)]\n')
    assert program.run().to(list[Aliased]) == [Aliased(firstName="Ann", rank=2)]  # type: ignore[call-arg]


def test_a_model_with_aliases_goes_in_and_out() -> None:
    team = Team(lead=Aliased(firstName="Ann"), people=[Aliased(firstName="Bob", rank=1)])  # type: ignore[call-arg]
    assert rlmlang.compile("def same(team):\n    return team\n").run(team=team).to(Team) == team
