"""Programs that models wrote, in the forms in which they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlmlang
from rlmlang.calls.prompt import function_head
from rlmlang.calls.written_program import body_text, until_code_ends, whole_program
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR, ListType, RecordType
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.values import RecordValue

ARGUMENTS = (("text", "a b c"), ("n", 2))
TASK = "How many words?"
HEAD = function_head(TASK, ARGUMENTS, INT)

FORMS = {
    "the body alone": "    return len(text.split()) * n\n",
    "the body without indentation": "words = text.split()\nreturn len(words) * n\n",
    "a body that returns in a branch": "if n > 5:\n    return 0\nreturn len(text.split()) * n\n",
    "the whole function": "def answer(text: str, n: int) -> int:\n    return len(text.split()) * n\n",
    "a function without types": "def answer(text, n):\n    return len(text.split()) * n\n",
    "prose and a fence": "Sure!\n```python\ndef answer(text: str, n: int) -> int:\n    return len(text.split()) * n\n```\nDone.",
    "a fence that is not closed": "```python\ndef answer(text: str, n: int) -> int:\n    return len(text.split()) * n\n",
    "the block that defines the function": (
        "First:\n```\npip install nothing\n```\nThen:\n```python\ndef answer(text, n):\n    return len(text.split()) * n\n```\n"
    ),
    "a helper before it": (
        "def words(text):\n    return text.split()\n\ndef answer(text, n):\n    return len(words(text)) * n\n"
    ),
    "a helper after it": (
        "def answer(text, n):\n    return len(words(text)) * n\n\ndef words(text):\n    return text.split()\n"
    ),
    "imports before it": "from typing import *\nimport re\n\ndef answer(text, n):\n    return len(re.findall('[a-z]', text)) * n\n",
    "example uses after it": (
        "def answer(text, n):\n    return len(text.split()) * n\n\nprint(answer('x y', 1))\nassert answer('', 3) == 0\n"
    ),
    "a use at the end": ("def answer(text: str, n):\n    return len(text.split()) * n\n\nprint(answer('x y', 1))\n"),
    "a main block after it": (
        "def answer(text, n):\n    return len(text.split()) * n\n\nif __name__ == '__main__':\n    print(answer('x', 1))\n"
    ),
    "a script": "words = text.split()\nlen(words) * n\n",
    "a script that prints": "words = text.split()\nprint(len(words) * n)\n",
    "a module that is not imported": "    return math.prod([len(text.split()), n])\n",
    "two spaces": "def answer(text, n):\n  return len(text.split()) * n\n",
}


@pytest.mark.parametrize("reply", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("opening", ["", "```python\n" + HEAD])
def test_forms(reply: str, opening: str) -> None:
    if opening and not reply.startswith(" "):
        pytest.skip("an engine that begins with the head is given the body")
    program = whole_program(opening + reply, TASK, ARGUMENTS, INT)
    assert rlmlang.compile(program).run(text="a b c", n=2).value == 6


def test_records_are_defined_once() -> None:
    record = RecordType("Point", (("x", INT),))
    arguments = (("points", [RecordValue(record, (4,))]),)
    body = "    return points[0].x\n"
    for reply in (body, "```python\n" + function_head(TASK, arguments, INT) + body):
        checked = check(Source(whole_program(reply, TASK, arguments, INT)))
        assert checked.inputs == {"points": ListType(record)}
        assert checked.type == INT


def test_a_model_writes_a_function() -> None:
    reply = "Here it is:\n```python\ndef answer(document: str) -> str:\n    return CALL('Shorten', document)\n```\n"
    model = ScriptedModel([{"instruction": "Sum up", "program": reply}, {"instruction": "Shorten", "text": "short"}])
    result = rlmlang.compile('CALL("Sum up", document="long")').run(model=model, limits={"max_depth": 2})
    assert (result.value, result.type) == ("short", STR)


# The next statements of a body ---------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("a = 1", "    a = 1\n"),
        ("\n\n    a = 1\n\n", "    a = 1\n"),
        ("        a = 1\n        b = 2\n", "    a = 1\n    b = 2\n"),
        ("Here it is:\n```python\na = 1\nb = a\n```\nDone.", "    a = 1\n    b = a\n"),
        ("```\na = 1\n```\n```\nb = 1\n```", "    a = 1\n"),
        ("~~~~rlm\na = 1\n~~~~", "    a = 1\n"),
        ('````\ns = "```"\n````', '    s = "```"\n'),
        ("```python\na = 1", "    a = 1\n"),
        ("if a:\n    b = 1\n\nc = 2  # two\n# three", "    if a:\n        b = 1\n\n    c = 2  # two\n    # three\n"),
        ('s = """one\n  two\nthree"""\nt = 1\n', '    s = """one\n  two\nthree"""\n    t = 1\n'),
        ("# don't\n  a = 1\n  b = 2\n", "    # don't\n    a = 1\n    b = 2\n"),
        ("", "\n"),
    ],
)
def test_statements_are_indented_as_the_body_is(reply: str, expected: str) -> None:
    assert body_text(reply, HEAD) == expected


WHOLE = """\
import re

def half(n):
    return n // 2

def answer(
    text: str,
    n: int = 3,
) -> int:  # the function
    \"\"\"Say it.\"\"\"

    return half(n)

print(answer("x"))
"""


def test_a_whole_function_gives_its_body() -> None:
    assert body_text(WHOLE, HEAD) == (
        "    import re\n\n    def half(n):\n        return n // 2\n\n\n    return half(n)\n\n"
    )


def test_the_header_is_not_repeated() -> None:
    arguments = (("points", [RecordValue(RecordType("Point", (("x", INT),)), (4,))]),)
    header = function_head("Say it.", arguments, INT)
    assert "class Point:" in header
    assert body_text(f"```python\n{header}    return 1\n```", header) == "    return 1\n"


def test_what_follows_the_code_does_not_count() -> None:
    assert until_code_ends("First\n```\na\n```\nthen\n```\nb\n```") == "First\n```\na\n```"
    assert until_code_ends("```\na\n```\n```\ndef answer():\n    return 1\n```\n!").endswith("return 1\n```")
    assert until_code_ends("a = 1\n") == "a = 1\n"


@given(st.text(alphabet="`~\na\"' #"))
def test_any_reply_gives_a_text(reply: str) -> None:
    assert body_text(reply, HEAD).endswith("\n")
    assert reply.startswith(until_code_ends(reply))
