"""Search for a closing: lexemes that complete an unfinished line such that it checks.

First a short skeleton with holes is made. The partial checker says whether it is wrong whatever the holes are filled
with, and which types they must have. Names that are not bound yet are bound by a clause of an open comprehension.
Then the holes are filled with constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Union, cast

from attrs import evolve

from rlmlang.decode.closings.conversions import operator_fits
from rlmlang.decode.closings.fillings import fillings
from rlmlang.decode.closings.fragments import function_named, lacking, requoted
from rlmlang.decode.closings.holes import Holes
from rlmlang.decode.closings.starts import BINDING, Starts
from rlmlang.decode.partial import PartialChecker
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import Stack, finished, tables
from rlmlang.decode.state import BODY, LINE, BracketFrame, LineState, outermost
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.scope import Variable
from rlmlang.language.nodes import nodes_in
from rlmlang.language.types import UNKNOWN, FunctionType, IterableType, ListType, Never, TupleType, Type, Unknown

_ORDER = (
    ("_NL0", LINE),
    ("_NL1", BODY),
    ("PASS", "pass"),
    ("RPAR", ")"),
    ("RSQB", "]"),
    ("RBRACE", "}"),
    ("ELSE", "else"),
    ("COLON", ":"),
    ("IN", "in"),
    ("NAME", HOLE),
    ("EQUAL", "="),
    ("LPAR", "("),
    ("NONE", "None"),
    ("INT", "1"),
    ("STRING", '""'),
)
"""Terminals with a lexeme of each, in the order in which they are tried to end a statement soon."""


_BINDING_BRACKETS = ("list", "dict", "call", "group")
"""The kinds of brackets in which a comprehension may bind names."""


MAX_CLOSING = 60
"""The most lexemes of a closing."""


MAX_TRIED = (150, 60, 30)
"""The most closings that are tried for one state, with up to three open brackets, up to six, and more. At most a
quarter of them is spent on the holes of one skeleton."""

_OPERATORS = frozenset(("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "<", "<=", ">", ">=", "."))
"""What cannot follow every operand."""


MAX_JUDGED = 30
"""The most closings that check by themselves and are wrong because of other lines. At most a tenth of them is spent on
the holes of one skeleton."""

Suggested = tuple[Sequence[tuple[str, ...]], bool]
"""Closings that are likely, and whether there are no others."""

Verdict = Callable[[nodes.Statement, PartialChecker], Union[bool, None]]
"""Says whether a line that checks by itself also checks with the lines around it; None if it does with any."""


ANY_ITERABLE = IterableType(UNKNOWN)
"""What is expected where the only thing that matters is that it can be iterated over."""

_NO_FUNCTIONS = (
    nodes.Constant, nodes.FString, nodes.ListExpr, nodes.SetExpr, nodes.DictExpr, nodes.Comprehension, nodes.Call,
)  # fmt: skip
"""Expressions that are never applied."""


class Search:
    """The search for a closing of one unfinished line."""

    def __init__(self, state: LineState, verdict: Verdict | None = None) -> None:
        self.state = state
        self.verdict = verdict
        self.judged_wrong = self.judged_before = 0
        self.is_judged = False
        """Whether what was found depends on the lines around."""
        self.holes = Holes(state)
        self.starts = Starts(state, self.holes, lambda line: Search(line).receiver())
        self.tried = 0
        depth = 0 if state.frame is None else state.frame.depth
        self.limit = MAX_TRIED[min(max(depth - 1, 0) // 3, 2)]
        self.fill_limit = 0

    def closing(
        self, hints: Sequence[tuple[str, ...]], suggest: Callable[[], Suggested] = lambda: ((), False)
    ) -> tuple[str, ...] | None:
        """Return lexemes that end the statement, or None if none are found.

        The hints are tried first: often the last lexeme replaces the first one of the previous closing, or precedes it.
        Then come those that `suggest` gives, which also says whether it is known that there are no others.
        """
        if self._is_hopeless():
            return None
        for hint in hints:
            answer = self._check(hint)
            if answer is not None and self._settles(answer):
                return hint
        suggested, are_all = suggest()
        for each in suggested:
            answer = self._check(each)
            if answer is not None and self._settles(answer):
                return each
        if are_all:
            return None
        if hints:
            for resumed in self._resumed(hints[-1]):
                checker = self._check(resumed)
                self.fill_limit, self.judged_before = self.tried + self.limit // 8, self.judged_wrong
                if checker is not None and not checker.unknown:
                    if (filled := self._fill(resumed, checker)) is not None:
                        return filled
        for start, complete_call, suffix in self.starts.ways():
            if self.tried > self.limit and start != BINDING:
                continue
            skeleton = self._close(start, complete_call, suffix=suffix)
            if skeleton is None or len(skeleton) > MAX_CLOSING:
                continue
            for bound in self._bound(start, complete_call, skeleton, suffix):
                self.fill_limit, self.judged_before = self.tried + self.limit // 4, self.judged_wrong
                if (filled := self._fill(*bound)) is not None:
                    return filled
        return None

    def _is_hopeless(self) -> bool:
        """Return whether the line ends with an operator or dot that does not fit the operand before it.

        Nothing that follows can change that, unless it tells that the operand is not None or binds a name in it.
        """
        state = self.state
        if state.last == "(" and state.frame is not None and state.frame.kind == "call":
            return not self._applies()
        if state.last not in _OPERATORS or state.leans or state.stack.below is None:
            return False
        left = state.stack.below.value
        if not isinstance(left, nodes.Node) or not hasattr(left, "node_id"):
            return False  # part of a type
        checker = state.environment.checker()
        try:
            type_ = checker.infer(cast(nodes.Expr, left))
        except TooManyProblems:
            return False
        if checker.unknown:
            return state.frame is None
        return state.last != "." and not checker.problems and not operator_fits(state.last, type_)

    def _applies(self) -> bool:
        """Return whether what is before the bracket at the end may be a function, as far as that is quickly found."""
        below = self.state.stack.below
        callee = below.value if below is not None else None
        if isinstance(callee, _NO_FUNCTIONS):
            return False
        if not isinstance(callee, nodes.Name) or callee.id in BUILTINS:
            return True
        entry = function_named(self.state.environment, callee.id)
        if isinstance(entry, Variable):
            return isinstance(entry.type, (FunctionType, Unknown))
        return entry is not None or _has_lambda(below)

    def checks(self, closing: Sequence[str]) -> bool:
        """Return whether the statement checks with this closing."""
        answer = self._check(closing)
        return answer is not None and not answer.unknown

    def _settles(self, answer: PartialChecker) -> bool:
        """Return whether nothing is wrong with the line that was checked."""
        if answer.unknown:
            return False
        statement = answer.checked
        if isinstance(statement, nodes.Try) and self.state.words[:1] == ("try",):
            statement = evolve(statement, handlers=())  # they are on lines of their own
        if self.verdict is None or statement is None:
            return True
        verdict = self.verdict(statement, answer)
        if verdict is None:
            return True
        self.is_judged = True
        self.judged_wrong += not verdict
        if self.judged_wrong > MAX_JUDGED:
            self.limit = 0
        if self.judged_wrong > self.judged_before + MAX_JUDGED // 10:
            self.fill_limit = 0
        return verdict

    def around_operand(self) -> list[str] | None:
        """Return a closing that begins with a hole for the next operand, or None if there is none."""
        return self._close([HOLE], False)

    def expected_types(self) -> list[Type]:
        """Return the types that the next operand may have; none if they are not known."""
        skeleton = self._close([HOLE], False)
        checker = self._check(skeleton, must_check=False) if skeleton is not None else None
        if checker is None or skeleton is None:
            return []
        types = checker.expected_types(skeleton[0]) or _iterated(checker.checked, skeleton[0])
        frame = self.state.frame
        begins = self.state.last != "," if frame is None else not frame.filled and not frame.commas
        if begins and (frame is None or frame.kind == "group"):  # of a tuple
            types += [each.items[0] for each in types if isinstance(each, TupleType) and each.items]
        if begins and frame is not None and frame.kind in ("call", "group"):  # of a generator
            types += [each.item for each in types if isinstance(each, (ListType, IterableType))]
        return types

    def binders(self) -> list[BracketFrame]:
        """Return the open brackets in which a comprehension can bind a new name that is written next."""
        self.holes.count += 1
        name = self.holes.new_name()
        checker = (
            self._check(skeleton, must_check=False) if (skeleton := self._close([HOLE], False)) is not None else None
        )
        names = [*dict.fromkeys(checker.unknown if checker is not None else []), name]
        found: list[BracketFrame] = []
        frame = self.state.frame
        while frame is not None:
            if frame.kind in _BINDING_BRACKETS and frame.commas == 0 and not frame.keywords:
                starts = [[HOLE]] if frame.kind != "dict" or frame.filled else [[HOLE], [HOLE, ":", HOLE]]
                for start, suffix in product(starts, ((), *self.starts.outer_suffixes())):
                    closing = self._close(start, False, frame, names, suffix)
                    answer = self._check(closing) if closing is not None else None
                    if answer is not None and not answer.unknown:
                        found.append(frame)
                        break
            frame = frame.below
        return found

    def receiver(self) -> Type | None:
        """Return the type of the operand before the dot that ends the statement so far, if it is known."""
        skeleton = self._close([HOLE], False)
        checker = self._check(skeleton, must_check=False) if skeleton is not None else None
        return None if checker is None or isinstance(checker.receiver, (Unknown, Never)) else checker.receiver

    # The rest of the closing: what ends soonest

    def _close(
        self,
        start: Sequence[str],
        complete_call: bool,
        bind: BracketFrame | None = None,
        names: Sequence[str] = (),
        suffix: Sequence[str] = (),
    ) -> list[str] | None:
        """Return the closing with this start, with holes, or None if there is none.

        In the bracket `bind`, clauses bind the given names. The suffix is put after the outermost bracket or, if it is
        a comma with further items, at the end of that bracket.
        """
        out: list[str] = []
        state: LineState | None = self.state
        outer = outermost(self.state)
        grouped = outer is not None and outer.kind == "group"
        for lexeme in start:
            state = self.holes.take(state, self.holes.numbered(lexeme, state), out)
        for _ in range(MAX_CLOSING):
            if state is None:
                return None
            stack, frame = state.stack, state.frame
            if frame is not None and frame.kind == "fstring" and state.inside and tables().takes(stack, "$END"):
                state = self.holes.take(state, "}" + state.inside.quote, out)
                continue
            found = next((each for each in _ORDER if tables().takes(stack, each[0])), None)
            if found is None:
                return None
            terminal, lexeme = found
            if terminal in ("RPAR", "RSQB", "RBRACE") and frame is not None:
                own = self.state.frame
                extra: list[str] = []
                if frame.kind == "call" and not (complete_call and own is not None and own.opened == frame.opened):
                    missing = next(iter(lacking(self.state.environment, frame)), [])
                    if missing and not (bind is not None and frame.depth == bind.depth):
                        extra = [*([","] if frame.filled else []), *missing]
                if bind is not None and frame.depth == bind.depth:
                    extra = [word for name in names for word in ("for", name, "in", HOLE)]
                    bind = None
                for word in extra:
                    state = self.holes.take(state, self.holes.numbered(word, state), out)
                if extra:
                    continue
            ends = (
                (terminal == "_NL0" and BODY not in out)
                or terminal == "_NL1"
                or (terminal == "RPAR" and frame is not None and frame.below is None)
            )
            if suffix and ends and (terminal == "RPAR") is (suffix[0] == "," and grouped):
                for word in suffix:
                    state = self.holes.take(state, self.holes.numbered(word, state), out)
                suffix = ()
                continue
            state = self.holes.take(state, self.holes.numbered(lexeme, state), out)
            if terminal == "_NL0":
                return out if state is not None else None
        return None

    def _resumed(self, rest: Sequence[str]) -> Iterator[list[str]]:
        """Yield closings, with holes, that complete the operand that ends the line and go on with the rest.
        (Decision 123.)
        """
        for start in self.starts.operands():
            out: list[str] = []
            state: LineState | None = self.state
            for lexeme in start:
                state = self.holes.take(state, self.holes.numbered(lexeme, state), out)
            for lexeme in rest:
                state = self.holes.take(state, lexeme, out)
            if state is not None and len(out) <= MAX_CLOSING:
                yield out

    # Whether it checks

    def _check(self, closing: Sequence[str], must_check: bool = True) -> PartialChecker | None:
        """Return the checker that has seen the statement with this closing; None if it does not check."""
        self.tried += 1
        statement = finished(self.state.stack, self.state.inside, closing)
        if statement is None:
            return None
        checker = self.state.environment.checker()
        if not checker.accepts(statement) and must_check:
            return None
        return checker

    def _bound(
        self, start: list[str], complete_call: bool, skeleton: list[str], suffix: Sequence[str]
    ) -> Iterator[tuple[list[str], PartialChecker]]:
        """Yield the skeleton with all names bound, in each way that checks."""
        checker = self._check(skeleton, must_check=False)
        if checker is not None and not checker.unknown and not checker.problems:
            yield skeleton, checker
        names = list(dict.fromkeys(checker.unknown)) if checker is not None else []
        frame = self.state.frame
        levels = 8 if names else 2
        while frame is not None and levels:
            levels -= 1
            once = frame.commas == 0 and not frame.keywords
            if once and (frame.kind in _BINDING_BRACKETS if names else frame.kind == "call"):
                self.holes.count += 1
                self.tried += 1
                closing = self._close(start, complete_call, frame, names or [self.holes.new_name()], suffix)
                answer = self._check(closing) if closing is not None else None
                if answer is not None and closing is not None and not answer.unknown:
                    yield closing, answer
            frame = frame.below

    def _fill(self, closing: list[str], checker: PartialChecker) -> tuple[str, ...] | None:
        """Return the closing with constants in its holes, such that it checks, or None."""
        holes = [i for i, lexeme in enumerate(closing) if lexeme.startswith(HOLE)]
        if not holes:
            return tuple(closing) if self._settles(checker) else None
        # Iterables come first, since they determine the types of other holes.
        expected = checker.hole_types()
        at = next((i for i in holes if closing[i].startswith(f"{HOLE}_") or (i and closing[i - 1] == "in")), -1)
        if at < 0:
            at = next((i for i in holes if closing[i] in expected), holes[0])
        before = closing[at - 1] if at else self.state.last
        for filling in fillings(self.state, closing[at], expected.get(closing[at]), before, checker):
            if self.tried > self.fill_limit:
                return None
            if self.state.inside is not None and any(lexeme[0] == "}" for lexeme in closing[at:]):
                filling = [requoted(lexeme, self.state.inside.quote) for lexeme in filling]
            tried = [*closing[:at], *filling, *closing[at + 1 :]]
            answer = self._check(tried)
            if answer is not None and not answer.unknown:
                if (filled := self._fill(tried, answer)) is not None:
                    return filled
        return None


def _has_lambda(stack: Stack | None) -> bool:
    """Return whether a lambda is being written, of which a parameter may be a function."""
    while stack is not None:
        if str(stack.value) == "lambda":
            return True
        stack = stack.below
    return False


def _iterated(statement: nodes.Statement | None, hole: str) -> list[Type]:
    """Return the type of what is iterated over if a hole is, else none."""
    for each in nodes_in(statement) if statement is not None else ():
        match each:
            case (
                nodes.For(iterable=nodes.Name(id=name))
                | nodes.ForClause(iterable=nodes.Name(id=name))
                | nodes.Starred(value=nodes.Name(id=name))
            ) if name == hole:
                return [ANY_ITERABLE]
    return []
