"""Token masks: which tokens may come next, such that the text can always be completed.

A `Matcher` follows one text token by token. Whatever it allows can be ended within the tokens
that are left; near their end it goes on with the closing alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.decode.closing import closing_text
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.forced import forced_text
from rlmlang.decode.mask import position_mask, text_ends
from rlmlang.decode.partial import Environment, after, environment_of
from rlmlang.decode.position import Position
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import tables
from rlmlang.decode.vocabulary import Mask, Vocabulary, completed, split
from rlmlang.errors import ModelError

MAX_GROWTH = 80
"""Tokens by which one token can make the closing longer."""


class Matcher:
    """What a constraint allows at each place of one text."""

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary, max_tokens: int) -> None:
        self.constraint = constraint
        self.vocabulary = vocabulary
        self.left = max_tokens
        """Tokens that may still be written."""
        self.text = ""
        self.done = False
        self._environment = environment_of(constraint)
        self.position = start(constraint, self._environment)
        """Where the text stands."""
        self._statement = 0
        """Where in the text the statement starts that is being written."""
        self._closing: list[int] | None = None
        self._costs: dict[tuple[bytes, Position], int] = {}
        """Of positions near the end, the tokens that it takes to complete the text."""
        self._tail = b""
        """The start of a character that is not whole yet."""

    def mask(self) -> Mask:
        """The tokens that may come next, as one truth value a token."""
        mask = self.vocabulary.mask()
        if self.done:
            mask[list(self.vocabulary.eos)] = True
        elif (closing := self._must_close(MAX_GROWTH)) is not None:
            mask[closing[0] if closing else list(self.vocabulary.eos)] = True
        elif self._tail:
            self._allow_broken(mask)
        else:
            mask |= position_mask(self.position, self.vocabulary)
            if text_ends(self.position):
                self._allow_broken(mask)
        return mask

    def _allow_broken(self, mask: Mask) -> None:
        """Allow the tokens with parts of characters that may come next."""
        tokens = map(int, self.vocabulary.broken.nonzero()[0])
        mask[[token for token in tokens if self._read(token) is not None]] = True

    def allows(self, token: int) -> bool:
        """Whether a token may come next; far quicker than the whole mask."""
        if self.done or token in self.vocabulary.eos:
            return token in self.vocabulary.eos and (self.done or self._may_end)
        closing = self._must_close()
        found = self._read(token)
        if closing is not None and closing[:1] == [token] and found is not None:
            return True
        if found is None or (closing is not None and len(closing) >= self.left):
            return False
        if self.left > 4 * MAX_GROWTH:
            return True
        cost = self._costs.get((found[1], found[2]))
        if cost is None:
            cost = self._costs[found[1:]] = len(self._closing_tokens(*found[1:]))
        return cost < self.left

    def best(self, order: Iterable[int], count: int = 1) -> list[int]:
        """The first `count` tokens of an order that are allowed.

        In the order of falling logits, the first is what greedy decoding takes; with Gumbel noise
        added to them, it is a draw from the distribution that the mask leaves (Maddison et al., 2014).
        """
        closing = self._must_close() if not self.done else None
        if closing is not None and len(closing) >= self.left:
            return closing[:1]
        found: list[int] = []
        for token in order:
            if self.allows(token):
                found.append(token)
                if len(found) == count:
                    break
        return found

    def forced(self) -> list[int]:
        """Tokens that need not be sampled, as only one text may follow; none if there is a choice.

        They are those that the tokenizer writes it with, whatever comes behind it. Spaces are as usual.
        """
        if self.done or self._tail:
            return []
        if (closing := self._must_close()) is not None:
            return closing if len(closing) >= self.left else []
        text = forced_text(self.position)
        if not text:
            return []
        tokens = self.vocabulary.encode(text)
        for behind in ("x", " x", "\n", '"', "("):
            other = self.vocabulary.encode(text + behind)
            same = next((i for i, pair in enumerate(zip(tokens, other)) if pair[0] != pair[1]), len(tokens))
            tokens = tokens[:same]
        return tokens if self._readable(tokens) else []

    def _readable(self, tokens: list[int]) -> bool:
        """Whether the tokens may be committed one after another; the last may end within the forced text."""
        position: Position | None = self.position
        for token in tokens:
            text = self.vocabulary.texts[token]
            position = position.advance(text) if position is not None and text is not None else None
        return position is not None and len(tokens) + MAX_GROWTH < self.left

    def commit(self, token: int) -> None:
        """Go on behind a token. Raises ModelError E408 if it is not allowed."""
        if not self.allows(token):
            raise self._refusal(repr(self.vocabulary.bytes_of(token)))
        if token in self.vocabulary.eos:
            self.done = True
            return
        closing = self._closing
        found = self._read(token)
        assert found is not None
        text, tail, position = found
        self._closing = closing[1:] if closing is not None and closing[:1] == [token] else None
        self.text += text
        self.left -= 1
        self._tail = tail
        self.position = self._settled(position)
        if self.position.ended:
            self.done = True

    def _read(self, token: int) -> tuple[str, bytes, Position] | None:
        """What a token adds: whole characters, the start of one more, and the position behind the former."""
        text = self.vocabulary.texts[token]
        if not self._tail and text is not None:
            position = self.position.advance(text)
            return None if position is None else (text, b"", position)
        whole = split(self._tail + self.vocabulary.bytes_of(token))
        if whole is None or (not whole[0] and not whole[1]):
            return None
        position = self.position.advance(whole[0]) if whole[0] else self.position
        if position is None or not whole[1]:
            return None if position is None else (whole[0], b"", position)
        end = completed(whole[1])
        fits = end is not None and all(byte in self.vocabulary.single for byte in end)
        if not fits or not text_ends(position) or position.advance("é") is None:
            return None
        return whole[0], whole[1], position

    @property
    def _may_end(self) -> bool:
        return self.position.may_end and not self._tail

    def _refusal(self, what: str) -> ModelError:
        return ModelError.of("E408", f"{what} may not follow {self.text[-40:]!r}")

    # Statements

    def _settled(self, position: Position) -> Position:
        """Behind a whole statement, a position that knows what was really written in it."""
        if position.prefix.size or position.prefix is self.position.prefix or position.ended:
            return position
        ends = self.text.rfind("\n") + 1
        rest = self.text[ends:]
        self._environment = after(self._environment, self.text[self._statement : ends])
        self._statement = ends
        fresh: Position | None = Position(Prefix(self._environment, self.constraint.unit, tables().start("start")))
        assert fresh is not None
        if rest:
            fresh = fresh.advance(rest)
        return fresh if fresh is not None else position

    # The end

    def closing_text(self) -> str:
        """What would complete the text, once its last character is whole."""
        return "" if self.done or self.position.ended else closing_text(self.position, self.constraint)

    def _closing_tokens(self, tail: bytes, position: Position) -> list[int]:
        """The tokens that would complete the text behind a position and the start of a character."""
        if position.ended:
            return []
        first = [self.vocabulary.single[byte] for byte in completed(tail) or b""] if tail else []
        return first + self.vocabulary.encode(closing_text(position, self.constraint))

    def _must_close(self, room: int = 0) -> list[int] | None:
        """The tokens that are left to write, once there is no room for others."""
        if self._closing is not None:
            return self._closing
        if self.left > 4 * MAX_GROWTH:
            return None
        closing = self._closing_tokens(self._tail, self.position)
        if self.left <= len(closing) + room:
            self._closing = closing
        return self._closing


def start(constraint: Constraint, environment: Environment) -> Position:
    """The position at which the text begins."""
    prefix = Prefix(environment, constraint.unit, tables().start("start"))
    if constraint.unit == "call":
        called = prefix.child("CALL")
        if called is None:
            raise ModelError.of("E408", "no CALL can be written here")
        prefix = called
    return Position(prefix)
