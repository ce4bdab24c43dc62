"""Words, sentences and pieces of texts in the languages of the world, by Unicode's rules (UAX 29)."""

from __future__ import annotations

import unicodedata
from functools import partial

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from rlmlang.language.builtins.segments import _SPACED, ABBREVIATIONS, BEFORE_NUMBERS, CLUSTER, whole
from rlmlang.language.builtins.table import BUILTINS
from rlmlang.runtime.meter import Meter
from tests.support.speed import seconds_of


def call(name: str, *args: object) -> list[str]:
    found: list[str] = BUILTINS[name].code(Meter(10**12, 10**12), *args)
    return found


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith met Mrs. Li. He left.", ["Dr. Smith met Mrs. Li.", "He left."]),
        ("Das gilt z. B. Hunden, d. h. Tieren. Ja.", ["Das gilt z. B. Hunden, d. h. Tieren.", "Ja."]),
        ("Das sind z.B. Hunde, ca. 5 Mio. Tiere. Ja.", ["Das sind z.B. Hunde, ca. 5 Mio. Tiere.", "Ja."]),
        ("Voir M. Dupont et Mme. Curie. Oui.", ["Voir M. Dupont et Mme. Curie.", "Oui."]),
        ("La Sra. López vive aquí. ¿Dónde? ¡Aquí!", ["La Sra. López vive aquí.", "¿Dónde?", "¡Aquí!"]),
        ("Он живёт в г. Москва. Потом?", ["Он живёт в г. Москва.", "Потом?"]),
        ("See No. 5 Downing St. I said no. Then I left.", ["See No. 5 Downing St.", "I said no.", "Then I left."]),
        ("It was 5 a.m. in the U.S. Then we slept.", ["It was 5 a.m. in the U.S.", "Then we slept."]),
        ("J. R. R. Tolkien wrote it. So did I. Yes.", ["J. R. R. Tolkien wrote it.", "So did I.", "Yes."]),
        ("यह एक वाक्य है। वह घर गया।वह आया॥", ["यह एक वाक्य है।", "वह घर गया।", "वह आया॥"]),
        ("هل أنت بخير؟ نعم، أنا بخير. مرحبا۔", ["هل أنت بخير؟", "نعم، أنا بخير.", "مرحبا۔"]),
        ("ภาษาไทย ไม่มีจุด\n\nย่อหน้า", ["ภาษาไทย ไม่มีจุด", "ย่อหน้า"]),
        ("これは本です。はい！「何？」それ。", ["これは本です。", "はい！", "「何？」", "それ。"]),
        ("Բարեւ։ Ինչպես ես՞", ["Բարեւ։", "Ինչպես ես՞"]),
        ("አማርኛ። ሰላም፧ አዎ", ["አማርኛ።", "ሰላም፧", "አዎ"]),
        ("e\u0301te\u0301. E\u0301t.", ["e\u0301te\u0301.", "E\u0301t."]),
        ("One.\u0308 Two.", ["One.\u0308", "Two."]),
        ("One.\r\nTwo\r\ngoes on.\r\n\r\nThree\r\n", ["One.", "Two\r\ngoes on.", "Three"]),
        ("One.\u2029two.\u00a0Three\u3000", ["One.", "two.", "Three"]),
        ("Wait... What?! Really?", ["Wait...", "What?!", "Really?"]),
        ("“Is it?” he asked. “Yes!” She left.", ["“Is it?” he asked.", "“Yes!”", "She left."]),
        ("what? no! ok.", ["what?", "no!", "ok."]),
        ("See http://x.org/?q=a!b. Use v1.2.3.", ["See http://x.org/?q=a!b.", "Use v1.2.3."]),
        ("1. Buy milk.\n  2. Call Bob.\n10. Go.", ["1. Buy milk.", "2. Call Bob.", "10. Go."]),
        ("It was in 1990. Then it ended.", ["It was in 1990.", "Then it ended."]),
        ("Yes. (No.) [Maybe.] Ok", ["Yes.", "(No.)", "[Maybe.]", "Ok"]),
    ],
)
def test_sentences_of_the_world(text: str, sentences: list[str]) -> None:
    assert call("sentences", text) == sentences


@pytest.mark.parametrize(
    "parts",
    [
        "It was J.R.R. Tolkien.| Who else?",
        "W. E. B. Du Bois met E.E. Cummings.| They talked.",
        "The U.S. Senate met.| He left the U.S.| It was late.",
        "K. He and X. Li wrote it.| Take vitamin C.| It helps.",
        "Don't.| It isn't Anna's.| It's hers.| They won’t.| Good.",
        "It is I.| Is it you or I?| Fine.",
        "On Feb. 12 and Dec. 25 it snowed.| See Smith et al. (2010).| So did Li et al.| They agree.",
        "a) First thing.|\nb) Second thing.|\nIt goes\non here.",
        "To do:|\n- Buy milk|\n  * now|\r\n- Call Ann",
        "Steps:|\n1. Open it.|\n2) Close it.|\n10. Go.",
        "A book by\nJ. R. R. Tolkien - they say - is good.",
        "Am 3. Oktober war der 2. Weltkrieg im 20. Jahrhundert vorbei.| Es waren 3.| Danach kam Nr. 4, Abs. 5.| Ja.",
        "« Viens ! » dit-il.| « Pourquoi ? »| Il est né av. J.-C. à Rome.| Oui.",
        "»Komm!« rief er.| »Ja!«| »Nein!«| „Was?“| „Nichts.“| Ja.",
        "Vive en EE. UU. desde 1990.| Il dott. Rossi e l'avv. Neri parlano.| Ul. Długa jest blisko.",
        "Τι κάνεις;| Καλά, α;β.| Εσύ\u037e| Ναι.| A; B",
        "डॉ. शर्मा और ए. पी. जे. अब्दुल कलाम आए।| वे चले गए।",
        "ড. ইউনূস এলেন।| তিনি বললেন।",
        "他走了!我来了?好。".replace("!", "!|").replace("?", "?|"),
        "「行こう！」と彼は言った。|「はい。」|彼女は笑った。",
        "he asked“why?”and left. ok",
    ],
)
def test_what_ends_no_sentence_and_what_does(parts: str) -> None:
    assert call("sentences", parts.replace("|", "")) == [part.strip() for part in parts.split("|")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में शब्द।", ["हिन्दी", "में", "शब्द"]),
        ("العَرَبِيَّة، شب\u200cها ۱۲٫۵", ["العَرَبِيَّة", "شب\u200cها", "۱۲٫۵"]),
        ("ภาษาไทยabc ພາສາ", ["ภาษาไทย", "abc", "ພາສາ"]),
        ("这是iPhone。カタカナ_1 ひら", ["这", "是", "iPhone", "カタカナ_1", "ひ", "ら"]),
        ("한국어는 쉽다", ["한국어는", "쉽다"]),
        ("שב\"ס ג'ורג'", ['שב"ס', "ג'ורג'"]),
        ("e\u0301te\u0301 nai\u0308ve 𝒳y", ["e\u0301te\u0301", "nai\u0308ve", "𝒳y"]),
        ("l’été, can't, O'Neil's 'quoted'", ["l’été", "can't", "O'Neil's", "quoted"]),
        ("3.14 1,000.50 1.2.3 ３．５ 5% $7", ["3.14", "1,000.50", "1.2.3", "３．５", "5", "7"]),
        ("well-known x--y -z- 2020-21", ["well-known", "x", "y", "z", "2020-21"]),
        ("key:value http://x.org a@b.com #tag", ["key", "value", "http", "x.org", "a", "b.com", "tag"]),
        ("👩‍👩‍👧 🇩🇪 ok✓ —…", ["ok"]),
        ("so\u00adft \ufeffbom", ["so\u00adft", "bom"]),
    ],
)
def test_words_of_the_world(text: str, words: list[str]) -> None:
    assert call("words", text) == words


ALPHABET = "aZéß_0٣'’.,·;\u0301\u200d\u00ad \nаЯأבガア1“(字あ한\u1100\u1161🇩"
LETTER = regex.compile(
    r"[\p{WB=ALetter}\p{WB=Hebrew_Letter}\p{WB=Numeric}\p{WB=Katakana}\p{WB=ExtendNumLet}\p{Ideographic}\p{Hiragana}]"
)


@given(st.text(ALPHABET, max_size=12))
@example("ア_a_ア")
@example("a'\u0301b")
def test_words_are_those_of_the_rules_of_unicode(text: str) -> None:
    """The package knows the boundaries too, without our changes: no hyphens, colons, Thai or emojis are in these texts."""
    segments = [part for part in regex.split(r"(?V1w)\b", text) if LETTER.search(part)]
    assert call("words", text) == segments


@given(st.text(ALPHABET + 'ห😀。।?!\r\n\u2029"”)', max_size=40), st.integers(1, 12))
def test_pieces_make_up_the_text_and_part_no_character(text: str, size: int) -> None:
    pieces = call("chunk", text, size)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)
    clusters = {match.end() for match in regex.finditer(r"\X", text)}
    place = 0
    for piece in pieces[:-1]:
        place += len(piece)
        first = next(end for end in sorted(clusters) if end >= place)
        longest = first - max((end for end in clusters if end < first), default=0)
        assert place in clusters or longest > size // 2


@given(st.text(ALPHABET + 'ห😀。।?!\r\n\u2029"”) ', max_size=40))
def test_nothing_is_lost_between_sentences(text: str) -> None:
    assert "".join("".join(call("sentences", text)).split()) == "".join(text.split())


def test_the_marks_that_need_white_space_are_marks_of_unicode() -> None:
    assert {mark for mark in _SPACED if regex.match(r"[\p{SB=ATerm}\p{SB=STerm}]", mark)} == _SPACED - set("…;\u037e")
    assert all(unicodedata.category(mark) == "Po" for mark in _SPACED)
    assert unicodedata.normalize("NFC", "\u037e") == ";", "the question mark of Greek"


def test_no_abbreviation_is_listed_in_vain() -> None:
    for word in ABBREVIATIONS:
        assert call("sentences", f"So {word}. Next") == [f"So {word}. Next"], word
        assert word.lower() == word or word.lower() not in ABBREVIATIONS
    for word in BEFORE_NUMBERS - ABBREVIATIONS:
        assert len(call("sentences", f"So {word}. 5 Ends")) == 1
        assert len(word) == 1 or len(call("sentences", f"So {word}. Next")) == 2


def steps_of(name: str, *args: object) -> int:
    meter = Meter(10**12, 10**12)
    BUILTINS[name].code(meter, *args)
    return meter.steps


@pytest.mark.parametrize(
    "text",
    ["\u0301", ".", "a.", ". ", ".)", '?" 1 ', "a'", "_ア", "\r\n", "\u200d", "A. ", "… ", "\n.", "a\u0301-", "字。"],
)
def test_whatever_the_text_is_the_work_is_linear(text: str) -> None:
    for name, *args in (("words",), ("sentences",), ("chunk", 1000), ("chunk", 10)):
        seconds = []
        for count in (4_000, 32_000):
            work = partial(steps_of, name, text * (count // len(text)), *args)
            for _ in range(3):  # whatever else the process does, such as collecting garbage, only adds to one of them
                took, steps = seconds_of(work)
                if took < 0.02 + 3e-6 * steps:
                    break
            assert took < 0.02 + 3e-6 * steps, (name, args)
            seconds.append(took)
        assert seconds[1] < 0.1 + 8 * 4 * seconds[0], (name, args)


def test_a_character_of_endless_marks_is_cut() -> None:
    text = "a" + "\u0301" * 1000
    assert whole(text, 100, 500) == 500
    assert whole("xe\u0301", 0, 2) == 1
    assert whole("xe" + "\u0301" * (CLUSTER - 2), 0, 10) == 1
