"""Measure nano on problems of reasoning-gym, read from the text of their questions.

    pip install --no-deps reasoning-gym==0.1.25
    pip install numpy==2.4.6 pytz==2026.6 pyyaml==6.0.4 sympy==1.14.0 tabulate==0.10.0 pycosat==0.6.6
    PYTHONHASHSEED=0 python -m benchmarks.recursion gym [--only gcd,zebra] [--count 100] [--again]

A question becomes a program that calls functions of the library (`stdlib/nano.rlm`), with its numbers, clues or
letters as inputs; nano answers through the interpreter, and reasoning-gym scores the answer made from the value.
Neither the right answers nor the metadata are used. These parts are done outside of nano:
- for sums and products, the signs; for numbers to be sorted, signs and decimal points;
- for premises, replacing the letters by 0 and 1, and a list of conclusions to try. nano decides for every assignment
  whether a conclusion follows, and whether it is trivial; the first suitable one is the answer;
- for puzzles, which value a phrase means, by the words that both have.
(Two of the generators depend on the hash seed.)
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations, product
from statistics import fmean
from typing import Any

from attrs import frozen

import rlmlang
from benchmarks.recursion.shared import load, save, weights, wilson
from rlmlang import RlmError
from rlmlang.models.base import Model
from rlmlang.nano.engine import NanoModel
from rlmlang.nano.tasks.puzzles import ALPHABET
from rlmlang.runtime.values import Value


@frozen
class Attempt:
    """A program that may answer a question."""

    program: str
    inputs: Mapping[str, Value]
    answer: Callable[[Any], str | None]
    """Make the answer from the program's value; None if another attempt is needed."""


Reader = Callable[[str], Iterator[Attempt]]
"""A function that reads a question, and yields attempts at it."""


# Numbers -------------------------------------------------------------------------


def chain_sum(question: str) -> Iterator[Attempt]:
    terms = re.findall(r"([+-]?) ?(-?)(\d+)", question.partition(":")[2])
    plus = [digits for sign, own, digits in terms if (sign == "-") == (own == "-")]
    minus = [digits for sign, own, digits in terms if (sign == "-") != (own == "-")]
    yield Attempt(
        "plus: list[str]\nminus: list[str]\nsub(total(plus), total(minus))",
        {"plus": plus or ["0"], "minus": minus or ["0"]},
        str,
    )


def products(question: str) -> Iterator[Attempt]:
    factors = re.findall(r"(-?)(\d+)", question.partition(":")[2])
    sign = "-" * (sum(sign == "-" for sign, _ in factors) % 2)
    yield Attempt(
        'factors: list[str]\nreduce(lambda a, b: mul(a, b), factors, "1")',
        {"factors": [digits for _, digits in factors]},
        lambda value: sign + value if value != "0" else value,
    )


def gcd(question: str) -> Iterator[Attempt]:
    numbers = re.findall(r"\d+", question.partition(":")[2])
    yield Attempt(
        "numbers: list[str]\nreduce(lambda a, b: gcd(a, b), numbers[1:], numbers[0])", {"numbers": numbers}, str
    )


def number_sorting(question: str) -> Iterator[Attempt]:
    line = question.partition("\n")[0]
    texts = re.findall(r"-?\d+(?:\.\d+)?", line.partition(":")[2])
    places = max(len(text.partition(".")[2]) for text in texts)
    whole: dict[tuple[bool, str], list[str]] = {}
    """The numbers as the question writes them, by sign and digits."""
    for text in texts:
        before, _, after = text.lstrip("-").partition(".")
        digits = (before + after.ljust(places, "0")).lstrip("0") or "0"
        whole.setdefault((text.startswith("-"), digits), []).append(text)

    def answer(value: tuple[list[str], list[str]]) -> str:
        below, above = value
        keys = [(True, digits) for digits in reversed(below)] + [(False, digits) for digits in above]
        ordered = [text for key in dict.fromkeys(keys) for text in whole.get(key, ())]
        return str(ordered[::-1] if "descending" in line else ordered)

    below, above = ([digits for (sign, digits) in whole if sign is each] for each in (True, False))
    yield Attempt(
        "below: list[str]\nabove: list[str]\n(sort(below), sort(above))", {"below": below, "above": above}, answer
    )


# Logic ---------------------------------------------------------------------------

_SIGNS = str.maketrans("∧∨→↔¬", "&|>=!")


def propositional_logic(question: str) -> Iterator[Attempt]:
    premises = re.findall(r"^\.?\d+\. (.+)$", question.partition("Given:")[2], re.MULTILINE)
    letters = sorted({letter for premise in premises for letter in re.findall("[A-Z]", premise)})
    together = premises[0]
    for premise in premises[1:]:
        together = f"({together} ∧ {premise})"
    for conclusion in _conclusions(letters):
        yield Attempt(
            "follows: list[str]\nalone: list[str]\n"
            'all([boolean(each) == "1" for each in follows]) and not all([boolean(each) == "1" for each in alone])',
            {"follows": _assigned(f"({together} → {conclusion})", letters), "alone": _assigned(conclusion, letters)},
            lambda value, conclusion=conclusion: conclusion if value else None,
        )


def _conclusions(letters: Sequence[str]) -> Iterator[str]:
    """Yield short conclusions: of one letter, then of two; those with `∨` first, as they follow more often."""
    yield from (f"¬{letter}" for letter in letters)
    for form in ("({} ∨ {})", "({} ∨ ¬{})", "(¬{} ∨ ¬{})", "({} ↔ {})", "({} ↔ ¬{})"):
        for a, b in permutations(letters, 2):
            if form.count("¬") == 1 or a < b:
                yield form.format(a, b)
    yield from (f"({letter} ∧ {letter})" for letter in letters)  # if there is a single premise


def _assigned(expression: str, letters: Sequence[str]) -> list[str]:
    """Return an expression with every assignment of 0 and 1 to its letters."""
    text = expression.translate(_SIGNS).replace(" ", "")
    own = [letter for letter in letters if letter in text]
    return [text.translate(str.maketrans(dict(zip(own, bits)))) for bits in product("01", repeat=len(own))]


# Puzzles -------------------------------------------------------------------------

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_CLUES = {
    r"(.+) is in the (\w+) house": "=",
    r"(.+) is not in the (\w+) house": "!",
    r"(.+) is directly left of (.+)": "<",
    r"(.+) is somewhere to the left of (.+)": "{",
    r"(.+) is somewhere to the right of (.+)": "}",
    r"(.+) and (.+) are next to each other": ",",
    r"there is one house between (.+) and (.+)": ":",
    r"there are two houses between (.+) and (.+)": ";",
}
"""The sentences of clues and their signs; any other sentence says `X is Y`."""
_OTHER_WORDS = {"brit": "british", "swede": "swedish"}


def zebra_puzzles(question: str) -> Iterator[Attempt]:
    _, lists, clues, house = read_puzzle(question)
    names = lists[0]
    yield Attempt(
        "clues: list[str]\nzebra(clues)",
        {"clues": clues},
        lambda value: next((name for i, name in enumerate(names) if value[i] == house), None),
    )


def read_puzzle(question: str) -> tuple[int, list[list[str]], list[str], str]:
    """Return the number of houses, the values of each attribute, the clues, and the house in question."""
    found = re.search(r"There are (\d) houses", question)
    assert found, question
    houses = int(found[1])
    lists = [
        re.split(r"[:.] ", line)[-1].strip().split(", ") for line in re.findall(r"^ - (.+)$", question, re.MULTILINE)
    ]
    letters = [(value, ALPHABET[5 * i + j], i) for i, values in enumerate(lists) for j, value in enumerate(values)]
    sentences = re.findall(r"^\d+\. (.+)\.$", question, re.MULTILINE)
    clues = [_clue(sentence, letters) for sentence in sentences]
    used = {letter for _, letter, _ in letters}
    clues += [f"={each}{i % 5 + 1}" for i, each in enumerate(ALPHABET) if each not in used]  # in their own folder
    asked = re.search(r"What is Name of the person who lives in House (\d)", question)
    assert asked, question
    return houses, lists, clues, asked[1]


def _clue(sentence: str, letters: Sequence[tuple[str, str, int]]) -> str:
    """Return three characters: the relation, a value, and a value or a house."""
    matches = ((sign, re.fullmatch(pattern, sentence, re.IGNORECASE)) for pattern, sign in _CLUES.items())
    ways = [(sign, match.groups()) for sign, match in matches if match]
    # Phrases contain an `is` themselves: the first split is used in which both parts mean something.
    parts = sentence.split(" is ")
    ways += [("=", (" is ".join(parts[:i]), " is ".join(parts[i:]))) for i in range(1, len(parts))]
    for sign, phrases in ways:
        found = [_meant(phrase, letters) for phrase in phrases]
        if all(found):
            return sign + "".join(found)
    raise ValueError(f"no clue: {sentence}")


def _meant(phrase: str, letters: Sequence[tuple[str, str, int]]) -> str:
    """Return the letter of the value that a phrase means, or the digit of the house; "" if it means none.

    A name is the whole phrase; otherwise the longest value is meant whose words all occur in the phrase.
    """
    phrase = phrase.lower()
    if phrase in _ORDINALS:
        return str(_ORDINALS.index(phrase) + 1)
    found = [
        (len(value), letter)
        for value, letter, attribute in letters
        if (phrase == value if attribute == 0 else phrase != value and _has(phrase, value))
    ]
    return max(found, default=(0, ""))[1]


def _has(phrase: str, value: str) -> bool:
    value = _OTHER_WORDS.get(value, value)
    return re.search(rf"\b({re.escape(value)}s?|{re.escape(value.removesuffix('s'))})\b", phrase) is not None


# Measuring -----------------------------------------------------------------------

KINDS: dict[str, tuple[str, Reader, dict[str, Any]]] = {
    "chain_sum": ("arithmetic.chain_sum", chain_sum, {}),
    "products": ("arithmetic.products", products, {}),
    "gcd": ("arithmetic.gcd", gcd, {}),
    "number_sorting": ("algorithmic.number_sorting", number_sorting, {}),
    "propositional_logic": ("logic.propositional_logic", propositional_logic, {}),
    "zebra_puzzles 4x4": ("logic.zebra_puzzles", zebra_puzzles, {}),
    "zebra_puzzles 5x5": ("logic.zebra_puzzles", zebra_puzzles, {"num_people": 5, "num_characteristics": 5}),
}
"""The module, the reader and the settings of each kind of problem; settings not named are reasoning-gym's."""


async def answered(question: str, read: Reader, model: Model) -> tuple[str | None, int, int]:
    """Return the answer to a question, and the calls made and tokens written for it."""
    calls, tokens = 0, 0
    for attempt in read(question):
        result = await rlmlang.compile(attempt.program).arun(dict(attempt.inputs), model=model)
        calls, tokens = calls + result.usage.calls, tokens + result.usage.completion_tokens
        answer = attempt.answer(result.value)
        if answer is not None:
            return answer, calls, tokens
    return None, calls, tokens


async def measure(kind: str, problems: int) -> dict[str, Any]:
    from generate import dataset  # of benchmarks/tasks

    module, read, config = KINDS[kind]
    entries = dataset(module, problems, **config)
    model, scores, calls, tokens, wrong = NanoModel(), [], [], [], []
    begin = time.perf_counter()
    for entry in entries:
        try:
            answer, made, written = await answered(entry["question"], read, model)
        except (RlmError, ValueError) as error:
            answer, made, written = f"failed: {error}", 0, 0
        score = entries.score_answer(answer, entry)
        if score < 1:
            wrong.append({"question": entry["question"], "answer": answer, "score": score})
        scores.append(score)
        calls.append(made)
        tokens.append(written)
    return {
        "count": problems,
        "right": sum(score == 1 for score in scores),
        "score": fmean(scores),
        "calls": fmean(calls),
        "written": fmean(tokens),
        "seconds": (time.perf_counter() - begin) / problems,
        "wrong": wrong[:5],
    }


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="beginnings of kinds, separated by commas (default: all)")
    parser.add_argument("--count", type=int, default=100, help="problems of a kind (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured")
    options = parser.parse_args(arguments)
    file = load("gym")
    if file.get("weights") != weights():
        file = {"weights": weights(), "kinds": {}}
    for kind in KINDS:
        if options.only and not kind.startswith(tuple(options.only.split(","))):
            continue
        if not options.again and file["kinds"].get(kind, {"count": 0})["count"] >= options.count:
            continue
        found = file["kinds"][kind] = asyncio.run(measure(kind, options.count))
        save("gym", file)
        low, high = wilson(found["right"], found["count"])
        print(
            f"{kind}: {found['right']}/{found['count']} ({low:.1%} to {high:.1%}), {found['seconds']:.2f} s", flush=True
        )
