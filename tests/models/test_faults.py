"""Servers that fail in every way: runs end right or with a code, within their budget, and nothing is left over."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stamina
from attrs import define, field

import rlmlang
from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, ModelError
from rlmlang.language.types import STR
from rlmlang.models.base import Reply, Request, Unsent
from rlmlang.models.registry import open_model
from rlmlang.models.servers import http, throttling
from rlmlang.models.servers.endpoint import ServerOptions
from rlmlang.models.servers.http import Client, Exchange, StillLoading, TransientFailure
from rlmlang.runtime.values import Value
from rlmlang.trace.recorder import Trace
from tests.support import virtual
from tests.support.fake_server import CUT, DRIP, HALF, HANG, Answer, FakeServer, Open, Script, opened, server

pytestmark = pytest.mark.heavy

__all__ = ["opened", "server"]

CHAT = "/v1/chat/completions"
REQUEST = Request("Say hello", (), STR, max_tokens=50)


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def completion(content: str, prompt_tokens: int = 9, completion_tokens: int = 3) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}}


def name_at(url: str, options: str = "") -> str:
    return f"openai:m@{url}/v1?dialect=none&ctx=4096{options}"


def ask(model: Any) -> Reply:
    reply: Reply = asyncio.run(model.generate(REQUEST))
    return reply


def fails(model: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model)
    return caught.value


# Time ------------------------------------------------------------------------------------


def test_a_slow_drip_ends_in_time(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, DRIP)
    error = fails(opened(name_at(server.url, "&timeout=0.3")))
    assert "no answer within 0.3 seconds" in error.first.message
    assert not isinstance(error, Unsent)
    assert len(server.seen) == 1


def test_a_connection_that_hangs_ends_in_time(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "QUICK", 0.3)
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for taken in (first, second):  # what is waiting to be accepted: no more is let in
            taken.setblocking(False)
            taken.connect_ex(listening.getsockname())
        port = listening.getsockname()[1]
        error = fails(opened(name_at(f"http://127.0.0.1:{port}", "&retries=0")))
    assert "no connection within the time allowed" in error.first.message
    assert isinstance(error, Unsent)


def test_a_cancelled_run_leaves_nothing_over(server: FakeServer, opened: Open) -> None:
    """Its requests end on the wire, and what they had reserved is settled as if they had been answered."""
    server.on(CHAT, HANG)
    model = opened(name_at(server.url))
    trace = Trace()

    async def give_up() -> None:
        program = rlmlang.compile('[CALL("Say hello", n) for n in range(9)]')
        limits = Limits(max_answer_tokens=8, concurrency=3)
        run = asyncio.ensure_future(program.arun(model=model, limits=limits, trace=trace))
        for _ in range(3):
            await asyncio.to_thread(server.arrived.acquire)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert await asyncio.to_thread(server.dropped.wait, 60)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await model.aclose()

    asyncio.run(give_up())
    assert (trace.usage.calls, trace.usage.completion_tokens, len(server.seen)) == (3, 24, 3)
    kept(trace)
    assert throttling.origin_of(server.url).limiter.in_flight == 0


# How much is asked at once ---------------------------------------------------------------


@contextmanager
def crowded(server: FakeServer, capacity: int) -> Iterator[Counter[str]]:
    """The server says 429 while more than some requests are in flight. Yields what was seen."""
    seen: Counter[str] = Counter()
    in_flight: set[int] = set()
    lock = threading.Lock()

    async def answer(body: Any) -> Script:
        with lock:
            in_flight.add(me := len(in_flight) + sum(seen.values()) * 1000)
            seen["most"] = max(seen["most"], len(in_flight))
            full = len(in_flight) > capacity
        await asyncio.sleep(0.005)
        with lock:
            in_flight.discard(me)
            seen["refused" if full else "answered"] += 1
        return Answer(429, {"error": {"message": "slow down"}}) if full else completion("hello")

    server.on(CHAT, answer)
    yield seen


def test_an_overloaded_server_gets_fewer_requests(server: FakeServer, opened: Open) -> None:
    program = rlmlang.compile('[CALL("Say hello", n) for n in range(300)]')
    with crowded(server, capacity=6) as seen, stamina.set_testing(True, attempts=30):
        model = opened(name_at(server.url))
        result = program.run(model=model, limits=Limits(concurrency=40))
    assert result.value == ["hello"] * 300
    assert (result.usage.calls, seen["answered"]) == (300, 300)
    assert seen["most"] <= 40
    assert seen["refused"] < 150  # without a limit, most requests would be
    limiter = throttling.origin_of(server.url).limiter
    assert limiter.limit < 20
    assert limiter.in_flight == 0


# A server that is down -------------------------------------------------------------------


@pytest.fixture
def clock(server: FakeServer) -> Iterator[list[float]]:
    """The time that the breaker of the server sees; to be set."""
    now = [0.0]
    throttling.origin_of(server.url).breaker.clock = lambda: now[0]
    yield now


def test_the_circuit_of_a_failing_server_opens_and_is_probed(
    server: FakeServer, opened: Open, clock: list[float]
) -> None:
    server.on(CHAT, Answer(500))
    first, second = opened(name_at(server.url, "&retries=0")), opened(name_at(server.url, "&retries=0"))
    for n in range(throttling.FAILURES):
        assert fails((first, second)[n % 2]).first.code == "E400"
    assert len(server.seen) == throttling.FAILURES
    error = fails(first)
    assert (error.first.code, error.exit_code, isinstance(error, Unsent)) == ("E409", 4, True)
    assert error.first.message == f"{server.url} has failed 10 times in a row; it is tried again in 5.0 seconds"
    assert fails(second).first.code == "E409"
    assert len(server.seen) == throttling.FAILURES
    clock[0] += throttling.COOL_DOWN  # one request tries, and fails
    assert fails(first).first.code == "E400"
    assert fails(second).first.code == "E409"
    assert len(server.seen) == throttling.FAILURES + 1
    server.on(CHAT, completion("hello"))
    clock[0] += throttling.COOL_DOWN
    assert [ask(first).text, ask(second).text] == ["hello", "hello"]


def test_retries_wait_while_the_circuit_is_open(server: FakeServer, opened: Open, clock: list[float]) -> None:
    server.on(CHAT, *[Answer(500)] * throttling.FAILURES, completion("hello"))
    model = opened(name_at(server.url, "&retries=2"))
    for _ in range(3):
        assert not isinstance(fails(model), Unsent)
    error = fails(model)  # sent once, and then left alone: the server may have worked on it
    assert (error.first.code, isinstance(error, Unsent)) == ("E409", False)
    clock[0] += throttling.COOL_DOWN
    assert ask(model).text == "hello"


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_a_server_that_refuses_does_not_fail(server: FakeServer, opened: Open, status: int) -> None:
    server.on(CHAT, Answer(status))
    model = opened(name_at(server.url, "&retries=0"))
    for _ in range(2 * throttling.FAILURES):
        fails(model)
    assert len(server.seen) == 2 * throttling.FAILURES


def test_what_was_not_sent_is_not_spent(server: FakeServer, opened: Open, clock: list[float]) -> None:
    server.on(CHAT, Answer(500))
    model = opened(name_at(server.url, "&retries=0"))
    program = rlmlang.compile('CALL("Say hello")')
    traces = [Trace() for _ in range(throttling.FAILURES + 1)]
    for trace in traces:
        with pytest.raises(ModelError):
            asyncio.run(program.arun(model=model, limits=Limits(max_calls=2), trace=trace))
    assert [trace.usage.calls for trace in traces] == [1] * throttling.FAILURES + [0]
    assert traces[0].usage.prompt_tokens > traces[-1].usage.prompt_tokens == 0


def test_no_connection_is_nothing_spent(server: FakeServer, opened: Open) -> None:
    server.stop()
    trace = Trace()
    with pytest.raises(Unsent, match=r"E400.*cannot connect"):
        asyncio.run(
            rlmlang.compile('CALL("Say hello")').arun(model=opened(name_at(server.url, "&retries=1")), trace=trace)
        )
    assert (trace.usage.calls, trace.usage.prompt_tokens) == (0, 0)
    server.start()


# How long and how often ------------------------------------------------------------------


async def faulty(client: Client, exchange: Exchange, chance: random.Random) -> str:
    """An attempt at a request to a server that fails at 20 of 100."""
    await asyncio.sleep(chance.uniform(0.1, 2))
    if chance.random() < 0.2:
        raise TransientFailure(ModelError.of("E400", "fault"))
    client._origin.has_answered = True
    return exchange.path


async def answers_through_faults(seed: int, retries: int) -> list[Any]:
    """What 1,500 requests give, 16 at once."""
    random.seed(seed)  # for the waits
    client, chance, slots = Client(f"http://server-{seed}", {}), random.Random(seed), asyncio.Semaphore(16)
    throttling._origins.pop(throttling.key_of(client.root), None)
    client._origin = throttling.origin_of(client.root)

    async def answer(number: int) -> Any:
        async with slots:
            exchange = Exchange("POST", f"/{number}", None, 600)
            return await client._retried(exchange, retries, lambda exchange: faulty(client, exchange, chance))

    answers = await asyncio.gather(*map(answer, range(1500)), return_exceptions=True)
    assert asyncio.get_running_loop().time() < 300
    return answers


def test_1500_calls_through_faults_end_right_in_ten_of_ten_tries() -> None:
    right = [f"/{number}" for number in range(1500)]
    retries = ServerOptions().retries
    assert [virtual.run(answers_through_faults(seed, retries)) == right for seed in range(10)] == [True] * 10
    assert virtual.run(answers_through_faults(4, retries=4)) != right  # as many retries as there were once do not do


@pytest.mark.parametrize(
    ("has_answered", "wait", "timeout", "attempts", "seconds"),
    [
        (False, None, 600, 5, (7, 10)),  # perhaps no server at all
        (True, None, 600, 11, (60, 75)),
        (True, 50.0, 60, 2, (50, 50)),  # not 11 times 50 seconds
        (True, 50.0, 600, 11, (500, 500)),
    ],
)
def test_retries_are_bounded_by_number_and_time(
    has_answered: bool, wait: float | None, timeout: float, attempts: int, seconds: tuple[float, float]
) -> None:
    client = Client("http://server", {}, timeout=timeout)
    client._origin = throttling.Origin(has_answered=has_answered)
    sent = 0

    async def attempt(exchange: Exchange) -> Any:
        nonlocal sent
        sent += 1
        raise TransientFailure(ModelError.of("E400", "fault"), wait)

    async def end() -> float:
        with pytest.raises(ModelError, match="fault"):
            await client._retried(Exchange("POST", "/", None, timeout), 10, attempt)
        return asyncio.get_running_loop().time()

    least, most = seconds
    assert least <= virtual.run(end()) <= most
    assert sent == attempts


def test_a_server_may_load_its_model_for_as_long_as_an_answer_may_take() -> None:
    client, sent = Client("http://server", {}, timeout=10), 0

    async def attempt(exchange: Exchange) -> Any:
        nonlocal sent
        sent += 1
        raise StillLoading(ModelError.of("E400", "loading"))

    async def end() -> float:
        with pytest.raises(ModelError, match="the model is loaded within it"):
            await client._when_loaded(Exchange("POST", "/", None, 10), attempt)
        return asyncio.get_running_loop().time()

    assert virtual.run(end()) == 10
    assert sent == 11  # one each second


# Everything at once ----------------------------------------------------------------------

FAULTS = [
    Answer(429, {"error": {"message": "slow down"}}),
    Answer(429, headers={"Retry-After": "0"}),
    Answer(503),
    HANG,
    DRIP,
    *3
    * [
        Answer(500),
        CUT,
        HALF,
        Answer(body=b'{"choices": [{"message": {"content": "hel'),
        Answer(body=b"\xff\xfe<html>oops"),
    ],
]
"""Fewer of those that lower the limit or hold a request up, or there would be little to be seen of the others."""

PROGRAM = """\
count: int

def shout(n: int) -> str:
    return CALL("Echo", f"number {n}").upper()

len([word for word in [shout(n) for n in range(count)] if word.startswith("NUMBER")])
"""


@define
class Storm:
    """Answers a request of `PROGRAM`, or in a share of the cases fails."""

    faults: list[Script]
    chance: random.Random
    share: float = 0.3
    sent: Counter[str] = field(factory=Counter)

    def __call__(self, body: Any) -> Script:
        if self.chance.random() < self.share:
            self.sent["faults"] += 1
            return self.chance.choice(self.faults)
        self.sent["answers"] += 1
        number = body["messages"][-1]["content"].rpartition("number ")[2].split()[0]
        return completion(f"number {number}", prompt_tokens=20, completion_tokens=2)


def kept(trace: Trace) -> None:
    """Nothing is spent above the limits, and nothing stays reserved."""
    account = trace.account
    assert account is not None
    limits, usage = account.limits, account.usage
    for spent, limit in (
        (usage.calls, limits.max_calls),
        (usage.prompt_tokens, limits.max_prompt_tokens),
        (usage.completion_tokens, limits.max_completion_tokens),
    ):
        assert limit is None or spent <= limit
    assert (account._open, account._reserved_prompt, account._reserved_completion) == (0, 0, 0)


def weather(count: int, store: Path) -> None:
    """Run a program of many calls in a storm, again until it ends, each time going on where it was."""
    files, threads = len(os.listdir("/proc/self/fd")), set(threading.enumerate())
    storm = Storm(FAULTS, random.Random(count))
    ends: Counter[str] = Counter()

    async def run(url: str) -> Value:
        model = open_model(name_at(url, "&timeout=0.3&retries=8"))
        program = rlmlang.compile(PROGRAM)
        while True:
            limits, trace = Limits(max_calls=count, max_answer_tokens=8, concurrency=64), Trace()
            try:
                result = await program.arun(model=model, store=store, limits=limits, trace=trace, count=count)
            except ModelError as error:
                ends[error.first.code] += 1
            else:
                await model.aclose()
                return result.value
            finally:
                kept(trace)
                assert asyncio.all_tasks() == {asyncio.current_task()}

    server = FakeServer()
    server.start()
    server.on(CHAT, storm)
    with stamina.set_testing(True, attempts=8, cap=True):
        assert asyncio.run(run(server.url)) == count
    server.stop()
    assert set(ends) <= {"E400", "E409"}
    assert storm.sent["answers"] >= count
    assert storm.sent["faults"] > 0.25 * count
    limiter = throttling.origin_of(server.url).limiter
    assert (limiter.in_flight, len(limiter._waiting)) == (0, 0)
    assert set(threading.enumerate()) <= threads  # of other tests some may have ended meanwhile
    assert len(os.listdir("/proc/self/fd")) <= files


def test_a_storm_of_faults(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weather(1_000, tmp_path / "store.db")
    assert [record for record in caplog.records if record.name in ("asyncio", "rlmlang")] == []


@pytest.mark.long
def test_a_long_storm_of_faults(tmp_path: Path) -> None:
    weather(5_000, tmp_path / "store.db")


def drizzle(count: int, seed: int) -> None:
    """Run a program of many calls once, through faults in 20 of 100 requests, and without a store to go on from."""
    storm = Storm([fault for fault in FAULTS if fault not in (HANG, DRIP)], random.Random(seed), share=0.2)
    server = FakeServer()
    server.start()
    server.on(CHAT, storm)
    limits, trace = Limits(max_calls=count, max_answer_tokens=8), Trace()
    with stamina.set_testing(True, attempts=1 + ServerOptions().retries, cap=True):
        result = rlmlang.compile(PROGRAM).run(model=name_at(server.url), limits=limits, trace=trace, count=count)
    server.stop()
    assert (result.value, trace.usage.calls) == (count, count)
    assert storm.sent["faults"] > count / 6
    kept(trace)


def test_calls_through_faults_on_the_wire_end_right() -> None:
    drizzle(300, seed=1)


@pytest.mark.long
def test_1500_calls_through_faults_on_the_wire_in_ten_tries() -> None:
    for seed in range(10):
        drizzle(1500, seed)


@pytest.mark.parametrize(
    ("limit", "code"),
    [({"max_calls": 90}, "E501"), ({"max_prompt_tokens": 9_000}, "E503"), ({"max_completion_tokens": 90}, "E504")],
)
def test_faults_overrun_no_budget(
    server: FakeServer, opened: Open, tmp_path: Path, limit: dict[str, int], code: str
) -> None:
    """Of a limit that would do for a part of the calls, at most that part is spent.

    How many calls there will be is not known before, or the run would be refused.
    """
    storm = Storm([fault for fault in FAULTS if fault not in (HANG, DRIP)], random.Random(7))
    server.on(CHAT, storm)
    limits, trace = Limits(**limit, max_answer_tokens=8), Trace()
    unforeseen = PROGRAM.replace("range(count)", 'range(count) if run_program("0", {})[1] is None')
    program, model = rlmlang.compile(unforeseen), opened(name_at(server.url))
    with stamina.set_testing(True, attempts=20), pytest.raises(BudgetError) as caught:
        asyncio.run(program.arun(model=model, store=tmp_path / "store.db", limits=limits, trace=trace, count=600))
    assert caught.value.first.code == code
    kept(trace)
    assert 0 < storm.sent["answers"] <= trace.usage.calls < 600
    assert trace.usage.completion_tokens >= 2 * storm.sent["answers"]
