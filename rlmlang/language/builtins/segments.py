r"""Where words and sentences are, in texts of any language.

The rules are Unicode's (UAX 29, "Unicode Text Segmentation"), by the properties of characters that the package `regex`
has, with the changes that the standard leaves to its users (decision 115):

- a line end is a space unless the line behind it is blank, since texts are often wrapped;
- where words are written apart, `.`, `!`, `?` and `…` need white space behind them to end a sentence, as in addresses
  they have none;
- what opens a bracket or a quotation belongs to what follows it;
- a full stop behind an abbreviation or a single letter ends no sentence, nor one behind a number that begins a line;
  `?` and `!` within quotes end none before a small letter, nor does `…`;
- a hyphen joins words, a colon does not; runs of Thai, Lao, Khmer and Burmese, which need a dictionary, stay whole.

All of it takes linear time, whatever the text is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from rlmlang.runtime.meter import Meter

_ABBREVIATIONS = """
    Dr Drs Mr Mrs Ms Messrs Prof Rev Hon Gen Col Maj Capt Cmdr Lt Sgt Cpl Gov Sen Rep Pres Supt Insp St Mt
    vs cf viz approx ca dept univ assn bros al e.g i.e resp eds Ph.D
    Hr Hrn Fr Frl Dipl Ing bzw bspw evtl ggf inkl exkl zzgl vgl sog hrsg geb gest Mio Mrd z.b d.h u.a s.o s.u v.a i.d.r
    o.g MM Mme Mmes Mlle Mlles env p.ex Sr Sra Srta Sres Dra Ud Uds Dña Sig Sigg Dott Avv
    Dhr Mevr bijv t.ex bl.a f.eks np tzn tj Mgr Inż tzv např
    гг т.е т.н им ул проф акад тыс млн млрд обл κ κκ π.χ βλ örn Yrd Doç
"""
_BEFORE_NUMBERS = """
    no nos nr fig figs vol vols ch chap sec secs p pp eq eqs art arts tab abb kap bd jh str s cap pág págs núm blz
    ul гл стр рис см σελ
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
"""Words that end with a full stop and hardly ever end a sentence, without that stop; those in small letters may begin
with a capital."""

BEFORE_NUMBERS = frozenset(_BEFORE_NUMBERS.split())
"""Words that are abbreviations if a number follows, in small letters."""

LONGEST = max(map(len, ABBREVIATIONS)) + 1
"""How far before a full stop an abbreviation can begin, and one character more."""

CLUSTER = 64
"""The most characters that are kept together as one; more are no character of any language."""


class _Rules(NamedTuple):
    """Compiled expressions of the package `regex`."""

    word: Any
    end: Any
    """A mark that may end a sentence, with what belongs to it, and whether the sentence goes on; or a blank line."""
    blank: Any
    small: Any
    """Whatever is no letter, and a small letter."""
    quoted_small: Any
    cluster: Any
    space: Any
    """White space that no mark follows."""


@cache
def _rules() -> _Rules:
    import regex  # imported here, since loading it takes as long as checking a program

    def compiled(pattern: str) -> Any:
        return regex.compile(pattern, regex.V1 | regex.VERBOSE)

    extend = r"\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}"
    letter, number, low_line, kana = (
        r"\p{WB=ALetter}\p{WB=Hebrew_Letter}", r"\p{WB=Numeric}", r"\p{WB=ExtendNumLet}", r"\p{WB=Katakana}",
    )  # fmt: skip
    run = f"[{letter}{number}{low_line}{extend}]*+"
    between = r"\p{WB=Single_Quote}\p{WB=MidNumLet}"
    word = rf"""
        (?: [{letter}{number}{low_line}] {run} | [{kana}] [{kana}{low_line}{extend}]*+ )
        (?: [{between}\p{{WB=MidLetter}}--:] (?<=[{letter}][{extend}]*.) [{extend}]*+ (?=[{letter}]) {run}
          | [{between}\p{{WB=MidNum}}] (?<=[{number}][{extend}]*.) [{extend}]*+ (?=[{number}]) {run}
          | [\-‐‑] (?<=[{letter}{number}][{extend}]*.) (?=[{letter}{number}]) {run}
          | \p{{WB=Single_Quote}} (?<=\p{{WB=Hebrew_Letter}}[{extend}]*.) [{extend}]*+
          | " (?<=\p{{WB=Hebrew_Letter}}[{extend}]*.) [{extend}]*+ (?=\p{{WB=Hebrew_Letter}}) {run}
          | [{kana}] (?<=[{low_line}][{extend}]*.) [{kana}{low_line}{extend}]*+
          | [{letter}{number}] (?<=[{low_line}][{extend}]*.) {run}
        )*+
      | \p{{Line_Break=SA}} [\p{{Line_Break=SA}}{extend}]*+
      | [\p{{Ideographic}}\p{{Hiragana}}] [{extend}]*+
    """
    mark = r"\p{SB=ATerm}\p{SB=STerm}…"
    within = r"[\p{SB=Extend}\p{SB=Format}]*+"
    line_end = r"(?>\r\n|[\n\r\x85\u2028])"
    blank = rf"{line_end} [\p{{SB=Sp}}]*+ {line_end} | \u2029"
    end = rf"""
        (?P<mark>[{mark}]) {within} (?P<closing>(?:[\p{{SB=Close}}--\p{{Ps}}\p{{Pi}}]{within})*+)
        (?P<space>(?:\p{{SB=Sp}}{within}|[\r\n\x85\u2028\u2029])*+) (?P<more>(?=[\p{{SB=SContinue}}{mark}]))?
      | (?P<gap>{blank}) \s*+
    """
    small = rf"[^\p{{SB=OLetter}}\p{{SB=Upper}}\p{{SB=Lower}}{mark}]*+ \p{{SB=Lower}}"
    quoted_small = r"\p{SB=Close}*+ \p{SB=Lower}"
    return _Rules(*map(compiled, (word, end, blank, small, quoted_small, r"\X", rf"\s++(?![{extend}])")))


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text."""
    return (match[0] for match in _rules().word.finditer(text))


def sentence_ends(meter: Meter, text: str, start: int = 0, stop: int | None = None) -> Iterator[int]:
    """Yield the ends of the sentences in a part of a text, each behind its white space.

    Every mark that may end one is charged for. The end of the text itself is not looked for.
    """
    rules = _rules()
    for match in rules.end.finditer(text, start, len(text) if stop is None else stop):
        meter.charge(8 + (match.end() - match.start()) // 4)
        if match["gap"] or _is_end(text, match, rules):
            yield match.end()


_SPACED = frozenset(".!?…․‼‽⁇⁈⁉")
"""The marks of texts in which words are written apart."""

_POINTS = frozenset(".․﹒．…")
"""The marks that also abbreviate."""


_BEFORE_INITIALS = frozenset("([{\"'“”‘’„«»-‐–—/.")


def _is_end(text: str, match: Any, rules: _Rules) -> bool:
    """Return whether a mark ends a sentence."""
    mark, space, after = match["mark"], match["space"], match.end()
    if rules.blank.search(space):
        return True
    if match["more"] is not None or (not space and mark in _SPACED):
        return False
    if mark not in _POINTS:
        return not (match["closing"] and mark in _SPACED and rules.quoted_small.match(text, after))
    if not space and text[after : after + 1].isdigit():
        return False
    return not (rules.small.match(text, after) or _abbreviates(text, match.start(), after))


def _abbreviates(text: str, point: int, after: int) -> bool:
    """Return whether the full stop at a place belongs to the word or number before it; `after` is what follows it."""
    begin, least = point, max(0, point - LONGEST)
    while begin > least and (text[begin - 1].isalnum() or text[begin - 1] == "."):
        begin -= 1
    word = text[begin:point]
    if word.isdigit():  # of a list
        return len(word) <= 3 and text[max(0, begin - 8) : begin].rstrip(" \t")[-1:] in ("", "\n", "\r")
    if len(word) == 1 and word.isalpha() and word != "I":
        return begin == 0 or text[begin - 1].isspace() or text[begin - 1] in _BEFORE_INITIALS
    if word in ABBREVIATIONS or (lowered := word.lower()) in ABBREVIATIONS:
        return True
    return lowered in BEFORE_NUMBERS and text[after : after + 1].isdigit()


def spaces(text: str, start: int, stop: int) -> Iterator[int]:
    """Yield the ends of the white space in a part of a text."""
    return (match.end() for match in _rules().space.finditer(text, start, stop))


def whole(text: str, low: int, cut: int) -> int:
    """Return a place to cut a text that parts no character from its marks, nor `\\r` from `\\n`.

    It is the last one up to `cut` and behind `low`; `cut` itself if there is none.
    """
    before, after = text[cut - 1 : cut], text[cut : cut + 1]
    if (before + after).isascii() and before + after != "\r\n":
        return cut
    start = max(low, cut - CLUSTER)
    for match in _rules().cluster.finditer(text, start, cut + CLUSTER):
        if match.end() >= cut:
            return cut if match.end() == cut or match.start() == start else match.start()
    return cut
