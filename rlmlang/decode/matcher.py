"""Token masks: which tokens may come next, such that the text can always be completed.

A `Matcher` follows one text token by token. Whatever it allows can be ended within the tokens
that are left; near their end it goes on with the closing alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.forced import forced_text
from rlmlang.decode.partial import Ground, after, ground_of
from rlmlang.decode.point import Point, new_ends
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import join, tables
from rlmlang.decode.signatures import constant
from rlmlang.decode.vocabulary import Mask, Trie, Vocabulary, completed, split
from rlmlang.errors import ModelError
from rlmlang.language.types import STR

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
        self._ground = ground_of(constraint)
        self.point = start(constraint, self._ground)
        """Where the text stands."""
        self._statement = 0
        """Where in the text the statement starts that is being written."""
        self._closing: list[int] | None = None
        self._costs: dict[tuple[bytes, Point], int] = {}
        """Of points near the end, the tokens that it takes to complete the text."""
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
            mask |= _mask(self.point, self.vocabulary)
            if _text_ends(self.point):
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
            cost = self._costs[found[1:]] = len(self._closing_tokens(*found))
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
        text = forced_text(self.point)
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
        point: Point | None = self.point
        for token in tokens:
            text = self.vocabulary.texts[token]
            point = point.advance(text) if point is not None and text is not None else None
        return point is not None and len(tokens) + MAX_GROWTH < self.left

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
        text, tail, point = found
        self._closing = closing[1:] if closing is not None and closing[:1] == [token] else None
        self.text += text
        self.left -= 1
        self._tail = tail
        self.point = self._settled(point)
        if self.point.ended:
            self.done = True

    def _read(self, token: int) -> tuple[str, bytes, Point] | None:
        """What a token adds: whole characters, the start of one more, and the point behind the former."""
        text = self.vocabulary.texts[token]
        if not self._tail and text is not None:
            point = self.point.advance(text)
            return None if point is None else (text, b"", point)
        whole = split(self._tail + self.vocabulary.bytes_of(token))
        if whole is None or (not whole[0] and not whole[1]):
            return None
        point = self.point.advance(whole[0]) if whole[0] else self.point
        if point is None or not whole[1]:
            return None if point is None else (whole[0], b"", point)
        end = completed(whole[1])
        fits = end is not None and all(byte in self.vocabulary.single for byte in end)
        if not fits or not _text_ends(point) or point.advance("é") is None:
            return None
        return whole[0], whole[1], point

    @property
    def _may_end(self) -> bool:
        return self.point.may_end and not self._tail

    def _refusal(self, what: str) -> ModelError:
        return ModelError.of("E408", f"{what} may not follow {self.text[-40:]!r}")

    # Statements

    def _settled(self, point: Point) -> Point:
        """Behind a whole statement, a point that knows what was really written in it."""
        if point.prefix.size or point.prefix is self.point.prefix or point.ended:
            return point
        ends = self.text.rfind("\n") + 1
        rest = self.text[ends:]
        self._ground = after(self._ground, self.text[self._statement : ends])
        self._statement = ends
        fresh: Point | None = Point(Prefix(self._ground, self.constraint.unit, tables().start("start")))
        assert fresh is not None
        if rest:
            fresh = fresh.advance(rest)
        return fresh if fresh is not None else point

    # The end

    def closing_text(self) -> str:
        """What would complete the text, once its last character is whole."""
        return "" if self.done or self.point.ended else closing_text(self.point, self.constraint)

    def _closing_tokens(self, text: str, tail: bytes, point: Point) -> list[int]:
        """The tokens that would complete the text behind a point and the start of a character."""
        if point.ended:
            return []
        first = [self.vocabulary.single[byte] for byte in completed(tail) or b""] if tail else []
        return first + self.vocabulary.encode(closing_text(point, self.constraint))

    def _must_close(self, room: int = 0) -> list[int] | None:
        """The tokens that are left to write, once there is no room for others."""
        if self._closing is not None:
            return self._closing
        if self.left > 4 * MAX_GROWTH:
            return None
        closing = self._closing_tokens("", self._tail, self.point)
        if self.left <= len(closing) + room:
            self._closing = closing
        return self._closing


def start(constraint: Constraint, ground: Ground) -> Point:
    """The point at which the text begins."""
    prefix = Prefix(ground, constraint.unit, tables().start("start"))
    if constraint.unit == "call":
        called = prefix.child("CALL")
        if called is None:
            raise ModelError.of("E408", "no CALL can be written here")
        prefix = called
    return Point(prefix)


def closing_text(point: Point, constraint: Constraint) -> str:
    """What completes the text behind a point."""
    prefix = point.prefix
    if prefix.size == 0 and point.partial[:1] in ("", "#"):
        head = "\n" if point.partial else ""
        return head + _joined("", constant(constraint.wanted or STR)) + "\n"
    end, prefix_after = _lexeme_end(point)
    if prefix_after is None:
        return end
    number = point.partial[:1].isdigit() or re.match(r"\.\d", point.partial)
    before = (
        "0" if number else point.partial + end if point.partial else " " if point.spaces or point.lines else prefix.last
    )
    text = _joined(before, prefix_after.closing)
    text = end + text
    if constraint.unit == "call":
        return text.rstrip("\n")
    if constraint.unit == "program" and not _is_value(prefix_after):
        text += _joined("", constant(constraint.wanted or STR)) + "\n"
    return text


def _is_value(prefix: Prefix) -> bool:
    at: Prefix | None = prefix
    for lexeme in prefix.closing:
        at = at.child(lexeme) if at is not None else None
    return at is None or at.ended


def _lexeme_end(point: Point) -> tuple[str, Prefix | None]:
    """What ends the lexeme that a point is in, and the prefix behind it."""
    if not point.partial:
        return "", point.prefix
    for end in _ends(point):
        after_end = point.advance(end) if end else point
        if after_end is None:
            continue
        if not after_end.partial:
            return end, after_end.prefix
        if point.partial[0] in "\n#":
            continue  # what comes behind it would count as indentation
        whole = after_end.advance(" ")
        if whole is None:
            whole = after_end.advance("\n")
        if whole is not None and not whole.partial:
            return end, whole.prefix
    raise AssertionError(f"no end for {point.partial!r}")


def _ends(point: Point) -> Iterator[str]:
    partial, prefix = point.partial, point.prefix
    yield ""
    if partial[0] in "\n#":
        yield from ("\n", "    ", "   ", "  ", " ", "\n    ")
    if re.fullmatch(r"[A-Za-z_]\w*", partial):
        yield from ("x", "x1", '""', "''")
        for name in prefix.names.candidates:
            if name.startswith(partial) and prefix.names.may_follow(name):
                yield name[len(partial) :]
        if prefix.names.fresh:
            yield from new_ends(partial)
    yield from (text[len(partial) :] for text in prefix.literals if text.startswith(partial))
    if partial[-1] in "{}":
        hole = prefix.child(f"f{partial[1]}{{") if partial[0] == "f" else None
        yield from (partial[-1] + quote for quote in "\"'")
        if hole is not None:
            yield hole.closing[0]
    escapes = ("0" * count for count in range(1, 9))
    for inner in ("", "}", "x}", "0}", "r}", "f}", "0f}", "<}", "n", *escapes):
        yield from (inner + quote for quote in ('"', "'", '"""'))
    yield from ("0", ".0")
    yield from (sign[len(partial) :] for sign in tables().fixed if sign.startswith(partial))


def _joined(before: str, lexemes: tuple[str, ...] | list[str]) -> str:
    text = ""
    for lexeme in lexemes:
        joined = join((before + text)[-1:], lexeme)
        text += joined[len((before + text)[-1:]) :]
    return text


# Masks ---------------------------------------------------------------------------


def _mask(point: Point, vocabulary: Vocabulary) -> Mask:
    known = point.mask
    if isinstance(known, tuple) and known[0] is vocabulary:
        mask: Mask = known[1]
        return mask
    mask = _find_mask(point, vocabulary)
    point.mask = (vocabulary, mask)
    return mask


_OPEN = re.compile(r"""\"\"\"|r?["']|f["']|(?:!r)?(?::[^{}]*)?\}""")


def _find_mask(point: Point, vocabulary: Vocabulary) -> Mask:
    prefix, partial = point.prefix, point.partial
    if point.may_end:
        mask = vocabulary.mask()
        mask[list(vocabulary.eos)] = True
    else:
        mask = vocabulary.mask()
    if prefix.ended:
        return mask
    ends = _text_ends(point)
    if ends:
        probe = point.advance("x")
        if probe is not None and probe.advance("x") is probe:
            mask |= vocabulary.plain(ends)
            _walk(point, vocabulary.ending(ends), mask)
            return mask
        literals = [text for text in prefix.literals if text.startswith(partial)]
        if literals:
            for text in literals:
                _prefixes(text[len(partial) :], vocabulary, mask)
            if probe is None:
                _walk(point, vocabulary.mixed, mask)
            else:
                mask |= vocabulary.plain(ends)
                _walk(point, vocabulary.ending(ends), mask)
            return mask
        for char, below in vocabulary.everything.below.items():
            behind = point.advance(char)
            if behind is None:
                continue
            further = behind.advance("x")
            if further is not None and further is behind.advance("xx") and _text_ends(behind) == ends:
                mask |= (vocabulary.first == ord(char)) & vocabulary.plain_behind(ends)
            else:
                mask[below.tokens] = True
                _walk(behind, below, mask)
        _walk(point, vocabulary.ending(ends), mask)
        return mask
    starts, spaced, more = vocabulary.names
    if partial and re.fullmatch(r"[A-Za-z_]\w*", partial):
        names = prefix.names
        if names.fresh and point.advance("x") is not None:
            mask |= more
        for head in names.allowed:
            if head.startswith(partial):
                _words(head[len(partial) :], "", vocabulary, mask)
        child = prefix.child(partial)
        if child is not None:
            mask |= _mask(_at(child), vocabulary) & vocabulary.apart
        _walk(point, vocabulary.mixed, mask)
        return mask
    if not partial:
        space = point.advance(" ") is not None
        names = prefix.names
        if names.fresh:
            mask |= starts
            if space:
                mask |= spaced
        for head in names.allowed:
            _words(head, "", vocabulary, mask)
            if space:
                _words(" " + head, " ", vocabulary, mask)
        for letter in ("f", "r"):
            if point.advance(letter) is not None:
                mask[vocabulary.words.get(letter, [])] = True
                if space:
                    mask[vocabulary.words.get(" " + letter, [])] = True
    else:  # a sign or number, or line ends
        child = prefix.child(partial)
        if child is not None and partial[0] not in "\n#":
            mask |= _mask(_at(child), vocabulary) & (vocabulary.apart if partial[-1].isalnum() else vocabulary.signless)
        root, behind = vocabulary.everything.below.get(" "), point.advance(" ")
        if partial[0] in "\n#" and root is not None and behind is not None:  # a margin, and a word behind it
            mask[root.tokens] = True
            _walk(behind, root, mask)
    _walk(point, vocabulary.digits, mask)
    _walk(point, vocabulary.mixed, mask)
    return mask


def _at(prefix: Prefix) -> Point:
    """The point right behind a lexeme."""
    point = Point(prefix)
    found = prefix.points.setdefault(("", 0, 0), point)
    assert isinstance(found, Point)
    return found


def _text_ends(point: Point) -> str:
    """Inside of a string, comment or the text of an f-string: the characters that are more than text."""
    partial, inside = point.partial, point.prefix.inside
    if not partial:
        return ""
    if partial[0] == "#":
        return "" if "\n" in partial else "\n"
    if partial.startswith('"""'):
        return '"\\'
    hole = "{}#" if inside is not None else ""
    if partial[0] in "\"'":
        return partial[0] + "\\" + hole
    if partial[:2] in ('r"', "r'"):
        return partial[1] + "\\" + hole
    if partial[:2] in ('f"', "f'"):
        return partial[1] + "\\{}"
    if inside is not None and point.prefix.frame is not None and point.prefix.frame.kind == "fstring":
        match = _OPEN.match(partial)
        if match is not None and match[0][-1] == "}":
            return inside.quote + "\\{}"
    return ""


def _words(text: str, space: str, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the words that a text starts with."""
    words = vocabulary.words
    for end in range(len(space) + 1, len(text) + 1):
        found = words.get(text[:end])
        if found is not None:
            mask[found] = True


def _prefixes(text: str, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow every token that a text starts with."""
    at: Trie | None = vocabulary.everything
    for char in text:
        at = at.below.get(char) if at is not None else None
        if at is None:
            break
        mask[at.tokens] = True


def _walk(point: Point, root: Trie, mask: Mask) -> None:
    """Allow the tokens of a tree that may follow."""
    todo = list(root.below.items())
    while todo:
        text, at = todo.pop()
        if point.advance(text) is None:
            continue
        mask[at.tokens] = True
        todo.extend((text + char, below) for char, below in at.below.items())
