"""YAML, as the schema of YAML 1.2 reads its scalars: `no` is a text, and so are dates and times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from rlmlang.data.forms import DataForm
from rlmlang.data.libraries import library
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table
from rlmlang.runtime.strict_json import MAX_JSON_DEPTH

MAX_YAML = 50_000_000
"""The most characters of a YAML file, of which each takes some hundred bytes while it is read."""

MAX_EXPANDED = 10
"""How many times as many values as it has a document may mean by its aliases."""

_SCALARS = (
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+\Z"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ("~", "n", "N", "")),
)


@cache
def _loader() -> Any:
    """Return a loader of PyYAML that makes nothing but data, with these scalars alone."""
    yaml = library("yaml", "YAML files")

    def compose_node(own: Any, parent: Any, index: Any) -> Any:
        own.levels += 1
        if own.levels > MAX_JSON_DEPTH:
            raise ValueError(f"it is more than {MAX_JSON_DEPTH} levels deep")
        found = yaml.SafeLoader.compose_node(own, parent, index)
        own.levels -= 1
        return found

    own_rules = {
        "yaml_implicit_resolvers": {},
        "compose_node": compose_node,
        "levels": 0,
        "mistake": yaml.MarkedYAMLError,
    }
    loader: Any = type("Loader", (yaml.SafeLoader,), own_rules)
    for tag, pattern, first in _SCALARS:
        loader.add_implicit_resolver(tag, pattern, list(first))
    loader.add_constructor("tag:yaml.org,2002:int", lambda own, node: int(own.construct_scalar(node)))
    return loader


def _documents(place: DataPlace) -> list[Any]:
    """Return the documents of a file. Raises UsageError E604."""
    loader_class = _loader()
    text = place.text()
    if len(text) > MAX_YAML:
        raise place.broken(f"it has more than {MAX_YAML:,} characters", "write it as JSON Lines")
    with place.library_reads("YAML file"):
        loader = loader_class(text)
        try:
            found = []
            while loader.check_node():
                node = loader.get_node()
                _refuse_expansion(node, place)
                found.append(loader.construct_document(node))
            return found
        except loader_class.mistake as error:  # its first line says what it was about to do, and not what is wrong
            raise ValueError(f"line {error.problem_mark.line + 1:,}: {error.problem}") from error
        finally:
            loader.dispose()


def _refuse_expansion(root: Any, place: DataPlace) -> None:
    """Raise UsageError E604 for a document in which aliases stand for far more than is written."""
    sizes: dict[int, int] = {}
    waiting = [(root, False)]
    while waiting:
        node, seen = waiting.pop()
        if isinstance(node.value, str) or (not seen and id(node) in sizes):
            continue
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        if seen:
            sizes[id(node)] = 1 + sum(sizes.get(id(part), 1) for part in parts)
        else:
            sizes[id(node)] = 1
            waiting.append((node, True))
            waiting += [(part, False) for part in parts]
    expanded = sizes.get(id(root), 1)
    if expanded > 1_000 + MAX_EXPANDED * len(sizes):
        raise place.broken(f"its aliases stand for {expanded:,} values", "write them out, or use fewer")


def _data(place: DataPlace) -> Any:
    """Return the data of a file; that of several documents is a list. Raises UsageError E604."""
    documents = _documents(place)
    if not documents:
        raise place.broken("it is empty")
    return documents[0] if len(documents) == 1 else documents


def _rows(place: DataPlace) -> Table:
    """Return a list of objects as rows. Raises UsageError E604."""
    data = _data(place)
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise place.broken("it is no list of mappings", "begin each row with `- `")

    def begin() -> Iterator[dict[str, Any]]:
        return iter(data)

    return Table(place.name, begin, count=len(data))


YAML = DataForm("YAML", DataPlace.text, _rows, _data)
