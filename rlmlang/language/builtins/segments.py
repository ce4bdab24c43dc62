r"""Where words and sentences are, in texts of any language.

The rules are Unicode's (UAX 29, "Unicode Text Segmentation"), by the properties of characters that the package `regex`
has, with the changes that the standard leaves to its users (decision 115):

- a line end is a space unless the line behind it is blank or an item of a list, since texts are often wrapped;
- where words are written apart, `.`, `!`, `?` and `…` need white space behind them to end a sentence, as in addresses
  they have none; the Greek question mark, `;`, does too;
- what opens a bracket or a quotation belongs to what follows it, but `“` and `«` close German ones; a space may stand
  before `»`, as in French;
- a full stop behind an abbreviation or an initial ends no sentence, unless the next word often begins one; nor does one
  behind a number that begins a line, or is an ordinal behind a German article;
- `?` and `!` within quotes end none before a small letter or a particle of Japanese, nor does `…`;
- a hyphen joins words, a colon does not; runs of Thai, Lao, Khmer and Burmese, which need a dictionary, stay whole.

All of it takes linear time, whatever the text is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from rlmlang.runtime.meter import Meter

_ABBREVIATIONS = """
    dr Drs Mr Mrs Ms Messrs prof Rev Hon Gen Col Maj Capt Cmdr Lt Sgt Cpl Gov Sen Rep Pres Supt Insp St Mt
    vs cf viz approx ca dept univ assn bros al e.g i.e resp eds Ph.D
    Hr Hrn Fr Frl Dipl Ing bzw bspw evtl ggf inkl exkl zzgl vgl sog hrsg geb gest Mio Mrd z.b d.h u.a s.o s.u v.a i.d.r
    o.g av MM Mme Mmes Mlle Mlles env p.ex sr sra Srta Sres dra Ud Uds EE Dña sig Sigg dott avv
    Dhr Mevr bijv t.ex bl.a f.eks np tzn tj ul Mgr Inż tzv např
    гг т.е т.н им ул проф акад тыс млн млрд обл κ κκ π.χ βλ örn Yrd Doç
    डॉ डा प्रो पं सं ড ডা মো திரு
"""
_LETTER_NAMES = "ए बी सी डी एफ एच जे के एल एम एन पी क्यू आर एस टी यू वी डब्ल्यू एक्स वाई"
"""The names of Latin letters in Hindi, by which initials are written."""

_BEFORE_NUMBERS = """
    no nos nr fig figs vol vols ch chap sec secs p pp eq eqs art arts tab abb abs kap bd jh str s cap pág págs núm blz
    гл стр рис см σελ
    jan feb mar apr jun jul aug sep sept oct nov dec janv févr avr juil déc okt dez ene abr ago dic
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split() + _LETTER_NAMES.split())
"""Words that end with a full stop and hardly ever end a sentence, without that stop; those in small letters may begin
with a capital."""

BEFORE_NUMBERS = frozenset(_BEFORE_NUMBERS.split())
"""Words that are abbreviations if a number follows, in small letters."""

_STARTERS = """
    The This That These Those A It They We You She I He His Her Their There Then When Where What Who Why How If But And
    So In On At After Before Now Since While Today Later
    Er Sie Es Wir Das Und Aber Dann Danach Il Elle Ils Elles On Nous Mais Puis
"""
MAY_END = frozenset({"al", "St", "Ph.D", "dept", "univ", "assn", "bros", "Ud", "Uds"})
"""Abbreviations that may end a sentence."""

STARTERS = frozenset(_STARTERS.split())
"""Words that often begin a sentence, and hardly ever a name."""

SURNAMES = frozenset({"He", "So", "On", "An"})
"""Those that are names behind an initial."""

BEFORE_ORDINALS = frozenset({"am", "im", "vom", "zum", "zur", "beim", "der", "die", "das", "den", "dem", "des"})
"""German words behind which a number with a full stop is an ordinal."""

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
    item: Any
    """The beginning of an item of a list."""
    next_word: Any
    mark: Any
    """Marks that belong to the letter before them."""
    unspaced: Any
    """Letters of scripts without spaces, to the end of a text."""


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
    item = r"(?: [-*•‣◦▪] | \(?\d{1,3}[.)] | \(?[A-Za-z]\) ) [\ \t]"
    end = rf"""
        (?P<mark>[{mark}] | (?<=\p{{Greek}}\p{{M}}?)[;\u037e]) {within}
        (?P<closing>(?:[\p{{SB=Close}}--\p{{Ps}}\p{{Pi}}]{within} | \p{{Pi}}(?!\w) | [\ \u00a0\u202f]»(?!\w))*+)
        (?P<space>(?:\p{{SB=Sp}}{within}|[\r\n\x85\u2028\u2029])*+) (?P<more>(?=[\p{{SB=SContinue}}{mark}]))?
      | (?P<gap>{blank}) \s*+
      | (?P<item>{line_end} [\ \t]*+ (?={item}))
    """
    small = rf"[^\p{{SB=OLetter}}\p{{SB=Upper}}\p{{SB=Lower}}{mark}]*+ \p{{SB=Lower}}"
    quoted_small = r"\p{SB=Close}*+ \p{SB=Lower}"
    space, next_word = rf"\s++(?![{extend}])", r"[\p{SB=Close}]*+ (\p{L}++) (?!\.)"
    unspaced = r"[\p{Ideographic}\p{Hiragana}\p{Katakana}]"
    return _Rules(
        *map(compiled, (word, end, blank, small, quoted_small, r"\X", space, item, next_word, r"\p{M}", unspaced))
    )


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
        if match["mark"] is None or _is_end(text, match, rules):
            yield match.end()


_SPACED = frozenset(".!?…․‼‽⁇⁈⁉;\u037e")
"""The marks of texts in which words are written apart."""

_POINTS = frozenset(".․﹒．…")
"""The marks that also abbreviate."""

_PARTICLES = ("と", "って", "を")
"""What goes on in Japanese with what was quoted."""

_LINE_ENDS = frozenset("\n\r\x85\u2028")
_BEFORE_INITIALS = frozenset('([{"“”‘„«»—/.')
_WITHIN_WORDS = frozenset("'’-‐–")


def _is_end(text: str, match: Any, rules: _Rules) -> bool:
    """Return whether a mark ends a sentence."""
    mark, space, after = match["mark"], match["space"], match.end()
    if rules.blank.search(space) or (rules.item.match(text, after) and not _LINE_ENDS.isdisjoint(space)):
        return True
    if match["more"] is not None:
        return False
    if not space and mark in _SPACED:
        return mark in "!?" and rules.unspaced.match(text, match.start() - 1) is not None
    if mark not in _POINTS:
        if match["closing"] and not space and text.startswith(_PARTICLES, after):
            return False
        return not (match["closing"] and mark in _SPACED and rules.quoted_small.match(text, after))
    if not space and text[after : after + 1].isdigit():
        return False
    return not (rules.small.match(text, after) or _abbreviates(text, match.start(), after, rules))


def _abbreviates(text: str, point: int, after: int, rules: _Rules) -> bool:
    """Return whether the full stop at a place belongs to the word or number before it; `after` is what follows it."""
    begin, least = point, max(0, point - LONGEST)
    while begin > least and (text[begin - 1].isalnum() or text[begin - 1] == "." or rules.mark.match(text[begin - 1])):
        begin -= 1
    word = text[begin:point]
    if word.isdigit():
        return _numbers(text, begin, word)
    following = rules.next_word.match(text, after)
    starter = following[1] if following and following[1] in STARTERS else ""
    if len(word) == 1 and word.isalpha() and word != "I":
        return _may_be_initial(text, begin) and (starter in SURNAMES or not starter)
    if word in ABBREVIATIONS or (lowered := word.lower()) in ABBREVIATIONS:
        return not (starter and word in MAY_END)
    if lowered in BEFORE_NUMBERS and text[after : after + 1].isdigit():
        return True
    joined = "." in word and word.isupper() and all(len(part) == 1 for part in word.split("."))  # as in J.R.R. and U.S.
    return joined and not starter


def _numbers(text: str, begin: int, number: str) -> bool:
    """Return whether a number before a full stop is that of an item of a list, or an ordinal of German."""
    before = text[max(0, begin - 8) : begin]
    if before.rstrip(" \t")[-1:] in ("", "\n", "\r"):
        return len(number) <= 3
    return len(number) <= 2 and before[-1] == " " and before.split()[-1].lower() in BEFORE_ORDINALS


def _may_be_initial(text: str, place: int) -> bool:
    """Return whether a single letter at a place stands alone, or joined to other initials."""
    before = text[place - 1 : place]
    if before in _WITHIN_WORDS:  # as in "don't", but not in "J.-C." or a quotation
        return not text[place - 2 : place - 1].isalnum()
    return not before or before.isspace() or before in _BEFORE_INITIALS


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
