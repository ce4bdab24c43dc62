"""The names that may follow the start of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from string import ascii_lowercase
from typing import Self

from rlmlang.decode.closings.conversions import can_become
from rlmlang.decode.closings.fragments import applications, attributes, function_named, parameters
from rlmlang.decode.closings.operands import OF_ITS_ARGUMENTS
from rlmlang.decode.closings.search import Search
from rlmlang.decode.decorators import FACTORIES, IMPORTED, is_field, rests
from rlmlang.decode.lines import Point
from rlmlang.decode.placeholders import FRESH
from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import LineState, module_of, names_in, static_methods, tests_types
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, ModuleConstant
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES, TYPING_NAMES
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.scope import ModuleEntry, Variable
from rlmlang.language.types import UNKNOWN, FunctionType, OptionalType, Type
from rlmlang.runtime.exceptions import CAUGHT, RAISED

_TESTING = ("if", "elif", "while", "assert", "and", "or", "not")
"""After these words something may be tested for None, so an operand may fit where one of unknown type does not."""


class NamedLine(LineState):
    """The start of a line, as far as names need to know of it."""

    point: Point
    lexemes: tuple[str, ...]
    """All lexemes of the line so far."""
    twin_of: Self | None
    receiver: Type | None
    """The type of the operand before the dot that was written last, if it is known."""

    def child(self, lexeme: str) -> Self | None:
        """Return the line with one more lexeme, or None if it cannot follow."""
        raise NotImplementedError


class NextNames:
    """The names that may follow a prefix. What is found out about one holds for all names of its type."""

    def __init__(self, prefix: NamedLine) -> None:
        self.prefix = prefix
        self._known: dict[str, bool] = {}
        self._representatives: dict[Type, str] = {}
        """By type, the variable of that type that all others of the type follow."""
        self._functions: dict[tuple[object, ...], str] = {}
        """By the types of its results, the function of the library that all with these follow."""
        self._verdicts: dict[Type, tuple[str, ...] | None] = {}
        self._expected: list[Type] | None = None
        self._keywords: frozenset[str] = frozenset()
        """The parameters of the function whose arguments are being written."""
        self._binds: bool | None = None
        """Whether a new name may be written where an operand is expected, as a comprehension may bind it."""
        self._letters: frozenset[str] = frozenset()
        """New names that may be a further target, as in `i = j = 0`: those of one letter (decision 132)."""
        self._only_listed = False
        """Whether no other names than the candidates may follow, as in an import."""
        self.candidates, self._judge = self._role()
        self._candidates = frozenset(self.candidates)

    def _role(self) -> tuple[tuple[str, ...], Callable[[str], bool]]:
        """Return the candidates, and the function that says whether one may follow."""
        prefix, takes = self.prefix, tables().takes
        words = [word for word in (*tables().fixed, *prefix.closing[:1]) if word.isidentifier()]
        if not takes(prefix.stack, "NAME"):
            return tuple(words), self._child
        if prefix.words[:1] == ("@",):
            self._only_listed = True
            found = rests(prefix.environment, prefix.lexemes, prefix.point.defining_words)
            return tuple(dict.fromkeys(line[0] for line in found if line)), self._child
        if prefix.last == ".":
            return tuple(_attribute_names(prefix)), self._child
        if prefix.takes_type:
            return (*words, *_type_names(prefix)), self._child
        if (listed := _listed_names(prefix)) is not None:
            self._only_listed = True
            return (*words, *listed), self._child
        known = dict.fromkeys([*words, *prefix.environment.entries, *names_in(prefix)])
        if prefix.frame is not None and prefix.frame.kind == "call":
            self._keywords = frozenset(parameters(prefix))
            known.update(dict.fromkeys(self._keywords))
        if not prefix.takes_operand:
            return tuple(known), self._child
        known.update(dict.fromkeys([*BUILTINS, *library_names()]))
        known.update((name, None) for name in prefix.environment.typing if is_field(prefix.environment, name))
        if prefix.last == "=" and prefix.frame is None:
            self._letters = frozenset(ascii_lowercase).difference(known)
            known.update(dict.fromkeys(sorted(self._letters)))
        return tuple(known), self._operand

    @cached_property
    def variables(self) -> list[str]:
        """Return the candidates that the shape of the line does not tell: variables, and names that the line binds."""
        if self._judge == self._child and self.prefix.last == ".":
            return []
        entries = self.prefix.environment.entries
        known = frozenset((*tables().fixed, *BUILTINS, *library_names(), *self._keywords))
        return [
            name
            for name in self.candidates
            if (isinstance(entry := entries.get(name), Variable) and not isinstance(entry.type, FunctionType))
            or (entry is None and name not in known)
        ]

    @cached_property
    def others(self) -> list[str]:
        """Return the candidates that lines of the same shape have, too."""
        variables = frozenset(self.variables)
        return [name for name in self.candidates if name not in variables]

    @property
    def fresh(self) -> bool:
        """Return whether a new name may follow."""
        return self.prefix.last != "." and self._child(FRESH)

    @property
    def fresh_hidden(self) -> bool:
        """Return whether a new name that starts with `_` may follow. Fields have no such names."""
        return self._child(f"_{FRESH}")

    def rules_out(self, name: str) -> bool:
        """Return whether a name cannot follow for a reason that is quickly found."""
        if self.prefix.last == "." or self._only_listed:
            return name not in self._candidates
        frame = self.prefix.frame
        if self.prefix.last == "=" and frame is None:
            return name not in self._candidates  # `x = y = 1`, but only for a `y` that there is
        if frame is None or self._judge != self._operand or name in self._candidates:
            return False  # without a bracket it may be a name that is being bound
        if self._binds is None:
            keyword = frame.kind == "call" and frame.callee in (None, "dict")
            self._binds = keyword or self._closing_binds or bool(Search(self.prefix).binders())
        return not self._binds

    @property
    def _closing_binds(self) -> bool:
        """Return whether a new name follows in the closing, as in the targets `a, (b, c)`."""
        name = next(iter(self.prefix.closing), "")
        known = name in self.prefix.environment.entries or name in BUILTINS or name in tables().fixed
        return name.isidentifier() and not known and function_named(self.prefix.environment, name) is None

    def may_follow(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self.prefix.closing[:1] == (name,) or self._judge(name)
        return known

    def starts(self, text: str) -> bool:
        """Return whether a name with this start may follow."""
        return any(name.startswith(text) and self.may_follow(name) for name in self.candidates)

    def _child(self, name: str) -> bool:
        return self.prefix.child(name) is not None

    def _operand(self, name: str) -> bool:
        if name in tables().fixed or name in self._keywords:
            return self._child(name)
        if name in self._letters:
            return self._child(min(self._letters))
        if is_field(self.prefix.environment, name):
            return self._child(name)
        if name in OF_ITS_ARGUMENTS or tests_types(self.prefix.frame):
            return self._child(name)
        if self.prefix.last not in _TESTING and self.closing_of(UNKNOWN) is None:  # no operand could be completed
            return False
        entry = function_named(self.prefix.environment, name)
        match entry:
            case Variable(type=type_, values=None) if not isinstance(type_, (FunctionType, OptionalType)):
                if self.prefix.point.tells_names_apart:
                    return self._child(name)
                return self._child(self._representatives.setdefault(type_, name))
            case Variable(type=type_) if not isinstance(type_, FunctionType):
                return self._child(name)
            case ModuleConstant() | ModuleEntry():
                return self._child(name)
            case None if name not in BUILTINS:  # a name that the statement itself binds
                return self._child(name)
        found = applications(self.prefix.environment, name)
        if any(self.closing_of(type_) is not None for _, type_ in found):
            if name in self.prefix.environment.entries:
                return self._child(name)
            # Those of the library with equal results follow alike, but for CALL, which is not allowed everywhere.
            makes_calls = isinstance(entry, CheckedFunction) and entry.makes_calls
            results = (*(type_ for _, type_ in found), makes_calls)
            return self._child(self._functions.setdefault(results, name))
        return self._expects_function() and self._child(name)

    @property
    def expected(self) -> list[Type]:
        """Return the types that an operand may have here; none if they are not known."""
        if self._expected is None:
            self._expected = Search(self.prefix).expected_types()
        return self._expected

    def _expects_function(self) -> bool:
        if self.prefix.frame is None:
            return False
        return not self.expected or any(isinstance(type_, FunctionType) for type_ in self.expected)

    def _may_become_expected(self, type_: Type) -> bool:
        return not self.expected or any(can_become(type_, expected) for expected in self.expected)

    def closing_of(self, type_: Type) -> tuple[str, ...] | None:
        """Return the closing after an operand of a type; None if no such operand may follow."""
        try:
            return self._verdicts[type_]
        except KeyError:
            if not self._may_become_expected(type_):
                self._verdicts[type_] = None
                return None
            prefix = self.prefix
            twin = type(prefix)(
                prefix.environment.with_variable(FRESH, type_), prefix.stack, prefix.frame, prefix.last, prefix.size,
                prefix.words, prefix.inside, prefix.leans,
            )  # fmt: skip
            twin.point, twin.twin_of = prefix.point.unjudged, prefix
            twin.closing = self._verdicts.get(UNKNOWN) or prefix.closing
            child = twin.child(FRESH)
            found = self._verdicts[type_] = child.closing if child is not None else None
            return found

    def closings(self, name: str) -> Iterator[tuple[str, ...]]:
        """Yield closings that may follow a name, from those that are known for its type."""
        entry = function_named(self.prefix.environment, name)
        if isinstance(entry, Variable) and not isinstance(entry.type, FunctionType):
            if (closing := self._verdicts.get(entry.type)) is not None:
                yield closing
        elif entry is not None or name in BUILTINS:
            for arguments, type_ in applications(self.prefix.environment, name):
                if (closing := self._verdicts.get(type_)) is not None:
                    yield (*arguments, *closing)


def _listed_names(prefix: NamedLine) -> list[str] | None:
    """Return the names that may follow where only some can: modules, what they have, and errors; None elsewhere."""
    match (*prefix.words, prefix.last):
        case ("raise", "raise"):
            return list(RAISED)
        case ("except", *_, "except" | "(" | ","):
            return list(CAUGHT)
        case ("import", *_, "import" | ",") | ("from", "from"):
            return [*MODULES, "typing", "dataclasses"]
        case ("from", module, "import" | "," | "("):
            return [*(TYPING_NAMES if module == "typing" else MODULES.get(module, ())), *IMPORTED.get(module, ())]
    frame = prefix.frame
    if frame is not None and is_field(prefix.environment, str(frame.callee)) and frame.commas == 0:
        match prefix.last:
            case "(":
                return ["default_factory", "default"]
            case "=":
                return list(FACTORIES if "default_factory" in frame.keywords else ())
    return None


def _type_names(prefix: NamedLine) -> list[str]:
    environment = prefix.environment
    known = (name.rstrip(".") for name in environment.typing)
    return [*(name for name in TYPE_NAMES if name != "None"), *environment.records, *known]


def _attribute_names(prefix: NamedLine) -> list[str]:
    if module := module_of(prefix, prefix.stack.below):
        return list(MODULES[module])
    if prefix.takes_name_of_typing:
        return list(TYPING_NAMES)
    if static := static_methods(prefix, prefix.stack.below):
        return list(static)
    type_ = prefix.receiver
    if type_ is None:
        names = [name for record in prefix.environment.records.values() for name, _ in record.fields]
        return list(dict.fromkeys([*names, *(name for methods in METHODS.values() for name in methods)]))
    return list(attributes(type_.item if isinstance(type_, OptionalType) else type_))
