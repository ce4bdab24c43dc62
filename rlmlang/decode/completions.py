"""The search for a closing: lexemes that make a whole statement of a prefix, such that it checks.

First a skeleton is made, which is short and has holes; the checker tells whether something is
wrong with it whatever stands in them, and what is wanted there. Names that are not bound yet
are bound by a comprehension that is open. Then the holes are filled with constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlmlang.decode.conversions import can_become
from rlmlang.decode.fillings import fillings
from rlmlang.decode.fragments import (
    applications,
    attribute_suffixes,
    attributes,
    calls,
    function_named,
    lacking,
    method_calls,
    parameters,
    requoted,
    telling,
    type_arguments,
    written,
)
from rlmlang.decode.partial import PartialChecker
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import OpenFString, Stack, tables
from rlmlang.decode.state import BODY, LINE, BracketFrame, State, in_type, is_lambda, names_in
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import (
    BOOL,
    FunctionType,
    IterableType,
    ListType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    Unknown,
)

_ORDER = (
    ("_NL", LINE),
    ("_IN", BODY),
    ("RPAR", ")"),
    ("RSQB", "]"),
    ("RBRACE", "}"),
    ("ELSE", "else"),
    ("COLON", ":"),
    ("RETURN", "return"),
    ("IN", "in"),
    ("NAME", HOLE),
    ("EQUAL", "="),
    ("__ANON_0", "->"),
    ("LPAR", "("),
    ("NONE", "None"),
    ("INT", "1"),
    ("STRING", '""'),
)
"""What is tried next when a statement is to be ended soon."""


_FURTHER = (["==", HOLE], ["[", "0", "]"], ["[", HOLE, "]"], ["[", "1", "]"])
"""What may stand behind an operand to make another type of it."""


_BEHIND: dict[str, tuple[Sequence[str], ...]] = {
    "list": (["[", "0", "]"], ["[", "0", "]", "[", "0", "]"], [".", "index", "(", HOLE, ")"]),
    "dict": (["[", HOLE, "]"], [".", "keys", "(", ")"], [".", "values", "(", ")"], [".", "items", "(", ")"]),
    "group": (["[", "0", "]"], ["[", "1", "]"], ["[", "1", ":", "]"]),
    "call": (["[", "0", "]"], ["or", HOLE], ["[", "0", "]", "[", "0", "]"]),
    "type": (["[", HOLE, "]"], [".", "keys", "(", ")"]),
}
"""What may stand behind the outermost bracket, by its kind, where a type is wanted of the whole."""


MAX_CLOSING = 60
"""Lexemes of a closing."""


MAX_ASKED = (150, 60, 30)
"""Closings that are tried for one prefix, with up to three open brackets, up to six, and more; a
quarter of them at most for the holes of one."""


class Search:
    """The search for a closing of one prefix."""

    def __init__(self, prefix: State) -> None:
        self.prefix = prefix
        self.count = 0
        self.asked = 0
        depth = 0 if prefix.frame is None else prefix.frame.depth
        self.most = MAX_ASKED[min(max(depth - 1, 0) // 3, 2)]
        self.until = 0

    def closing(self, hints: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
        """Lexemes that end the statement. The hints come first: often the last lexeme stands for
        the first of those that would have ended it before, or in front of it."""
        for hint in hints:
            if self.checks(hint):
                return hint
        for start, told, behind in self._ways():
            if self.asked > self.most:
                return None
            skeleton = self._close(start, told, behind=behind)
            if skeleton is None or len(skeleton) > MAX_CLOSING:
                continue
            for bound in self._bound(start, told, skeleton, behind):
                self.until = self.asked + self.most // 4
                if (filled := self._fill(*bound)) is not None:
                    return filled
        return None

    def checks(self, closing: Sequence[str]) -> bool:
        """Whether the statement checks with this closing."""
        answer = self._ask(closing)
        return answer is not None and not answer.unknown

    def wanted(self) -> list[Type]:
        """The types that an operand may have which is written next; none if nothing is known of them."""
        skeleton = self._close([HOLE], False)
        checker = self._ask(skeleton, fine=False) if skeleton is not None else None
        if checker is None or skeleton is None:
            return []
        types = checker.wanted_types(skeleton[0])
        frame = self.prefix.frame
        if frame is not None and not frame.filled and not frame.commas:
            if frame.kind in ("call", "group"):  # of a generator
                types += [each.item for each in types if isinstance(each, (ListType, IterableType))]
            if frame.kind == "group":  # of a tuple
                types += [each.items[0] for each in types if isinstance(each, TupleType) and each.items]
        return types

    def binders(self) -> list[BracketFrame]:
        """The open brackets in which a comprehension can bind a new name that is written next."""
        self.count += 1
        name = self._new_name()
        checker = self._ask(skeleton, fine=False) if (skeleton := self._close([HOLE], False)) is not None else None
        names = [*dict.fromkeys(checker.unknown if checker is not None else []), name]
        found: list[BracketFrame] = []
        frame = self.prefix.frame
        while frame is not None:
            if frame.kind in ("list", "dict", "call") and frame.commas == 0 and not frame.keywords:
                for behind in ((), *self._behinds()):
                    closing = self._close([HOLE], False, frame, names, behind)
                    answer = self._ask(closing) if closing is not None else None
                    if answer is not None and not answer.unknown:
                        found.append(frame)
                        break
            frame = frame.below
        return found

    def receiver(self) -> Type | None:
        """Behind a dot, the type of what it is taken of."""
        skeleton = self._close([HOLE], False)
        checker = self._ask(skeleton, fine=False) if skeleton is not None else None
        return None if checker is None or isinstance(checker.receiver, Unknown) else checker.receiver

    # How the closing may start

    def _ways(self) -> Iterator[tuple[list[str], bool, Sequence[str]]]:
        """Starts, each with whether it gives the call that is open all its arguments, and what stands behind the
        outermost bracket."""
        for start in self._plain_starts():
            yield start, False, ()
        yield from self._ways_behind()
        if self.prefix.frame is not None and self.prefix.frame.kind == "call":
            for start in self._arguments(self.prefix.frame):
                yield start, True, ()
        for start in self._late_starts():
            yield start, False, ()

    def _behinds(self) -> list[Sequence[str]]:
        """What may stand behind the outermost bracket, to make the type of it that is wanted of the whole."""
        frame, wanted = self._outermost(), self.prefix.environment.wanted
        if wanted is None or frame is None:
            return []
        if wanted == BOOL:
            return [["==", HOLE]]
        found: list[Sequence[str]] = [*_BEHIND.get(frame.kind, ())]
        if frame.kind in ("list", "call", "type"):
            fields = [each for record in self.prefix.environment.records.values() for each in record.fields]
            names = dict.fromkeys(name for name, type_ in fields if can_become(type_, wanted))
            found += [[*index, ".", name] for name in names for index in ([], ["[", "0", "]"])]
        if frame.kind == "group" and isinstance(wanted, TupleType):
            found += [[word for _ in range(more) for word in (",", HOLE)] for more in range(1, len(wanted.items))]
        return found

    def _outermost(self) -> BracketFrame | None:
        frame = self.prefix.frame
        while frame is not None and frame.below is not None:
            frame = frame.below
        return frame

    def _ways_behind(self) -> Iterator[tuple[list[str], bool, Sequence[str]]]:
        """With something behind the outermost bracket that makes it the type that is wanted of the whole."""
        inner, last, stack = self.prefix.frame, self.prefix.last, self.prefix.stack
        frame, wanted, behinds = self._outermost(), self.prefix.environment.wanted, self._behinds()
        if wanted is None or frame is None or inner is None or stack is None:
            return
        starts: list[list[str]] = [[]]
        if last == "CALL":
            starts.append(["[", HOLE, "]"])
        elif inner.kind == "type" and last == "[":
            starts += [["dict", "[", "str", ",", *each, "]"] for each in (written(wanted), ["int"])]
        elif inner.kind == "type" and last in ("list", "dict"):
            starts += [["[", *each] for each in type_arguments(last)]
        elif inner.kind == "group" and not inner.filled:
            starts.append([HOLE])
        elif inner.kind == "call" and last.isidentifier() and last in parameters(self.prefix):
            starts.append(["=", "lambda", HOLE, ":", HOLE])
        elif inner.kind == "call" and inner.filled and "key" in parameters(self.prefix):
            starts.append([",", "key", "=", "lambda", HOLE, ":", HOLE])
        elif last.isidentifier() and tables().takes(stack, "LPAR") and self._is_function(last):
            starts += [each for each, _ in zip(calls(self.prefix.environment, last), range(2))]
        if frame.kind == "group" and isinstance(wanted, TupleType) and last.isidentifier():
            starts += [["[", "0", "]"], ["[", "1", "]"]]
        elif frame.kind == "group" and inner.filled and inner is frame:
            starts.append([",", HOLE])
        for start in starts:
            for behind in behinds:
                yield start, False, behind

    def _plain_starts(self) -> Iterator[list[str]]:
        prefix = self.prefix
        assert prefix.stack is not None
        frame, last, stack = prefix.frame, prefix.last, prefix.stack
        if last == ".":
            yield from self._of(self.receiver())
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
            yield from type_arguments(frame.callee or "")
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
        if last in ("list", "dict", "tuple", "Literal", "Callable") and in_type(prefix):
            yield from (["[", *each] for each in type_arguments(last))
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield ["0"]
        if last == "-":
            yield ["1"]
        yield []
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield [HOLE]
        if frame is None and tables().takes(stack, "EQUAL"):
            yield ["=", HOLE]
        if prefix.size == 1 and last.isidentifier() and tables().takes(stack, "COLON"):
            yield [":", "str"]

    def _late_starts(self) -> Iterator[list[str]]:
        prefix = self.prefix
        assert prefix.stack is not None
        frame, last, stack = prefix.frame, prefix.last, prefix.stack
        if stack.below is not None and str(stack.below.value) == ".":
            made = dict.fromkeys(
                tuple(c) for methods in METHODS.values() if last in methods for c in method_calls(methods[last])
            )
            for call in made:
                yield [*call]
                yield from ([*call, *more] for more in _FURTHER)
                yield from ([*call, *more] for more in self._attributes_behind(call))
        if last.isidentifier():
            yield from self._suffixes(last)
            if others := [name for name in names_in(prefix) if name != last and self._may_be_none(name)]:
                test = [word for name in others for word in ("and", name, "is", "not", "None")]
                yield ["is", "not", "None", *test, "else", HOLE]
            if frame is not None and frame.kind == "call" and tables().takes(stack, "EQUAL"):
                yield ["=", HOLE]
                yield ["=", "lambda", HOLE, ":", HOLE]
            if tables().takes(stack, "LSQB"):
                yield from (["[", "0", "]", *more] for more in self._attributes_behind(["[", "0", "]"]))
        elif last[-1:].isdigit() or last[:1] in (")", "]", "}", *"\"'fr0123456789"):
            if last.isdigit() and frame is not None and frame.kind == "index":
                yield [":", "]"]
            yield from self._suffixes("")
        elif last == "-" and frame is not None and frame.kind == "index":
            yield ["1", ":", "]"]
        if tables().takes(stack, "FSTRING"):
            if last in ("==", "!="):
                yield ["None"]
            yield [HOLE]
            yield [HOLE, "==", HOLE]
            if last == "[":
                yield [HOLE, "]", "[", "0", "]"]
            elif last == "," and frame is not None and frame.kind == "dict":
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
            elif last == "{":
                yield [HOLE, ":", HOLE, "}", "[", HOLE, "]"]
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
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
        elif frame is not None and frame.kind == "list":
            yield ["]", "[", "0", "]"]
        yield from self._tested()

    def _tested(self) -> Iterator[list[str]]:
        """With tests of what may be None."""
        prefix = self.prefix
        assert prefix.stack is not None
        names = [name for name in names_in(prefix) if self._may_be_none(name)]
        operand = [HOLE] if tables().takes(prefix.stack, "FSTRING") else []
        if not names or not (operand or tables().takes(prefix.stack, "IF")):
            return
        for chosen in [*([name] for name in names), names]:
            test = [word for name in chosen for word in ("and", name, "is", "not", "None")][1:]
            yield [*operand, "if", *test, "else", HOLE]
            if prefix.frame is not None and prefix.frame.kind in ("list", "dict", "call"):
                yield [*operand, "if", *test]

    def _tests(self) -> Iterator[list[str]]:
        for name in names_in(self.prefix):
            if self._may_be_none(name):
                yield ["if", name, "is", "not", "None", "else", HOLE]

    def _may_be_none(self, name: str) -> bool:
        entry = self.prefix.environment.entries.get(name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, OptionalType)
        return entry is None and self.prefix.environment.optional

    def _of(self, type_: Type | None) -> Iterator[list[str]]:
        if isinstance(type_, OptionalType):
            for name in attributes(type_.item):
                for suffix in attribute_suffixes(type_.item, name):
                    yield from ([name, *suffix, *test] for test in self._tests())
            return
        if type_ is not None:
            for name in dict.fromkeys((*telling(type_), *attributes(type_))):
                yield from ([name, *suffix] for suffix in attribute_suffixes(type_, name))
            if self.prefix.environment.wanted == BOOL:
                for name in telling(type_):
                    yield from ([name, *suffix, "==", HOLE] for suffix in attribute_suffixes(type_, name))
            return
        for record in self.prefix.environment.records.values():
            yield from ([name] for name, _ in record.fields)
        first = {
            (of, method.signatures[0].result): name
            for of, methods in METHODS.items()
            for name, method in methods.items()
        }
        for is_first in (True, False):  # one for each type that they give, then the others
            for of, methods in METHODS.items():
                for name, method in methods.items():
                    if (first[of, method.signatures[0].result] == name) is is_first:
                        yield from ([name, *call] for call in method_calls(method))

    def _arguments(self, frame: BracketFrame) -> Iterator[list[str]]:
        """Ways to give what a call still lacks."""
        comma = [","] if frame.filled else []
        for missing in lacking(self.prefix.environment, frame):
            if missing:
                yield [*comma, *missing]
        more: list[str] = []
        for _ in range(3):
            more = [*more, ","] if more else list(comma)
            more = [*more, HOLE]
            yield list(more)
        if not frame.filled or self.prefix.last == "=":
            yield ["lambda", HOLE, ":", HOLE]
        elif "key" in parameters(self.prefix):
            yield [",", "key", "=", "lambda", HOLE, ":", HOLE]

    def _suffixes(self, name: str) -> Iterator[list[str]]:
        """What may make something fitting of an operand that does not fit."""
        stack = self.prefix.stack
        assert stack is not None
        if name and tables().takes(stack, "LPAR") and self._is_function(name):
            for call in calls(self.prefix.environment, name):
                yield call
                yield from ([*call, *more] for more in _FURTHER)
            if self.prefix.environment.wanted is not None:
                yield from ([*call] for call, _ in applications(self.prefix.environment, name))
        if name and tables().takes(stack, "DOT"):  # it may be still to be bound
            for record in self.prefix.environment.records.values():
                yield from ([".", field] for field, _ in record.fields)
        if tables().takes(stack, "LSQB"):
            yield from _FURTHER
            yield ["in", HOLE]
        if tables().takes(stack, "IS"):
            yield ["is", "None"]
            yield ["or", HOLE]
            yield ["[", "0", "]", "or", HOLE]
            yield ["if", HOLE, "else", HOLE]
        if tables().takes(stack, "DOT"):
            yield from self._attributes_behind(())

    def _attributes_behind(self, lexemes: Sequence[str]) -> Iterator[list[str]]:
        """Behind an operand that the lexemes end, its attributes."""
        prefix: State | None = self.prefix
        for lexeme in lexemes:
            prefix = self._take(prefix, self._numbered(lexeme, prefix), [])
        stack = prefix.stack if prefix is not None else None
        behind = tables().shift(stack, "DOT", ".") if stack is not None else None
        if behind is None or prefix is None:
            return
        dotted = State(prefix.environment, prefix.unit, behind, prefix.frame, ".", 2, ("", ""))
        type_ = Search(dotted).receiver()
        for attribute in telling(type_) if type_ is not None else ():
            for suffix in attribute_suffixes(type_, attribute):
                yield [".", attribute, *suffix]
                if isinstance(type_, RecordType):
                    yield [".", attribute, *suffix, "[", "0", "]"]

    def _is_function(self, name: str) -> bool:
        entry = function_named(self.prefix.environment, name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, FunctionType)
        return entry is not None or name in BUILTINS or self.prefix.words[:1] == ("def",)

    # How it goes on: what ends soonest

    def _close(
        self,
        start: Sequence[str],
        told: bool,
        bind: BracketFrame | None = None,
        names: Sequence[str] = (),
        behind: Sequence[str] = (),
    ) -> list[str] | None:
        """The closing that starts so, with holes; in the bracket `bind`, names are bound by clauses, and `behind`
        stands behind the outermost bracket, or at its end if that is a comma with further items."""
        out: list[str] = []
        prefix: State | None = self.prefix
        for lexeme in start:
            prefix = self._take(prefix, self._numbered(lexeme, prefix), out)
        for _ in range(MAX_CLOSING):
            if prefix is None or prefix.stack is None:
                return None
            stack, frame = prefix.stack, prefix.frame
            if frame is not None and frame.kind == "fstring" and prefix.inside and tables().takes(stack, "$END"):
                prefix = self._take(prefix, "}" + prefix.inside.quote, out)
                continue
            found = next((each for each in _ORDER if tables().takes(stack, each[0])), None)
            if found is None:
                return None
            terminal, lexeme = found
            if terminal in ("RPAR", "RSQB", "RBRACE") and frame is not None:
                own = self.prefix.frame
                extra: list[str] = []
                if frame.kind == "call" and not (told and own is not None and own.opened == frame.opened):
                    missing = next(iter(lacking(self.prefix.environment, frame)), [])
                    if missing and not (bind is not None and frame.depth == bind.depth):
                        extra = [*([","] if frame.filled else []), *missing]
                if bind is not None and frame.depth == bind.depth:
                    extra = [word for name in names for word in ("for", name, "in", HOLE)]
                    bind = None
                for word in extra:
                    prefix = self._take(prefix, self._numbered(word, prefix), out)
                if extra:
                    continue
            ends = terminal == "_NL" or (terminal == "RPAR" and frame is not None and frame.below is None)
            if behind and ends and (terminal == "RPAR") is (behind[0] == ","):
                for word in behind:
                    prefix = self._take(prefix, self._numbered(word, prefix), out)
                behind = ()
                continue
            prefix = self._take(prefix, self._numbered(lexeme, prefix), out)
            if terminal == "_NL":
                return out if prefix is not None else None
        return None

    def _numbered(self, lexeme: str, prefix: State | None) -> str:
        """Each hole has a name that tells what belongs there: an expression, a type, a new name."""
        if lexeme != HOLE or prefix is None or prefix.stack is None:
            return lexeme
        self.count += 1
        if tables().takes(prefix.stack, "FSTRING"):
            return f"{HOLE}{self.count}"
        if tables().takes(prefix.stack, "NONE"):
            return f"{HOLE}_type{self.count}"
        return f"{HOLE}_attribute" if prefix.last == "." else self._new_name()

    def _new_name(self) -> str:
        name = f"v{self.prefix.size}_{self.count}"
        while name in self.prefix.environment.entries:
            name += "_"
        return name

    def _take(self, prefix: State | None, lexeme: str, out: list[str]) -> State | None:
        if prefix is None:
            return None
        if prefix.inside is not None:
            lexeme = requoted(lexeme, prefix.inside.quote)
        out.append(lexeme)
        return prefix.step(lexeme)

    # Whether it checks

    def _ask(self, closing: Sequence[str], fine: bool = True) -> PartialChecker | None:
        """The checker about the statement with this closing; None if something is wrong with it."""
        assert self.prefix.stack is not None
        self.asked += 1
        at: tuple[Stack, OpenFString | None] | None = (self.prefix.stack, self.prefix.inside)
        for lexeme in closing:
            at = tables().step(at[0], at[1], lexeme) if at is not None else None
        found = tables().finish(at[0], "start") if at is not None and at[1] is None else None
        if not found:
            return None
        checker = PartialChecker(self.prefix.environment)
        if not checker.look_at(found[0]) and fine:
            return None
        return checker

    def _bound(
        self, start: list[str], told: bool, skeleton: list[str], behind: Sequence[str]
    ) -> Iterator[tuple[list[str], PartialChecker]]:
        """The skeleton with all names bound, in each of the ways that work."""
        checker = self._ask(skeleton, fine=False)
        if checker is not None and not checker.unknown and not checker.problems:
            yield skeleton, checker
        names = list(dict.fromkeys(checker.unknown)) if checker is not None else []
        frame = self.prefix.frame
        levels = 8 if names else 2
        while frame is not None and levels:
            levels -= 1
            once = frame.commas == 0 and not frame.keywords
            if once and (frame.kind in ("list", "dict", "call") if names else frame.kind == "call"):
                self.count += 1
                self.asked += 1
                closing = self._close(start, told, frame, names or [self._new_name()], behind)
                answer = self._ask(closing) if closing is not None else None
                if answer is not None and closing is not None and not answer.unknown:
                    yield closing, answer
            frame = frame.below

    def _fill(self, closing: list[str], checker: PartialChecker) -> tuple[str, ...] | None:
        """The closing with constants in its holes, such that it checks."""
        holes = [i for i, lexeme in enumerate(closing) if lexeme.startswith(HOLE)]
        if not holes:
            return tuple(closing)
        # What is iterated over settles the types of other holes, so it comes first.
        wanted = checker.hole_types()
        at = next((i for i in holes if closing[i].startswith(f"{HOLE}_") or (i and closing[i - 1] == "in")), -1)
        if at < 0:
            at = next((i for i in holes if closing[i] in wanted), holes[0])
        before = closing[at - 1] if at else self.prefix.last
        for filling in fillings(self.prefix, closing[at], wanted.get(closing[at]), before, checker):
            if self.asked > self.until:
                return None
            if self.prefix.inside is not None and any(lexeme[0] == "}" for lexeme in closing[at:]):
                filling = [requoted(lexeme, self.prefix.inside.quote) for lexeme in filling]
            tried = [*closing[:at], *filling, *closing[at + 1 :]]
            answer = self._ask(tried)
            if answer is not None and not answer.unknown:
                if (filled := self._fill(tried, answer)) is not None:
                    return filled
        return None
