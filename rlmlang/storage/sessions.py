"""What sessions have bound, kept in a store: names with their types and values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from attrs import evolve, frozen

from rlmlang.errors import UsageError
from rlmlang.language.type_structure import structure_of, type_of_structure
from rlmlang.language.types import Type
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, Value, canonical
from rlmlang.storage.store import Store

_ANSWER = re.compile(r"answer_(\d{1,9})")


@frozen
class SessionValue:
    """A value that a session has, under a name."""

    name: str
    type: Type
    value: Value
    about: str = ""
    """The question that it answers; empty for inputs and variables."""


@frozen
class SessionRow:
    """A session in a store."""

    name: str
    values: int
    changed: float
    """When something was bound last, in Unix seconds."""


def sessions(store: Store) -> list[SessionRow]:
    """Return the sessions in a store, the latest first. Raises UsageError E606, as all functions here do."""
    with store.reporting_errors():
        rows = store.db.query(
            "select session, count(*), max(bound) from session_values group by session order by 3 desc"
        )
    return [SessionRow(str(name), int(count), float(changed)) for name, count, changed in rows]


def values_in(store: Store, session: str) -> dict[str, SessionValue]:
    """Return what a session has bound, by name, in order of binding. Raises UsageError E606 if it is damaged."""
    with store.reporting_errors():
        rows = store.db.query(
            "select name, about, type, value from session_values where session = ? order by seq", (session,)
        )
    try:
        return {
            name: SessionValue(name, (type_ := type_of_structure(json.loads(structure))), _value(text, type_), about)
            for name, about, structure, text in rows
        }
    except (ValueError, KeyError, Mismatch) as error:
        hint = "forget it: `rlmlang sessions forget NAME`"
        raise UsageError.of("E606", f"the session {session!r} in {store.name} is damaged", hint=hint) from error


def _value(text: str, type_: Type) -> Value:
    return from_json(parse_json(json.loads(text)), type_)


def bind_in(store: Store, session: str, values: Iterable[SessionValue]) -> None:
    """Bind values in a session, in place of those that have their names already."""
    with store.reporting_errors(), store.db.transaction():
        _bind(store, session, values)


def add_to(store: Store, session: str, variables: Iterable[SessionValue], answer: SessionValue) -> None:
    """Bind the variables of a program that no value has the name of, and its answer as the next `answer_N`.

    The names are looked up where they are bound, so that of two processes that ask at once none loses its answer.
    """
    with store.reporting_errors(), store.db.transaction():
        names = {str(name) for (name,) in _names(store, session)}
        found = [each for each in variables if each.name not in names]
        names |= {each.name for each in found}
        numbers = [int(match[1]) for name in names if (match := _ANSWER.fullmatch(name))]
        _bind(store, session, [*found, evolve(answer, name=f"answer_{max(numbers, default=0) + 1}")])


def _bind(store: Store, session: str, values: Iterable[SessionValue]) -> None:
    ((last,),) = store.db.query("select coalesce(max(seq), 0) from session_values where session = ?", (session,))
    for seq, each in enumerate(values, int(last) + 1):
        # twice JSON, so that it is ASCII: a database takes neither half surrogate pairs nor the character 0
        text = json.dumps(canonical(each.value))
        structure = json.dumps(structure_of(each.type))
        store.db.query("delete from session_values where session = ? and name = ?", (session, each.name))
        store.db.query(
            "insert into session_values (session, name, seq, about, type, value, bound) "
            f"values (?, ?, ?, ?, ?, ?, {store.db.now})",
            (session, each.name, seq, each.about, structure, text),
        )


def names_in(store: Store, session: str) -> set[str]:
    """Return the names that a session has bound."""
    with store.reporting_errors():
        return {str(name) for (name,) in _names(store, session)}


def _names(store: Store, session: str) -> list[tuple[str, ...]]:
    return store.db.query("select name from session_values where session = ?", (session,))


def copy_session(store: Store, session: str, copy: str) -> None:
    """Bind in a new session what another one has bound."""
    with store.reporting_errors():
        store.db.query(
            "insert into session_values (session, name, seq, about, type, value, bound) "
            f"select ?, name, seq, about, type, value, {store.db.now} from session_values where session = ?",
            (copy, session),
        )


def rename_session(store: Store, session: str, name: str) -> None:
    """Give a session another name, in place of the one that has it already."""
    with store.reporting_errors(), store.db.transaction():
        store.db.query("delete from session_values where session = ?", (name,))
        store.db.query("update session_values set session = ? where session = ?", (name, session))


def forget_sessions_of_clients(store: Store, older_than: float) -> None:
    """Remove the sessions of clients of a server, which have a `:` in their names, last changed so many seconds ago."""
    with store.reporting_errors():
        store.db.query(
            "delete from session_values where session in (select session from session_values where session like ? "
            f"group by session having max(bound) < {store.db.now} - ?)",
            ("%:%", older_than),
        )


def forget_session(store: Store, session: str) -> int:
    """Remove a session from a store, and return how many values it had."""
    with store.reporting_errors(), store.db.transaction():
        return len(store.db.query("delete from session_values where session = ? returning 1", (session,)))
