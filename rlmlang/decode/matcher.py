"""Follow a text token by token, and say which tokens may come next, such that it can always be completed.

Whatever a `Matcher` allows can be completed within the remaining tokens; near their end it allows the closing alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rlmlang.decode.beginning import beginning
from rlmlang.decode.closing_text import closing_text, ends_here, is_completable
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.forced import forced_text
from rlmlang.decode.line_text import read_lines
from rlmlang.decode.lines import Ending
from rlmlang.decode.mask import position_mask, text_ends
from rlmlang.decode.position import Position
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import tables
from rlmlang.decode.vocabulary import Mask, Vocabulary, completed, split
from rlmlang.errors import ModelError
from rlmlang.language.garbage_collection import paused_collector

MAX_GROWTH = 80
"""The most tokens by which one token makes the closing longer."""


WORDS = frozenset(word for word in (*tables().fixed, "print") if word.isalpha())
"""Words that are not written as the beginning of a new name."""

_WORD = re.compile(r"[A-Za-z0-9_]+")


class Matcher:
    """The state of one text that is written under a constraint."""

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary, max_tokens: int) -> None:
        self.constraint = constraint
        self.vocabulary = vocabulary
        self.left = max_tokens
        """The number of tokens that may still be written."""
        self.text = ""
        self.done = False
        self._ending = beginning(constraint)
        """The end of the line before the one that is being written, with what was really written."""
        self.position = start_position(self._ending)
        """The position at the end of the text."""
        self._line = 0
        """The offset of the line that is being written, or of the line end before it."""
        self._closing: list[int] | None = None
        self._closing_here: list[int] | None = None
        """The tokens that complete the text as it is; None if they have not been found yet."""
        self._costs: dict[tuple[bytes, Position], int] = {}
        """For positions near the token limit, the number of tokens that complete the text."""
        self._tail = b""
        """The first bytes of a character that is not complete."""
        self._ends_word = False
        """Whether the last token ends with a whole word of the language, such as `if`, that can be read as one here."""
        self._name_ends: list[str] | None = None
        """After such a word, what makes a known name of it; None if that has not been found out yet."""

    @paused_collector
    def mask(self) -> Mask:
        """Return the tokens that may come next, as booleans [vocabulary]."""
        mask = self.vocabulary.mask()
        if self.done:
            mask[list(self.vocabulary.eos)] = True
        elif (closing := self._must_close(MAX_GROWTH)) is not None:
            mask[closing[0] if closing else list(self.vocabulary.eos)] = True
        elif self._tail:
            self._allow_broken(mask)
        else:
            mask |= position_mask(self.position, self.vocabulary)
            if self._ends_word:
                mask &= self.vocabulary.apart | self.vocabulary.going_on(self._known_ends())
            self._allow_broken(mask)
        return mask

    def _known_ends(self) -> list[str]:
        """Return what makes the word that was written last a name that is known."""
        if self._name_ends is None:
            word, names = self.position.partial, self.position.prefix.names
            known = (name for name in names.candidates if name.startswith(word) and name != word)
            self._name_ends = [name[len(word) :] for name in known if names.may_follow(name)]
        return self._name_ends

    def _runs_on(self, text: str) -> bool:
        """Return whether a text makes a name that is not known of the word of the language before it.

        A model that has written `if` means `if`: tokenizers write `iffy` otherwise (decision 100).
        """
        if not self._ends_word or (begin := _WORD.match(text)) is None:
            return False
        more = begin[0]
        return not any(end.startswith(more) if more == text else end == more for end in self._known_ends())

    def _allow_broken(self, mask: Mask) -> None:
        """Allow the tokens that may come next and contain parts of characters."""
        for text, goes_on, tokens in self.vocabulary.continuing(self._tail):
            position = self.position.advance(text) if text else self.position
            if position is not None and (not goes_on or _takes_characters(position)):
                mask[tokens] = True

    def allows(self, token: int) -> bool:
        """Return whether a token may come next. This is far quicker than the whole mask."""
        if self.done or token in self.vocabulary.eos:
            return token in self.vocabulary.eos and (self.done or self._may_end)
        closing = self._must_close()
        found = self._read(token)
        if closing is not None and closing[:1] == [token] and found is not None:
            return True
        if found is None or not is_completable(found[2]) or (closing is not None and len(closing) >= self.left):
            return False
        return self._fits(found[1], found[2]) or (self._closing_here or [])[:1] == [token]

    def _fits(self, tail: bytes, position: Position) -> bool:
        """Return whether the text can be completed within the limit after one more token, which leads to a position."""
        if self.left > 4 * MAX_GROWTH:
            return True
        cost = self._costs.get((tail, position))
        if cost is None:
            cost = self._costs[tail, position] = len(self._closing_tokens(tail, position))
        return cost < self.left

    @paused_collector
    def best(self, order: Iterable[int], count: int = 1) -> list[int]:
        """Return the first `count` tokens of an order that are allowed.

        In descending order of logits, the first one is the choice of greedy decoding. With Gumbel noise added to the
        logits, it is a draw from the distribution that the mask leaves (Maddison et al., 2014).
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
        """Return tokens that need not be sampled, as only one text may follow; none if there is a choice.

        The tokenizer encodes the text with these tokens whatever follows it. Spaces are the usual ones.
        """
        if self.done or self._tail:
            return []
        if (closing := self._must_close()) is not None:
            return closing if len(closing) >= self.left else []
        text = forced_text(self.position)
        if not text:
            return []
        tokens = self.vocabulary.encode(text)
        for following in ("x", " x", "\n", '"', "("):
            other = self.vocabulary.encode(text + following)
            same = next((i for i, pair in enumerate(zip(tokens, other)) if pair[0] != pair[1]), len(tokens))
            tokens = tokens[:same]
        return tokens if self._readable(tokens) else []

    def _readable(self, tokens: list[int]) -> bool:
        """Return whether the tokens can be committed in turn; the last may end within the forced text."""
        position: Position | None = self.position
        for token in tokens:
            text = self.vocabulary.texts[token]
            position = position.advance(text) if position is not None and text is not None else None
            if position is None or not is_completable(position):
                return False
        return position is not None and len(tokens) + MAX_GROWTH < self.left

    @paused_collector
    def commit(self, token: int) -> None:
        """Append a token to the text. Raises ModelError E408 if it is not allowed."""
        if not self.allows(token):
            raise self._refusal(repr(self.vocabulary.bytes_of(token)))
        if token in self.vocabulary.eos:
            self.done = True
            return
        found = self._read(token)
        assert found is not None
        text, tail, position = found
        closing = self._closing
        if closing is None and self._closing_here is not None and not self._fits(tail, position):
            closing = self._closing_here  # what is left of it can be longer in the tokens that it has by itself
        self._closing = closing[1:] if closing is not None and closing[:1] == [token] else None
        self._closing_here = None
        self.text += text
        self.left -= 1
        self._tail = tail
        before = self.position.prefix
        self.position = self._settled(position)
        if self.position.prefix is not before:
            before.stack.steps.clear()  # other continuations, which are not needed any more
        if self.position.ended:
            self.done = True
        self._ends_word, self._name_ends = _ends_word(text, self.position), None

    def _read(self, token: int) -> tuple[str, bytes, Position] | None:
        """Return the characters that a token adds, the first bytes of one more, and the position after the former."""
        text = self.vocabulary.texts[token]
        if text is not None and self._runs_on(text):
            return None
        if not self._tail and text is not None:
            position = self.position.advance(text)
            return None if position is None else (text, b"", position)
        whole = split(self._tail + self.vocabulary.bytes_of(token))
        if whole is None or (not whole[0] and not whole[1]):
            return None
        position = self.position.advance(whole[0]) if whole[0] else self.position
        if position is None or not whole[1]:
            return None if position is None else (whole[0], b"", position)
        if not self.vocabulary.completes(whole[1]) or not _takes_characters(position):
            return None
        return whole[0], whole[1], position

    @property
    def _may_end(self) -> bool:
        return self.position.may_end and not self._tail

    def _refusal(self, what: str) -> ModelError:
        return ModelError.of("E408", f"{what} may not follow {self.text[-40:]!r}")

    # Lines

    def _settled(self, position: Position) -> Position:
        """After a whole line, return a position that knows what was written.

        The position given was reached with free strings and numbers in their place.
        """
        if position.ended or position.prefix.point is self.position.prefix.point:
            return position
        found = read_lines(self._ending, self.text, self._line)
        if found[1] == self._line:
            return position
        self._ending, self._line = found
        settled = after_line(self._ending).advance(self.text[self._line :])
        return settled if settled is not None and is_completable(settled) else position

    # Closing

    def closing_text(self) -> str:
        """Return the text that would complete this one, once its last character is complete."""
        return "" if self.done or self.position.ended else closing_text(self.position)

    def closing_tokens(self) -> list[int]:
        """Return tokens that would complete the text, of which the first one is allowed."""
        if self._closing is not None:
            return self._closing
        if self._closing_here is None:
            self._closing_here = self._closing_tokens(self._tail, self.position)
        return self._closing_here

    def _closing_tokens(self, tail: bytes, position: Position) -> list[int]:
        """Return the tokens that would complete the text after a position and the first bytes of a character."""
        if position.ended:
            return []
        first = [self.vocabulary.single[byte] for byte in completed(tail) or b""] if tail else []
        return first + self.vocabulary.encode(closing_text(position))

    def _must_close(self, reserve: int = 0) -> list[int] | None:
        """Return the tokens of the closing if no others fit, with `reserve` tokens to spare; else None."""
        if self._closing is not None:
            return self._closing
        if self.left > 4 * MAX_GROWTH:
            return None
        closing = self.closing_tokens()
        if self.left <= len(closing) + reserve:
            self._closing = closing
        return self._closing


def _ends_word(text: str, position: Position) -> bool:
    """Return whether the text before a position ends with a whole word of the language, which can be read as one."""
    word, prefix = position.partial, position.prefix
    if word not in WORDS or not text.endswith(word) or not ends_here(position):
        return False
    return word in tables().fixed or prefix.takes_operand  # `print` where it can be applied


def _takes_characters(position: Position) -> bool:
    """Return whether any character may follow, as in a string or comment."""
    return bool(text_ends(position)) and position.advance("é") is not None


def after_line(ending: Ending) -> Position:
    """Return the position after the end of a line."""
    return Position(Prefix.after(ending), "\n")


def start_position(ending: Ending) -> Position:
    """Return the position at which the text begins. Raises ModelError E408."""
    if ending.point.unit != "call":
        return after_line(ending)
    called = Prefix.of(ending.point).child("CALL")
    if called is None:
        raise ModelError.of("E408", "no CALL can be written here")
    return Position(called)
