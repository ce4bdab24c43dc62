"""The token masks of positions: tokens are looked up by kind as far as possible, and the rest is tried.

Most of a mask is known from another line of the same shape (`decode.shapes`). What is not is tried: names that are in
scope here, and what may follow the end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from rlmlang.decode.lexemes import fits, is_pattern
from rlmlang.decode.position import Position
from rlmlang.decode.prefix import MAX_LEXEMES, Prefix
from rlmlang.decode.vocabulary import Mask, Trie, Vocabulary

MAX_MASKS = 5_000
"""The most masks of shapes, and of positions in texts, that are known at a time."""

Find = Callable[[str, Mask], None]
"""Allows the tokens that a part of what may follow begins with: a name, a sign, or one of the three below."""

_NEW, _CONSTANT, _SIGN = "new name", "constant", "sign"

_OPEN = re.compile(r"""\"\"\"|r?["']|f["']|(?:!r)?(?::[^{}]*)?\}""")
_NAME = re.compile(r"[A-Za-z_]\w*")
_WORD_SIGNS = "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SIGNS = "=<>!*/-+.\"'0123456789"
"""The characters that may continue an operator."""


def position_mask(position: Position, vocabulary: Vocabulary) -> Mask:
    """Return the mask of a position, which is cached there."""
    known = position.mask
    if isinstance(known, tuple) and known[0] is vocabulary:
        mask: Mask = known[1]
        return mask
    mask = _known_mask(position, vocabulary)
    position.mask = (vocabulary, mask)
    return mask


def _known_mask(position: Position, vocabulary: Vocabulary) -> Mask:
    """Return the mask of a position, or that of an equal one in an equal text, whoever wrote that."""
    prefix = position.prefix
    key = (
        prefix.point.content, prefix.lexemes, prefix.closing, prefix.ended,
        position.partial, position.spaces, position.lines,
    )  # fmt: skip
    known = vocabulary.masks.get(key)
    if known is not None:
        return np.unpackbits(known, count=vocabulary.size).view(np.bool_)
    mask = _find_mask(position, vocabulary)
    while len(vocabulary.masks) >= MAX_MASKS:
        del vocabulary.masks[next(iter(vocabulary.masks))]
    vocabulary.masks[key] = np.packbits(mask)
    return mask


def _find_mask(position: Position, vocabulary: Vocabulary) -> Mask:
    mask = vocabulary.mask()
    if position.may_end:
        mask[list(vocabulary.eos)] = True
    prefix, partial = position.prefix, position.partial
    if prefix.ended:
        return mask
    if ends := text_ends(position):
        _in_text(position, ends, vocabulary, mask)
    elif partial and partial[0] in "\n#":
        _between_lines(position, vocabulary, mask)
    elif not partial:
        _between_lexemes(position, vocabulary, mask)
    elif _NAME.fullmatch(partial):
        _in_name(position, vocabulary, mask)
    else:
        _in_sign(position, vocabulary, mask)
    return mask


def _shared(
    position: Position, vocabulary: Vocabulary, mask: Mask, parts: Callable[[], Iterable[str]], find: Find
) -> None:
    """Allow what `find` finds for each part, or what it has found at such a position in a line of the same shape.

    Of the parts that depend on the lines around, which are few, only the names are kept.
    """
    prefix = position.prefix
    key = (prefix.shape, position.partial, position.spaces, position.lines > 0)
    known = vocabulary.known.get(key) if prefix.size < MAX_LEXEMES else None
    if known is None:
        made, judged = vocabulary.mask(), []
        for part in parts():
            before, found = Prefix.judgements, vocabulary.mask()
            find(part, found)
            mask |= found
            if Prefix.judgements == before:
                made |= found
            else:
                judged.append(part)
        if prefix.size < MAX_LEXEMES:
            if len(vocabulary.known) >= MAX_MASKS:
                vocabulary.known.clear()
            vocabulary.known[key] = (np.packbits(made), tuple(judged))
    else:
        mask |= np.unpackbits(known[0], count=vocabulary.size).view(np.bool_)
        for part in known[1]:
            find(part, mask)


# Between lexemes, and in names and operators --------------------------------------------


def _between_lexemes(position: Position, vocabulary: Vocabulary, mask: Mask) -> None:
    prefix = position.prefix
    names = prefix.names
    close = fits(prefix, "x", position.spaces) or bool(position.lines)
    space = fits(prefix, "x", position.spaces + 1) or bool(position.lines)
    space = space and position.advance(" ") is not None

    def find(part: str, mask: Mask) -> None:
        if part == _NEW:
            if names.fresh:
                mask |= vocabulary.names[0] & close
                mask |= vocabulary.names[1] & space
        elif part == _CONSTANT:
            for letter in ("f", "r"):
                if position.advance(letter) is not None:
                    mask[vocabulary.words.get(letter, [])] = True
                    if space:
                        mask[vocabulary.words.get(" " + letter, [])] = True
            _walk(position, vocabulary.digits, mask)
        elif part == _SIGN:
            _walk(position, vocabulary.signs, mask)
        else:
            _heads(prefix, (part,), close, space, vocabulary, mask)

    _shared(position, vocabulary, mask, lambda: (_NEW, *names.others, _CONSTANT, _SIGN), find)
    _heads(prefix, names.variables, close, space, vocabulary, mask)
    _walk(position, vocabulary.mixed, mask)
    _walk(position, vocabulary.between, mask)


def _heads(prefix: Prefix, names: Iterable[str], close: bool, space: bool, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens that names begin with, where they may follow, with or without a space before them."""
    for name in names:
        if prefix.names.may_follow(name):
            if close:
                _words(name, "", vocabulary, mask)
            if space:
                _words(" " + name, " ", vocabulary, mask)


def _in_name(position: Position, vocabulary: Vocabulary, mask: Mask) -> None:
    prefix, partial = position.prefix, position.partial
    names = prefix.names
    if names.fresh and position.advance("x") is not None:
        mask |= vocabulary.names[2]
    for name in names.candidates:
        if name.startswith(partial) and names.may_follow(name):
            _words(name[len(partial) :], "", vocabulary, mask)
    child = prefix.child(partial)
    if child is not None:
        mask |= position_mask(_at(child), vocabulary) & vocabulary.apart
    for first in "\"'" if partial in ("f", "r") else "":
        for tokens in (vocabulary.signs, vocabulary.mixed, vocabulary.between):
            _walk(position, tokens, mask, first)
    for first in _WORD_SIGNS:
        _walk(position, vocabulary.mixed, mask, first)
        _walk(position, vocabulary.between, mask, first)


def _in_sign(position: Position, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens at a position in an operator or number."""
    child = position.prefix.child(position.partial)
    is_number = position.partial[-1].isalnum()
    if child is not None:
        apart = vocabulary.apart if is_number else vocabulary.signless
        mask |= position_mask(_at(child), vocabulary) & apart
    firsts = f"{_WORD_SIGNS}.+-" if is_number else _SIGNS

    def find(first: str, mask: Mask) -> None:
        _walk(position, vocabulary.further_digits, mask, first)
        _walk(position, vocabulary.signs, mask, first)

    _shared(position, vocabulary, mask, lambda: firsts, find)
    for first in firsts:
        _walk(position, vocabulary.mixed, mask, first)
        _walk(position, vocabulary.between, mask, first)


# In strings and comments ----------------------------------------------------------------


def _in_text(position: Position, ends: str, vocabulary: Vocabulary, mask: Mask) -> None:
    prefix, partial = position.prefix, position.partial
    probe = position.advance("x")
    common, others = vocabulary.ending(ends)
    if probe is not None and probe.advance("x") is probe:
        mask |= vocabulary.plain(ends)
    elif literals := [text for text in prefix.literals if text.startswith(partial)]:
        for text in literals:
            _prefixes(text[len(partial) :], vocabulary, mask)
        if probe is None:
            for tokens in (vocabulary.signs, vocabulary.mixed, vocabulary.between):
                _walk(position, tokens, mask)
            return
        mask |= vocabulary.plain(ends)
    else:
        _after_first(position, ends, vocabulary, mask)
    if prefix.literals:
        _walk(position, common, mask)
    else:
        _shared(position, vocabulary, mask, lambda: (_SIGN,), lambda _, mask: _walk(position, common, mask))
    _walk(position, others, mask)


def _after_first(position: Position, ends: str, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens after whose first character anything may follow inside of a text."""
    for char, below in vocabulary.everything.below.items():
        further_on = position.advance(char)
        if further_on is None:
            continue
        further = further_on.advance("x")
        if further is not None and further is further_on.advance("xx") and text_ends(further_on) == ends:
            mask |= (vocabulary.first == ord(char)) & vocabulary.plain_after_first(ends)
        else:
            mask[below.tokens] = True
            _walk(further_on, below, mask)


def text_ends(position: Position) -> str:
    """Return the characters that end or interrupt the string, comment or f-string that a position is in."""
    partial, inside = position.partial, position.prefix.inside
    if not partial:
        return ""
    if partial[0] == "#":
        return "" if "\n" in partial else "\n"
    if partial[0] == "\n":
        return "\n" if "#" in partial.rpartition("\n")[2] else ""
    if partial.startswith('"""'):
        return '"\\' + ("()" if is_pattern(position.prefix) else "")
    hole = ("{}#" if inside is not None else "") + ("()" if is_pattern(position.prefix) else "")
    if partial[0] in "\"'":
        return partial[0] + "\\" + hole
    if partial[:2] in ('r"', "r'"):
        return partial[1] + "\\" + hole
    if partial[:2] in ('f"', "f'"):
        return partial[1] + "\\{}"
    if inside is not None and position.prefix.frame is not None and position.prefix.frame.kind == "fstring":
        match = _OPEN.match(partial)
        if match is not None and match[0][-1] == "}":
            return inside.quote + "\\{}"
    return ""


# Between lines --------------------------------------------------------------------------


def _between_lines(position: Position, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens at a position in a line end: what begins the next line, if it may begin here, and more of it."""
    ending = position.prefix.ending
    margin = len(position.partial) - len(position.partial.rstrip(" "))
    line = None
    if ending is not None and "#" not in position.partial.rpartition("\n")[2] and margin % 4 in (0, 3):
        line = position.prefix.child("\n" + " " * (margin + margin % 2))
    if line is not None and not line.ended:
        if margin % 4 == 0:
            mask |= position_mask(_at(line), vocabulary) & vocabulary.apart_from_lines
        else:
            _spaced(line, vocabulary, mask)
    for first in ("  ", " ", "\n", "#"):
        if first != " " or margin % 4 != 3:
            _walk(position, vocabulary.signs, mask, first)
            _walk(position, vocabulary.mixed, mask, first)
        _walk(position, vocabulary.between, mask, first)


def _spaced(line: Prefix, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow what a line may begin with, with a space before it that is the last one of its margin."""
    position, names = _at(line), line.names

    def find(part: str, mask: Mask) -> None:
        if part == _NEW:
            if names.fresh:
                mask |= vocabulary.names[1]
        elif part == _CONSTANT:
            for letter in ("f", "r"):
                if position.advance(letter) is not None:
                    mask[vocabulary.words.get(" " + letter, [])] = True
            if (below := vocabulary.digits.below.get(" ")) is not None:
                _walk_below(position, below, mask)
        elif part == _SIGN:
            if (below := vocabulary.signs.below.get(" ")) is not None:
                _walk_below(position, below, mask)
        else:
            _heads(line, (part,), False, True, vocabulary, mask)

    _shared(Position(line, spaces=1), vocabulary, mask, lambda: (_NEW, *names.others, _CONSTANT, _SIGN), find)
    _heads(line, names.variables, False, True, vocabulary, mask)
    if (below := vocabulary.mixed.below.get(" ")) is not None:
        _walk_below(position, below, mask)


# Walking --------------------------------------------------------------------------------


def _at(prefix: Prefix) -> Position:
    """Return the position right after the last lexeme of a prefix."""
    position = Position(prefix)
    found = prefix.positions.setdefault(("", 0, 0), position)
    assert isinstance(found, Position)
    return found


def _words(text: str, space: str, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens that are words and that a text starts with."""
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


def _walk(position: Position, root: Trie, mask: Mask, first: str = "") -> None:
    """Allow the tokens of a trie that may follow, or of those only that begin with some characters."""
    at: Trie | None = root
    for char in first:
        at = at.below.get(char) if at is not None else None
    further = position.advance(first) if first and at is not None else position
    if at is not None and further is not None:
        mask[at.tokens] = True
        _walk_below(further, at, mask)


def _walk_below(position: Position, root: Trie, mask: Mask) -> None:
    todo = list(root.below.items())
    while todo:
        text, at = todo.pop()
        if position.advance(text) is None:
            continue
        mask[at.tokens] = True
        todo.extend((text + char, below) for char, below in at.below.items())
