"""Functions of the host and questions that name classes of the caller: dataclasses, attrs, pydantic and the like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import attrs
import pytest
from pydantic import BaseModel

import rlmlang
from rlmlang.annotations import type_of_annotation
from rlmlang.errors import FunctionFailed, UsageError
from rlmlang.language.types import ListType, RecordType
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel


@dataclass
class Line:
    name: str
    price: float
    note: str | None = None


@dataclass
class Invoice:
    lines: list[Line]


@attrs.define
class Box:
    invoice: Invoice
    size: int = 0


class Order(BaseModel):
    name: str
    invoice: Invoice | None = None


class Place(NamedTuple):
    x: int
    y: int


class Row(TypedDict):
    name: str
    place: Place


@dataclass
class Node:
    below: list[Node]


def total(invoice: Invoice) -> float:
    """Add up the prices."""
    assert isinstance(invoice, Invoice)
    return sum(line.price for line in invoice.lines)


def invoice_of(order: Order) -> Invoice | None:
    assert isinstance(order, Order)
    return order.invoice


def placed(row: Row, others: dict[str, Place]) -> Place:
    assert all(isinstance(place, Place) for place in (row["place"], *others.values()))
    return Place(row["place"].x, len(others))


def writes(text: str) -> ScriptedModel:
    return ScriptedModel(lambda request: text)


INVOICE = Invoice([Line("a", 2.5), Line("b", 1.0, "late")])


@pytest.mark.parametrize(
    ("functions", "inputs", "program", "value"),
    [
        ([total], {"invoice": INVOICE}, "return total(invoice)", 3.5),
        ([total], {"name": "a"}, "return total(Invoice([Line(name, 4.0, None)]))", 4.0),
        ([total, invoice_of], {"order": Order(name="o", invoice=INVOICE)}, "found = invoice_of(order)\nreturn 0.0 if found is None else total(found)", 3.5),
        ([placed], {"row": {"name": "a", "place": Place(1, 2)}}, "return placed(Row('a', Place(4, 5)), {'b': Place(1, 2)}).x * 1.0", 4.0),
    ],
)  # fmt: skip
def test_a_model_s_program_applies_functions_of_classes(
    functions: list[Any], inputs: dict[str, Any], program: str, value: float
) -> None:
    given = {each.__name__: each for each in functions}
    assert rlmlang.ask("How much?", inputs, type=float, model=writes(program), functions=given).value == value


def test_the_model_sees_the_classes_of_functions_once() -> None:
    seen: list[str] = []

    def model(request: Request) -> str:
        seen.append(request.messages[-1].content)
        return "return 1.0"

    functions = {"total": total, "invoice_of": invoice_of}
    rlmlang.ask("How much?", {"invoice": INVOICE}, type=float, model=ScriptedModel(model), functions=functions)
    for text in ("class Line:\n    name: str\n    price: float\n    note: str | None = None\n", "class Invoice:\n"):
        assert seen[0].count(text) == 1
    assert "def total(invoice: Invoice) -> float:" in seen[0]
    assert "def answer(invoice: Invoice) -> float:" in seen[0]


def test_the_answer_to_a_question_may_be_of_a_class() -> None:
    found = rlmlang.ask(
        "Which is dearer?",
        {"one": Line("a", 1.0), "other": Line("b", 2.0)},
        type=list[Line],
        model=writes("return [one if one.price > other.price else other]"),
    )
    assert found.to(list[Line]) == [Line("b", 2.0)]


def test_a_program_s_own_records_are_given_as_objects_of_the_classes() -> None:
    text = """\
class Bill:
    lines: list[Entry]
class Entry:
    name: str
    price: float
    note: str | None
def total(invoice: Bill) -> float: ...
total(Bill([Entry("a", 2.0, None)]))
"""
    records = text.split("class Entry")  # a class is written before it is used
    entry = "class Entry" + records[1].split("def total")[0]
    program = rlmlang.compile(entry + records[0] + "def total" + records[1].split("def total")[1])
    assert program.run(functions={"total": total}).value == 2.0


def test_an_attrs_object_goes_in_and_out_of_a_function() -> None:
    def grown(box: Box) -> Box:
        return Box(box.invoice, box.size + 1)

    model = writes("return grown(grown(box))")
    found = rlmlang.ask("Grow it", {"box": Box(INVOICE)}, type=Box, model=model, functions={"grown": grown})
    assert found.to(Box) == Box(INVOICE, 2)


def test_an_argument_that_does_not_fit_the_class_says_so() -> None:
    program = rlmlang.compile("class Bill:\n    rows: int\ndef total(b: Bill) -> float: ...\ntotal(Bill(1))\n")
    with pytest.raises(FunctionFailed, match="`total` cannot be given its arguments: the value does not fit Invoice"):
        program.run(functions={"total": total})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Line, ["name", "price", "note"]),
        (Box, ["invoice", "size"]),
        (Order, ["name", "invoice"]),
        (Place, ["x", "y"]),
        (Row, ["name", "place"]),
    ],
)
def test_a_class_of_fields_is_a_record(kind: Any, fields: list[str]) -> None:
    found = type_of_annotation(list[kind])
    assert isinstance(found, ListType)
    assert isinstance(found.item, RecordType)
    assert (found.item.name, [name for name, _ in found.item.fields]) == (kind.__name__, fields)


def test_a_class_that_is_a_part_of_itself_is_no_record() -> None:
    with pytest.raises(UsageError, match="is a part of itself"):
        type_of_annotation(Node)
