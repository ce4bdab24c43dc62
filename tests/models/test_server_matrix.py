"""Every server of `tests/support/servers/` does for a user what every other does, by its own quirks.

A new server is one file there.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

import rlmlang
from rlmlang import Trace
from rlmlang.errors import AnswerMismatch, AnswerTruncated, ContextOverflow, Refused
from rlmlang.models.known_servers import SERVERS
from rlmlang.models.servers import http
from tests.support.fake_server import FakeServer, Open, opened, server
from tests.support.played_server import KEY, NAMES, PlayedServer, described

pytestmark = pytest.mark.heavy

__all__ = ["opened", "server"]

DOCUMENT = "Ann has two dogs. She is seven."

PROGRAM = """\
document: str
class Owner:
    name: str
    age: int
count = CALL[int]("Count the dogs", document)
mood = CALL[Literal["good", "bad"]]("Name the mood", document)
owner = CALL[Owner]("Describe the owner", document)
text = CALL("Say hello", document)
pair = CALL[tuple[str, int]]("Name the pair", document)
(count, mood, owner.name, owner.age, text, pair)
"""

ANSWERS = {
    "Ask about the dogs": '    return CALL[int]("Count the dogs", document)\n',
    "Count the dogs": "2",
    "Name the mood": "good",
    "Describe the owner": '{"name": "Ann", "age": 7}',
    "Say hello": "Hello, Ann.",
    "Name the pair": '["dogs", 2]',
}


def mind(prompt: str) -> str:
    """What the model writes, by what it is asked."""
    if "Tell of the pets" in prompt:
        if "→ 2" in prompt:
            return " dogs are here."
        call = 'CALL[int]("Count the dogs", document)'
        begun = max((size for size in range(len(call)) if f"See: {call[:size]}" in prompt), default=None)
        return f"See: {call}" if begun is None else call[begun:]
    return next(answer for question, answer in ANSWERS.items() if question in prompt)


REFUSALS = [
    (name, refusal)
    for name in NAMES
    for refusal, answer in described(name)["refusals"].items()
    if isinstance(answer, dict)
]
"""The refusals of servers that have a filter, or say apart from the answer that the model refused."""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SERVER_KEY", KEY)
    monkeypatch.setattr(http, "LOOK_AGAIN", 0.01)


@pytest.fixture(params=NAMES)
def played(server: FakeServer, request: pytest.FixtureRequest) -> PlayedServer:
    return PlayedServer.play(server, request.param, mind)


def test_what_the_server_is_is_found_out(played: PlayedServer, opened: Open) -> None:
    model = opened(played.model)
    expected = played.about["expect"]
    found = {"grammar": model.capabilities.grammar, "context": model.context}
    assert found == {name: expected[name] for name in found}


def test_typed_answers(played: PlayedServer, opened: Open) -> None:
    model = opened(played.model)
    program = rlmlang.compile(PROGRAM)
    result = program.run(model=model, document=DOCUMENT)
    assert result.value == (2, "good", "Ann", 7, "Hello, Ann.", ("dogs", 2))
    assert sorted(played.held) == [False] + [True] * 4 if "holds" in played.about["chat"] else [False] * 5
    assert (result.usage.calls, result.usage.prompt_tokens > 40) == (5, True)
    cost = played.about.get("cost")
    assert result.usage.cost == (None if cost is None else 5 * Decimal(str(cost)))
    refused, played.refused = played.refused, []
    assert program.run(model=model, document=DOCUMENT).value == result.value
    assert played.refused == [], f"what the server refused is sent again: {refused}"


def test_calls_of_one_type_at_once(played: PlayedServer, opened: Open) -> None:
    """What the server refuses of the first is refused of all that are under way."""
    program = rlmlang.compile('document: str\n[CALL[int]("Count the dogs", document, n) for n in range(8)]')
    assert program.run(model=opened(played.model), document=DOCUMENT).value == [2] * 8


def test_ask(played: PlayedServer, opened: Open) -> None:
    inputs = {"document": DOCUMENT}
    assert rlmlang.ask("Ask about the dogs", inputs, type=int, model=opened(played.model)).value == 2


def test_complete(played: PlayedServer, opened: Open) -> None:
    result = rlmlang.complete("Tell of the pets", {"document": DOCUMENT}, model=opened(played.model))
    assert result.value == 'See: CALL[int]("Count the dogs", document) → 2 dogs are here.'
    assert result.answers == [2]


def test_a_prompt_that_is_too_long(played: PlayedServer, opened: Open) -> None:
    program = rlmlang.compile('document: str\nCALL("Say hello", document)')
    with pytest.raises(ContextOverflow) as caught:
        program.run(model=opened(played.model), document="word, " * 9000)
    assert caught.value.first.code == "E403"
    assert caught.value.first.hint


def test_every_server_that_has_a_name_is_played() -> None:
    assert set(SERVERS) <= set(NAMES)


def test_every_server_has_a_refusal() -> None:
    assert [name for name in NAMES if not described(name).get("refusals")] == []


@pytest.mark.parametrize(("name", "refusal"), REFUSALS)
@pytest.mark.parametrize("call", ['CALL("Say hello")', 'CALL[int]("Count the dogs")'])
def test_a_refusal_is_an_error_and_not_asked_again(
    server: FakeServer, opened: Open, name: str, refusal: str, call: str
) -> None:
    played = PlayedServer.play(server, name, mind)
    program, model = rlmlang.compile(call), opened(played.model)
    program.run(model=model)  # what the server does not take is known
    before = len(server.bodies(played.about["chat"]["path"]))
    held = played.held[-1]
    played.refusal = refusal
    with pytest.raises(Refused, match="E404"):
        program.run(model=model)
    assert len(server.bodies(played.about["chat"]["path"])) == before + 1
    played.refusal = None
    program.run(model=model)
    assert played.held[-1] == held, "the refusal was taken for one of the schema"


@pytest.mark.parametrize("name", [name for name in NAMES if "words" in described(name)["refusals"]])
def test_a_refusal_in_the_words_of_the_model_is_its_answer(server: FakeServer, opened: Open, name: str) -> None:
    played = PlayedServer.play(server, name, mind)
    played.refusal, words = "words", played.about["refusals"]["words"]
    model = opened(played.model)
    assert rlmlang.compile('CALL("Say hello")').run(model=model).value == words
    trace = Trace()
    with pytest.raises(AnswerMismatch, match="E401"):
        rlmlang.compile('CALL[int]("Count the dogs")').run(model=model, trace=trace)
    assert (trace.usage.calls, trace.calls[0].attempts) == (2, 2), "it is asked once more"


def test_requests_that_come_too_fast(played: PlayedServer, opened: Open) -> None:
    played.limited = 2
    assert rlmlang.compile('CALL("Say hello")').run(model=opened(played.model)).value == "Hello, Ann."
    assert played.limited == 0


def test_an_answer_that_is_cut_off(played: PlayedServer, opened: Open) -> None:
    played.cut = True
    with pytest.raises(AnswerTruncated, match="E402"):
        rlmlang.compile('CALL("Say hello")').run(model=opened(played.model))
