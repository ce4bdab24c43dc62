"""What people have is taken as it is: objects, tables, dates and numbers of libraries, by what they are."""

from __future__ import annotations

import datetime
import math
import os
import subprocess
import sys
from collections import ChainMap, deque
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import Mock
from uuid import UUID

import attrs
import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from rlmlang.runtime.python_values import PLAIN, data_of
from rlmlang.runtime.values import Mismatch


class Color(Enum):
    RED = "red"


@dataclass
class Line:
    name: str
    price: float
    tags: list[str] = field(default_factory=list)


@attrs.define
class Address:
    city: str
    color: Color = Color.RED


class Customer(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    since: datetime.date
    address: Any = None


class Names(RootModel[list[str]]):
    pass


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("given", "data"),
    [
        (Line("a", 1.5), {"name": "a", "price": 1.5, "tags": []}),
        (Address("Bonn"), {"city": "Bonn", "color": "red"}),
        (
            Customer(name="b", since=datetime.date(2026, 1, 2), address=Address("Rom"), vip=True),  # type: ignore[call-arg]
            {"name": "b", "since": "2026-01-02", "address": {"city": "Rom", "color": "red"}, "vip": True},
        ),
        (Names(["a", "b"]), ["a", "b"]),
        (Point(1, 2), (1, 2)),
        ([Color.RED, {"c": Color.RED}], ["red", {"c": "red"}]),
        ({Color.RED: 1}, {"red": 1}),
        (datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(minutes=1, milliseconds=500), 60.5),
        (Path("a") / "b", "a/b"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ({"b": 1, "a": 2}.keys(), ["b", "a"]),
        ({"b": 1, "a": 2}.values(), [1, 2]),
        ({"b": 1}.items(), [("b", 1)]),
        (SimpleNamespace(a=1, b=SimpleNamespace(c=[2])), {"a": 1, "b": {"c": [2]}}),
        (np.rec.array([(1, "x")], dtype=[("a", "i8"), ("b", "U5")]), [{"a": 1, "b": "x"}]),
        (ChainMap({"a": 1}), {"a": 1}),
        (frozenset({1, 2}), {1, 2}),
        (np.float64(1.5), 1.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(5), 5),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array(["2026-01-02T03:04:05"], "datetime64[ns]"), ["2026-01-02T03:04:05"]),
        (np.datetime64("NaT", "ns"), None),
        ({np.int64(1): np.int64(2)}, {1: 2}),
    ],
)
def test_an_object_is_read_by_what_it_is(given: object, data: object) -> None:
    found = data_of(given, "`x`")
    assert found == data
    assert not isinstance(found, np.generic)


class _PandasLikeFrame:
    """A table with the methods of pandas that are asked for."""

    columns = ("name", "n")

    def itertuples(self) -> Any: ...

    def to_dict(self, orient: str) -> Any:
        assert orient == "records"
        return [{"name": "a", "n": np.int64(1)}, {"name": "b", "n": NAType()}]


class NAType:
    """The class of the missing value of pandas, by its name."""

    def __bool__(self) -> bool:
        raise TypeError("the truth of a missing value is not known")


class _PolarsLikeFrame:
    columns = ("n",)

    def to_dicts(self) -> Any:
        return [{"n": 1}]


def test_a_table_is_a_list_of_records() -> None:
    assert data_of(_PandasLikeFrame(), "`x`") == [{"name": "a", "n": 1}, {"name": "b", "n": None}]
    assert data_of(_PolarsLikeFrame(), "`x`") == [{"n": 1}]


def test_a_data_frame_of_polars_is_a_list_of_records() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"name": ["a", None], "day": [datetime.date(2026, 1, 2), None], "tags": [["x"], []]})
    rows = [{"name": "a", "day": "2026-01-02", "tags": ["x"]}, {"name": None, "day": None, "tags": []}]
    assert data_of(frame, "`x`") == rows
    assert data_of(frame["name"], "`x`") == ["a", None]
    with pytest.raises(Mismatch) as caught:
        data_of(frame.lazy(), "`x`")
    assert caught.value.hint == "give value.collect()"


def test_a_table_of_pyarrow_is_a_list_of_records() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"n": [1, None], "day": [datetime.date(2026, 1, 2), None]})
    assert data_of(table, "`x`") == [{"n": 1, "day": "2026-01-02"}, {"n": None, "day": None}]
    assert data_of(table["n"], "`x`") == [1, None]
    assert data_of(pyarrow.array(["a"]), "`x`") == ["a"]
    assert data_of([pyarrow.scalar(3), table["day"][0]], "`x`") == [3, "2026-01-02"]


def test_a_data_frame_of_pandas_is_a_list_of_records() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"name": ["a", "b"], "n": [1, 2], "day": pandas.to_datetime(["2026-01-02", None])})
    assert data_of(frame, "`x`") == [
        {"name": "a", "n": 1, "day": "2026-01-02T00:00:00"},
        {"name": "b", "n": 2, "day": None},
    ]
    for backend in ("numpy_nullable", "pyarrow"):
        assert data_of(frame[["name", "n"]].convert_dtypes(dtype_backend=backend), "`x`")[1] == {"name": "b", "n": 2}
    assert data_of(frame["n"], "`x`") == [1, 2]
    assert data_of([frame["day"][0], frame["day"][1], pandas.Timedelta("5s"), pandas.NA], "`x`") == [
        "2026-01-02T00:00:00", None, 5.0, None,
    ]  # fmt: skip
    assert data_of(frame["n"], "`x`") == [1, 2]
    gaps = pandas.DataFrame({"price": [1.5, None], "name": ["a", None], "n": [1, 2]})
    assert data_of(gaps, "`x`") == [{"price": 1.5, "name": "a", "n": 1}, {"price": None, "name": None, "n": 2}]
    assert data_of(gaps["price"], "`x`") == [1.5, None]
    assert data_of(pandas.Series([1, 2]).index, "`x`") == [0, 1]
    assert data_of(pandas.Categorical(["a", "b"]), "`x`") == ["a", "b"]
    with pytest.raises(Mismatch, match="is inf, which is no number"):
        data_of(pandas.DataFrame({"price": [math.inf]}), "`x`")


class _Broken:
    dtype = "float64"

    def tolist(self) -> Any:
        raise OSError("the device is gone")


class _Cyclic:
    pass


@dataclass
class Node:
    next: Any = None


@pytest.mark.parametrize(
    ("given", "why", "hint"),
    [
        (b"a", "`x` is of the Python type bytes, which the language does not have", "give text, such as value.decode()"),
        (Fraction(1, 3), "`x` is of the Python type Fraction, which the language does not have", "give float(value), or str(value)"),
        ((i for i in "a"), "`x` is of the Python type generator, which the language does not have", "give list(value)"),
        (Line, "`x` is of the Python type type, which the language does not have", "give an object of it"),
        ([1, object()], "`x`[1] is of the Python type object, which the language does not have", PLAIN),
        (ValueError("a"), "`x` is of the Python type ValueError, which the language does not have", PLAIN),
        (Mock(), "`x` is of the Python type Mock, which the language does not have", PLAIN),
        (
            Line("a", math.nan),
            "`x`.price is nan, which is no number of the language",
            "give None where a number is missing, and declare the type `float | None`",
        ),
        (
            np.array([1.0, np.inf]),
            "`x`[1] is inf, which is no number of the language",
            "give None where a number is missing, and declare the type `float | None`",
        ),
        ({None: 1}, "`x` has the key None, which no dict or set of the language has", "make its keys text"),
        (_Broken(), "`x` cannot be read: OSError: the device is gone", None),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_give_instead(given: object, why: str, hint: str | None) -> None:
    with pytest.raises(Mismatch) as caught:
        data_of(given, "`x`")
    assert (str(caught.value), caught.value.hint) == (why, hint)


def test_an_object_that_contains_itself_is_refused() -> None:
    node = Node()
    node.next = [node]
    with pytest.raises(Mismatch, match=r"`x`.next\[0\] contains itself"):
        data_of(node, "`x`")


@pytest.mark.parametrize("hash_seed", ["1", "2", "3", "4"])
def test_a_set_of_texts_and_numbers_is_refused_whatever_the_order(hash_seed: str) -> None:
    text = "import rlmlang; rlmlang.compile('def f(x):\\n    return len(x)\\n').run(x={1, 'a', (1, 'a'), ('a', 1)})"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}
    )
    assert "error[E603]: `x` is of no type of the language: it mixes" in done.stderr
