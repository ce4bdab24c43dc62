"""Programs that models wrote, in the forms in which they come."""

from __future__ import annotations

import pytest

import rlmlang
from rlmlang.calls.prompt import function_head
from rlmlang.calls.written_program import whole_program
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
