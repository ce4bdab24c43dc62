"""The token masks of positions: tokens are looked up by kind as far as possible, and the rest is tried."""

from __future__ import annotations

import re

from rlmlang.decode.lexemes import fits
from rlmlang.decode.position import Position
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.vocabulary import Mask, Trie, Vocabulary


def position_mask(position: Position, vocabulary: Vocabulary) -> Mask:
    """Return the mask of a position, which is cached there."""
    known = position.mask
    if isinstance(known, tuple) and known[0] is vocabulary:
        mask: Mask = known[1]
        return mask
    mask = _find_mask(position, vocabulary)
    position.mask = (vocabulary, mask)
    return mask


_OPEN = re.compile(r"""\"\"\"|r?["']|f["']|(?:!r)?(?::[^{}]*)?\}""")


def _find_mask(position: Position, vocabulary: Vocabulary) -> Mask:
    prefix, partial = position.prefix, position.partial
    if position.may_end:
        mask = vocabulary.mask()
        mask[list(vocabulary.eos)] = True
    else:
        mask = vocabulary.mask()
    if prefix.ended:
        return mask
    ends = text_ends(position)
    if ends:
        probe = position.advance("x")
        if probe is not None and probe.advance("x") is probe:
            mask |= vocabulary.plain(ends)
            _walk(position, vocabulary.ending(ends), mask)
            return mask
        literals = [text for text in prefix.literals if text.startswith(partial)]
        if literals:
            for text in literals:
                _prefixes(text[len(partial) :], vocabulary, mask)
            if probe is None:
                _walk(position, vocabulary.mixed, mask)
            else:
                mask |= vocabulary.plain(ends)
                _walk(position, vocabulary.ending(ends), mask)
            return mask
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
        _walk(position, vocabulary.ending(ends), mask)
        return mask
    if partial and partial[0] in "\n#":
        _line_starts(position, vocabulary, mask)
        return mask
    starts, spaced, more = vocabulary.names
    if partial and re.fullmatch(r"[A-Za-z_]\w*", partial):
        names = prefix.names
        if names.fresh and position.advance("x") is not None:
            mask |= more
        for head in names.allowed:
            if head.startswith(partial):
                _words(head[len(partial) :], "", vocabulary, mask)
        child = prefix.child(partial)
        if child is not None:
            mask |= position_mask(_at(child), vocabulary) & vocabulary.apart
        _walk(position, vocabulary.mixed, mask)
        return mask
    if not partial:
        close = fits(prefix, "x", position.spaces) or bool(position.lines)
        space = fits(prefix, "x", position.spaces + 1) or bool(position.lines)
        space = space and position.advance(" ") is not None
        names = prefix.names
        if names.fresh:
            mask |= starts & close
            mask |= spaced & space
        for head in names.allowed:
            if close:
                _words(head, "", vocabulary, mask)
            if space:
                _words(" " + head, " ", vocabulary, mask)
        for letter in ("f", "r"):
            if position.advance(letter) is not None:
                mask[vocabulary.words.get(letter, [])] = True
                if space:
                    mask[vocabulary.words.get(" " + letter, [])] = True
    else:  # a sign or number
        child = prefix.child(partial)
        if child is not None:
            apart = vocabulary.apart if partial[-1].isalnum() else vocabulary.signless
            mask |= position_mask(_at(child), vocabulary) & apart
    _walk(position, vocabulary.digits, mask)
    _walk(position, vocabulary.mixed, mask)
    return mask


def _line_starts(position: Position, vocabulary: Vocabulary, mask: Mask) -> None:
    """Allow the tokens at a position in a line end: what begins the next line, if it may begin here, and more of it."""
    ending = position.prefix.ending
    margin = len(position.partial) - len(position.partial.rstrip(" "))
    if ending is not None and "#" not in position.partial.rpartition("\n")[2] and margin % 4 == 0:
        line = position.prefix.child("\n" + " " * margin)
        if line is not None and not line.ended:
            mask |= position_mask(_at(line), vocabulary) & vocabulary.apart_from_lines
    for char in " \n#":
        below, further = vocabulary.everything.below.get(char), position.advance(char)
        if below is not None and further is not None:
            mask[below.tokens] = True
            _walk(further, below, mask)


def _at(prefix: Prefix) -> Position:
    """Return the position right after the last lexeme of a prefix."""
    position = Position(prefix)
    found = prefix.positions.setdefault(("", 0, 0), position)
    assert isinstance(found, Position)
    return found


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
        return '"\\'
    hole = "{}#" if inside is not None else ""
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


def _walk(position: Position, root: Trie, mask: Mask) -> None:
    """Allow the tokens of a trie that may follow."""
    todo = list(root.below.items())
    while todo:
        text, at = todo.pop()
        if position.advance(text) is None:
            continue
        mask[at.tokens] = True
        todo.extend((text + char, below) for char, below in at.below.items())
