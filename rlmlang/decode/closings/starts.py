"""The ways in which the closing of an unfinished line may start, the likely ones first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlmlang.decode.closings.constants import constant
from rlmlang.decode.closings.fragments import (
    attribute_suffixes,
    attributes,
    calls,
    function_named,
    lacking,
    member_calls,
    method_calls,
    parameters,
    representative_attributes,
    representatives,
    type_arguments,
)
from rlmlang.decode.closings.suffixes import FURTHER, Suffixes
from rlmlang.decode.decorators import IMPORTED, defaults
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import (
    BODY,
    LINE,
    BracketFrame,
    LineState,
    fields_in,
    in_type,
    is_lambda,
    module_of,
    names_in,
    path_before,
    static_methods,
    tests_types,
)
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, Builtin
from rlmlang.language.check.annotations import TYPING_NAMES
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import (
    BOOL,
    DictType,
    ListType,
    OptionalType,
    TupleType,
    Type,
    Unknown,
)

BINDING = ["=", HOLE]

_BINARY = frozenset((*"+-*/%&|^<>", "//", "**", "<<", ">>", "<=", ">=", "==", "!=", "and", "or", "in", "not"))
"""Operators between two operands."""


class Starts(Suffixes):
    """The starts of closings for one unfinished line."""

    def ways(self) -> Iterator[tuple[list[str], bool, Sequence[str]]]:
        """Yield starts of closings, each with whether it completes the arguments of the open call, and with the suffix
        of the outermost bracket."""
        for start in self._plain_starts():
            yield start, False, ()
        if self.state.environment.record is not None:
            if self.state.last == "=" and self.state.frame is None:
                yield from ((list(default[1:]), False, ()) for default in defaults(self.state.environment))
            yield from (
                (start, False, default)
                for start in self._plain_starts()
                for default in defaults(self.state.environment)
            )
        yield from self.suffixed_ways()
        if self.state.frame is not None and self.state.frame.kind == "call":
            for start in self._arguments(self.state.frame):
                yield start, True, ()
        for start in self._late_starts():
            yield start, False, ()
        if self.state.words[1:] == (",",):  # several targets, so perhaps several values
            for start in self._value_starts():
                yield start, False, (",", HOLE)
                yield start, False, (",", HOLE, ",", HOLE)
        if self._may_bind():
            yield BINDING, False, ()

    def operands(self) -> Iterator[list[str]]:
        """Yield what completes the operand that ends the line, of which the last lexeme makes another one."""
        last, stack = self.state.last, self.state.stack
        is_attribute = stack.below is not None and str(stack.below.value) == "."
        if last == "." and (module := module_of(self.state, stack.below)):
            yield from ([name, *call] for name in MODULES[module] for call in member_calls(module, name))
            yield from ([name] for name in MODULES[module])
        elif last == "." and (static := static_methods(self.state, stack.below)):
            yield from ([name] for name in representatives(static))
            yield from ([name, *call] for name in representatives(static) for call in method_calls(static[name], True))
        elif last == "." and (type_ := self.receiver) is not None:
            type_ = type_.item if isinstance(type_, OptionalType) else type_
            for name in representative_attributes(type_):
                yield from ([name, *suffix] for suffix in attribute_suffixes(type_, name))
            yield from ([name] for name in representative_attributes(type_))
        elif last.isidentifier() and is_attribute and not module_of(self.state, stack.below and stack.below.below):
            tables_ = [table[last] for table in METHODS.values() if last in table]
            yield from [list(call) for call in dict.fromkeys(tuple(c) for t in tables_ for c in method_calls(t))]
        elif last.isidentifier() and tables().takes(stack, "LPAR") and self.is_function(last):
            yield from calls(self.state.environment, last)
        elif last == "[" and self.state.frame is not None and self.state.frame.kind == "index":
            yield from (["0", "]"], [HOLE, "]"], [HOLE, ":", "]"])
        elif last == "(" and self.state.frame is not None and self.state.frame.kind == "call":
            yield from ([*arguments, ")"] for arguments in lacking(self.state.environment, self.state.frame))
        elif last == "if" and self.state.size > 1:
            yield [HOLE, "else", HOLE]
        elif self.state.frame is not None and self.state.frame.kind == "dict" and tables().takes(stack, "COLON"):
            yield [":", HOLE]
        elif self.state.takes_operand and last in _BINARY:
            yield [HOLE]

    def _value_starts(self) -> Iterator[list[str]]:
        """Yield starts that complete an operand."""
        last = self.state.last
        yield []
        if last.isidentifier() and tables().takes(self.state.stack, "LPAR") and self.is_function(last):
            yield from calls(self.state.environment, last)

    def _may_bind(self) -> bool:
        """Return whether what is written may be a target, to which any value can be bound."""
        state = self.state
        return state.frame is None and tables().takes(state.stack, "EQUAL")

    def _plain_starts(self) -> Iterator[list[str]]:
        """Yield the short starts, which fit most often."""
        state = self.state
        frame, last, stack = state.frame, state.last, state.stack
        if last == "." and (module := module_of(state, stack.below)):
            for name in MODULES[module]:
                yield from ([name, *call] for call in member_calls(module, name))
            return
        if last == "." and (static := static_methods(state, stack.below)):
            yield from ([name] for name in representatives(static))
            yield from ([name, *call] for name in representatives(static) for call in method_calls(static[name], True))
            return
        if last == ".":
            yield from self._attribute_starts(self.receiver)
            return
        if frame is not None and frame.kind == "group" and tests_types(frame):
            yield from (["int", ",", "str"], ["int"]) if state.takes_operand else ([], [",", "str"])
        if last == "if" and state.environment.body.has_infinity and (path := path_before(state)):
            yield [*path, "!=", "float", "(", '"inf"', ")", "else", "0"]
        if last == "raise" or (state.words[:1] == ("except",) and last in ("(", ",")):
            yield ["ValueError"]
            return
        if last == "," and not state.takes_operand and tables().takes(stack, "NAME"):
            entries = state.environment.entries
            yield from ([name] for name in names_in(state) if name not in entries)
        if state.words[:1] == ("import",):
            yield from ([], [",", "math"], ["math"], ["as", "x"], ["x"])
            return
        if last == "del":
            yield from ([name, "[", HOLE, "]"] for name in self._changeable())
            return
        if state.words[:1] == ("from",):
            yield from _import_starts(state)
            return
        if last in ("is", "not") and not state.takes_operand:
            yield from ([], ["True"], ["not", "None"])
            return
        if last == "try":
            yield [":", BODY, "pass", LINE, "except"]
            return
        if module := module_of(state, stack):
            functions = {name: each for name, each in MODULES[module].items() if isinstance(each, Builtin)}
            yield from ([".", name] for name in representatives(functions))  # as an argument
            for name in MODULES[module]:
                yield from ([".", name, *call] for call in member_calls(module, name))
        if last == "*" and state.leans and frame is not None and frame.kind == "call":
            variables = state.environment.entries.items()
            held = {entry.type: variable for variable, entry in variables if isinstance(entry, Variable)}
            yield from ([variable] for type_, variable in held.items() if isinstance(type_, (ListType, TupleType)))
            self.holes.count += 1
            yield [self.holes.new_name()]  # which a comprehension binds
        if state.words[:1] == ("*",) and state.size < 3:  # a target
            yield [*([self.holes.new_name()] if state.size == 1 else []), ",", "=", HOLE]
            return
        if last == "lambda":
            yield [HOLE, ":", HOLE]
            yield [HOLE, ",", HOLE, ":", HOLE]
            yield [":", HOLE]
            return
        if is_lambda(stack) and tables().takes(stack, "COLON"):
            yield [":", HOLE]
            yield [",", HOLE, ":", HOLE]
            yield [",", HOLE, ",", HOLE, ":", HOLE]
            return
        if last == "CALL":
            yield []
            yield ["[", HOLE, "]"]
        if frame is not None and frame.kind == "type" and last == "[":
            callee = frame.callee or ""
            generic = state.environment.typing.get(callee) or TYPING_NAMES.get(callee, callee)
            yield from type_arguments(generic.lower() if callee != "CALL" else callee)
            return
        if frame is not None and frame.kind == "type":
            yield []
            yield ["]", ",", HOLE]
            yield [",", HOLE, "]", ",", HOLE, "]"]
            yield ["]", ",", HOLE, "]"]
            yield [",", HOLE]
            yield [",", HOLE, ",", HOLE]
            yield [HOLE, ",", HOLE]
            yield [HOLE, "]", ",", HOLE, "]"]
        if last in ("list", "dict", "set", "tuple", "Literal", "Callable") and in_type(state):
            yield from (["[", *each] for each in type_arguments(last))
        elif last == "." and state.takes_name_of_typing:
            yield ["Text"]
            return
        elif f"{last}." in state.environment.typing and tables().takes(stack, "DOT"):
            yield [".", "Text"]
        elif in_type(state) and (meant := state.environment.typing.get(last) or TYPING_NAMES.get(last)):
            yield from (["[", *each] for each in type_arguments(meant.lower()))
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield ["0"]
        if frame is not None and frame.kind == "dict" and not frame.commas and tables().takes(stack, "COLON"):
            yield [":", HOLE, "}", ".", "items", "(", ")"]
        if last == "-":
            yield ["1"]
            if frame is not None and frame.kind == "group":
                yield ["1", ","]
        yield []
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield [HOLE]
            yield [HOLE, ",", HOLE]
        if frame is not None and frame.kind == "params":
            yield from ([HOLE, "=", "None"],) if last == "," else (["=", "None"], [":", "str", "=", '""'])
            yield from (["str", "=", '""'],) if last == ":" else (["=", HOLE],)
        if self._may_bind() and not (state.goal is not None and self._has_use(last)):
            yield BINDING
        if state.size == 1 and last.isidentifier() and tables().takes(stack, "COLON"):
            yield [":", "str"]
            if state.environment.record is not None:
                yield [":", "str", "=", '""']  # after a field with a default
        if state.environment.record is not None and state.size == 2:
            yield ["str", "=", '""']

    def _late_starts(self) -> Iterator[list[str]]:
        """Yield the starts that are tried when the short ones do not check."""
        state = self.state
        frame, last, stack = state.frame, state.last, state.stack
        if stack.below is not None and str(stack.below.value) == ".":
            if (module := module_of(state, stack.below.below)) and last in MODULES[module]:
                for application in member_calls(module, last):
                    yield application
                    yield from ([*application, *more] for more in FURTHER)
                return
            if method := static_methods(state, stack.below.below).get(last):
                yield from method_calls(method, True)
            made = dict.fromkeys(
                tuple(c) for methods in METHODS.values() if last in methods for c in method_calls(methods[last])
            )
            for call in made:
                yield [*call]
                yield from ([*call, *more] for more in FURTHER)
                yield from ([*call, *more] for more in self.attribute_suffixes(call))
        if last.isidentifier():
            yield from self.suffixes(last)
            if static := static_methods(state, stack):
                yield from (
                    [".", name, *call] for name, method in static.items() for call in method_calls(method, True)
                )
            if frame is not None and frame.kind == "call" and tables().takes(stack, "DOT"):
                yield from ([".", name] for name in ("get", "count", "index", "upper", "union"))
            if frame is not None and frame.kind == "index":
                yield [",", HOLE]
            if others := [name for name in names_in(state) if name != last and self._may_be_none(name)]:
                test = [word for name in others for word in ("and", name, "is", "not", "None")]
                yield ["is", "not", "None", *test, "else", HOLE]
            if frame is not None and frame.kind == "call" and tables().takes(stack, "EQUAL"):
                yield ["=", HOLE]
                yield ["=", "lambda", HOLE, ":", HOLE]
            if tables().takes(stack, "LSQB"):
                yield from (["[", "0", "]", *more] for more in self.attribute_suffixes(["[", "0", "]"]))
        elif last[-1:].isdigit() or last[:1] in (")", "]", "}", *"\"'fr0123456789"):
            if frame is not None and frame.kind == "index":
                yield from ([",", HOLE], [":", "]"])
            yield from self.suffixes("")
        elif last == "-" and frame is not None and frame.kind == "index":
            yield ["1", ":", "]"]
        elif last == ":" and frame is not None and frame.kind == "index":
            yield ["]", "==", HOLE]
        if last == "(" and state.words[1:] == (",",) and frame is not None and frame.below is None:
            name = self.holes.new_name()
            yield [f"{name}a", ",", f"{name}b", ")", "=", HOLE]
        if last == "for" and frame is not None:
            yield from ([name] for name in names_in(state))  # which mean something else in the comprehension
        if tables().takes(stack, "FSTRING"):
            if last in ("==", "!="):
                yield ["None"]
            yield [HOLE]
            yield [HOLE, "==", HOLE]
            if frame is not None and frame.kind == "index":
                yield [HOLE, ":", "]"]
            if last == "[":
                yield [HOLE, "]", "[", "0", "]"]
            elif last == "," and frame is not None and frame.kind == "dict":
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
            elif last == "{":
                yield [HOLE, ":", HOLE, "}", "[", HOLE, "]"]
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
        if frame is None and tables().takes(stack, "COMMA"):
            yield [",", HOLE]
            yield [",", HOLE, ",", HOLE]
        elif frame is None and state.takes_operand:
            yield [HOLE, ",", HOLE]
            yield [HOLE, ",", HOLE, ",", HOLE]
        if last == "|" and frame is not None and frame.kind == "type" and frame.callee == "CALL":
            yield ["None", "]", "(", HOLE, ")", "or", HOLE]
        if frame is not None and frame.kind == "group":
            first = [HOLE] if not frame.filled else []
            comma = [","] if frame.filled or not frame.commas else []
            yield [*first, *comma, HOLE]
            yield [*first, *comma, HOLE, ",", HOLE]
        elif frame is not None and frame.kind == "dict":
            yield ["}", ".", "items", "(", ")"]
            yield [":", HOLE, "}", ".", "items", "(", ")"]
            yield ["}", "[", HOLE, "]"]
            yield ["}", "==", HOLE]
        elif frame is not None and frame.kind == "list":
            yield ["]", "[", "0", "]"]
            yield ["]", "==", HOLE]
        yield from self._after_displays()
        yield from self._tested()

    def _after_displays(self) -> Iterator[list[str]]:
        """Yield ends of displays that are arguments, with one more argument behind them or what the call equals."""
        frame = self.state.frame
        ends = [HOLE] if frame is not None and not frame.filled and self.state.takes_operand else []
        if frame is not None and frame.kind == "group" and frame.filled and not frame.commas:
            ends.append(",")  # of a tuple
        while frame is not None and frame.kind in ("list", "dict", "group"):
            ends.append({"[": "]", "{": "}", "(": ")"}[frame.bracket])
            frame = frame.below
        if frame is not None and frame.kind == "call":
            if frame is not self.state.frame:
                yield [*ends, ",", HOLE]
            yield [*ends, ")", "==", HOLE]

    def _tested(self) -> Iterator[list[str]]:
        """Yield starts that test the names that may be None."""
        state = self.state
        paths = [[name] for name in names_in(state) if self._may_be_none(name)]
        paths += [[name, ".", field] for name, field in fields_in(state) if self._field_may_be_none(field)]
        operand = [HOLE] if tables().takes(state.stack, "FSTRING") else []
        if not paths or not (operand or tables().takes(state.stack, "IF")):
            return
        for chosen in [*([path] for path in paths), paths]:
            test = [word for path in chosen for word in ("and", *path, "is", "not", "None")][1:]
            yield [*operand, "if", *test, "else", HOLE]
            if state.frame is not None and state.frame.kind in ("list", "dict", "call"):
                yield [*operand, "if", *test]

    def _tests(self) -> Iterator[list[str]]:
        """Yield conditions after which a name of the statement is not None."""
        for name in names_in(self.state):
            if self._may_be_none(name):
                yield ["if", name, "is", "not", "None", "else", HOLE]

    def _may_be_none(self, name: str) -> bool:
        entry = self.state.environment.entries.get(name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, OptionalType)
        return entry is None and self.state.environment.optional

    def _field_may_be_none(self, name: str) -> bool:
        records = self.state.environment.records.values()
        return any(
            field == name and isinstance(type_, OptionalType) for each in records for field, type_ in each.fields
        )

    def _attribute_starts(self, type_: Type | None) -> Iterator[list[str]]:
        """Yield the attributes of a type, or of any type if it is not known."""
        if isinstance(type_, OptionalType):
            for name in attributes(type_.item):
                for suffix in attribute_suffixes(type_.item, name):
                    yield from ([name, *suffix, *test] for test in self._tests())
            return
        if type_ is not None:
            for name in dict.fromkeys((*representative_attributes(type_), *attributes(type_))):
                yield from ([name, *suffix] for suffix in attribute_suffixes(type_, name))
            if self.state.goal == BOOL:
                for name in representative_attributes(type_):
                    yield from ([name, *suffix, "==", HOLE] for suffix in attribute_suffixes(type_, name))
            return
        for record in self.state.environment.records.values():
            yield from ([name] for name, _ in record.fields)
        below = self.state.stack.below
        receiver = below.value.id if below is not None and isinstance(below.value, nodes.Name) else ""
        used = {attribute for name, attribute in fields_in(self.state) if name == receiver}
        for methods in METHODS.values() if used else ():
            if used <= methods.keys():
                yield from ([name, *call] for name in used for call in method_calls(methods[name]))
        first = {
            (of, method.signatures[0].result): name
            for of, methods in METHODS.items()
            for name, method in methods.items()
        }
        for is_first in (True, False):  # the first method for each type of result, then the others
            for of, methods in METHODS.items():
                for name, method in methods.items():
                    if (first[of, method.signatures[0].result] == name) is is_first:
                        yield from ([name, *call] for call in method_calls(method))

    def _changeable(self) -> Iterator[str]:
        """Yield the variables that hold lists and dicts, one of each type."""
        entries = self.state.environment.entries.items()
        found = {entry.type: name for name, entry in entries if isinstance(entry, Variable)}
        yield from (name for type_, name in found.items() if isinstance(type_, (ListType, DictType, Unknown)))

    def _arguments(self, frame: BracketFrame) -> Iterator[list[str]]:
        """Yield the arguments that an open call still lacks, in several ways."""
        comma = [","] if frame.filled else []
        for missing in lacking(self.state.environment, frame):
            if missing:
                yield [*comma, *missing]
                if frame.filled and tables().takes(self.state.stack, "FSTRING"):
                    yield [HOLE, ",", *missing]
        more: list[str] = []
        for _ in range(3):
            more = [*more, ","] if more else list(comma)
            more = [*more, HOLE]
            yield list(more)
        if self.state.goal is not None:
            yield [*comma, *constant(self.state.goal)]
        if not frame.filled or self.state.last == "=":
            yield ["lambda", HOLE, ":", HOLE]
        elif "key" in parameters(self.state):
            yield [",", "key", "=", "lambda", HOLE, ":", HOLE]

    def _has_use(self, last: str) -> bool:
        """Return whether what is written is rather an expression than a new name."""
        return self.state.size > 1 or function_named(self.state.environment, last) is not None or last in BUILTINS


def _import_starts(state: LineState) -> Iterator[list[str]]:
    """Yield starts of the rest of a line that begins with `from`."""
    module = state.words[1] if len(state.words) > 1 else "math"
    name = next(iter(MODULES.get(module, IMPORTED.get(module, ["Any"]))))
    if state.size < 3:
        yield [module, "import", name][state.size - 1 :]
    elif state.last in ("import", ",", "("):
        yield [name]
    yield ["as", "x"] if state.last == "as" else []
    yield ["x"]
