"""The page of a run, in a real Chromium: 100,000 calls, the keyboard, the layout, and hostile texts."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rlmlang.trace.history import History, history_of
from rlmlang.trace.html import write_html
from tests.support import browser, injections, traces
from tests.support.browser import Browser
from tests.support.needed import need
from tests.support.places import ROOT
from tests.support.traces import call_event, end_event, generation_event, run_event, text_event

pytestmark = pytest.mark.heavy

CALLS = 100_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(None not in browser.programs(), "chromium chromium-driver")
    with browser.browser() as session:
        yield session


def page_of(history: History, path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        write_html(history, file)
    return path


@pytest.fixture(scope="module")
def history() -> History:
    return history_of(traces.events(CALLS))


@pytest.fixture(scope="module")
def large(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(history, tmp_path_factory.mktemp("page") / "large.html")


@pytest.fixture
def page(chromium: Browser, large: Path) -> Browser:
    """The page of 100,000 calls, newly opened."""
    return opened(chromium, large)


def opened(chromium: Browser, path: Path, **size: int) -> Browser:
    chromium.open(path, **size)
    return chromium


def quiet(chromium: Browser) -> None:
    """Assert that the browser requested nothing but the page, and logged no error or violation of the policy."""
    assert chromium.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not re.fullmatch(r"file:///.*\.html", url)} == set()


def shown(page: Browser) -> int:
    """Return how many calls pass the filters, once they have been applied."""
    page.wait("document.querySelector('#found').dataset.done === '1'")
    return int(page.text("#found").split()[0].replace(",", ""))


def drawn(page: Browser) -> None:
    """Wait until what is to be drawn in the next frame is there."""
    page.run("new Promise(requestAnimationFrame)")


def read_call(page: Browser, id: int | str) -> str:
    """Return the text of the pane of a call, once it is shown."""
    page.wait(f"document.querySelector('#call').dataset.call === '{id}'")
    return page.text("#call")


def selected(page: Browser) -> str:
    drawn(page)
    return page.text('.row[aria-selected="true"]:not([hidden])')


# 100,000 calls ---------------------------------------------------------------------


def test_its_history(history: History) -> None:
    assert len(history.calls) == CALLS
    assert sum(line.calls for line in history.lines()) == len(history.roots) == CALLS - 3
    assert sum(line.spent.prompt_tokens for line in history.lines()) == history.spent.prompt_tokens
    assert max(history.lanes()) == 15


def test_it_opens(page: Browser, history: History) -> None:
    totals = page.text("#totals")
    assert f"calls{CALLS:,}" in totals
    assert f"asked{history.spent.generations:,}" in totals
    assert f"failed{history.counts()['failed']:,}" in totals
    assert page.run("document.querySelectorAll('*').length") < 1_500
    assert page.run("document.title") == "notes.rlm · trace"
    quiet(page)


def test_lines_show_their_costs(page: Browser, history: History) -> None:
    rows = page.run(
        "[...document.querySelectorAll('#code tr.linked')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert [(row[0], row[1]) for row in rows] == [(str(line.number), f"{line.calls:,}×") for line in history.lines()]
    assert all(row[3].startswith("$") for row in rows)


def test_the_keyboard_walks_the_tree(page: Browser, history: History) -> None:
    assert selected(page).startswith("▸brief × 49,998")
    page.press("ArrowRight", "ArrowDown")
    call = history.calls[0]
    text = read_call(page, 0)
    assert call.generations[0].prompt[1].content in text
    assert call.answer is not None
    assert call.answer in text
    for _ in range(30):
        page.press("ArrowDown")
    read_call(page, 30)
    page.press("End")
    read_call(page, CALLS - 1)
    assert page.run("document.querySelectorAll('.row').length") < 80
    page.press("Home", "PageDown")
    assert page.run("Number(document.querySelector('#tree').scrollTop)") == 0
    page.press("PageDown", "PageDown")
    assert page.run("Number(document.querySelector('#tree').scrollTop)") > 0
    page.press("ArrowLeft")
    assert selected(page).startswith("▾brief")
    page.press("ArrowLeft")
    assert selected(page).startswith("▸brief")
    quiet(page)


def test_every_row_can_be_reached_by_scrolling(page: Browser) -> None:
    page.press("*")
    for part in (0.0, 0.37, 0.999, 1.0):
        page.run(
            "Promise.resolve(document.querySelector('#tree')).then((t) => { t.scrollTop = arguments[0] * t.scrollHeight })",
            part,
        )
        drawn(page)
        drawn(page)
        covered = page.run(
            """[...document.querySelectorAll('.row:not([hidden])')].filter((row) => {
                const [a, b] = [row.getBoundingClientRect(), document.querySelector('#tree').getBoundingClientRect()];
                return a.bottom > b.top && a.top < b.bottom }).length"""
        )
        assert covered >= page.run("Math.floor(document.querySelector('#tree').clientHeight / 28)"), part


@pytest.mark.parametrize(
    ("key", "select"),
    [
        ("e", lambda history: [call for call in history.calls if call.error]),
        ("m", lambda history: [call for call in history.calls if call.status == "stored" or call.hits]),
        ("c", lambda history: history.critical_path()),
    ],
)
def test_filters(key: str, select: Any, page: Browser, history: History) -> None:
    expected = len(select(history))
    page.press(key)
    assert shown(page) == expected
    assert page.run("document.querySelectorAll('.chip[aria-pressed=\"true\"]').length") == 1
    page.press(key)
    assert shown(page) == CALLS


def test_filters_of_slow_and_expensive_calls(page: Browser, history: History) -> None:
    page.press("s")
    slow = shown(page)
    assert CALLS / 25 < slow <= CALLS / 20
    page.press("x")
    assert 0 < shown(page) < slow
    page.press("Escape")
    assert shown(page) == CALLS
    page.press("x")
    assert CALLS / 25 < shown(page) <= CALLS / 18


def test_search_finds_texts_of_prompts(page: Browser, history: History) -> None:
    text = " ".join(history.calls[49_000].generations[0].prompt[1].content.split()[-3:])
    assert text not in history.calls[49_000].arguments[0].preview
    page.press("/", *text.upper(), "Enter")
    expected = sum(call.contains(text) for call in history.calls)
    page.wait(f"document.querySelector('#found').textContent.startsWith('{expected:,} of ')")
    assert shown(page) == expected
    page.press("Home", "ArrowDown")
    page.wait("document.querySelector('#call').dataset.call")
    assert text in page.text("#call")
    page.press("Escape")
    assert shown(page) == CALLS


def test_the_next_error(page: Browser, history: History) -> None:
    failed = [call.id for call in history.calls if call.error]
    page.press("n")
    assert "E401" in read_call(page, failed[0])
    page.press("n")
    read_call(page, failed[1])
    page.press("p", "p")
    read_call(page, failed[-1])


def test_the_order(page: Browser, history: History) -> None:
    slowest = max(history.calls, key=lambda call: call.seconds)
    page.run("document.querySelector('#order').focus()")
    page.press("s")  # slowest first
    page.press("Escape", "Home")
    read_call(page, slowest.id)


def test_a_line_shows_its_calls(page: Browser) -> None:
    page.press("2")
    page.run("document.querySelector('#code tr.linked:nth-of-type(12)').focus()")
    page.press("Enter")
    assert shown(page) == 49_998
    assert "on line 12" in page.text("#found")


def test_every_word_of_the_language_is_colored(page: Browser) -> None:
    words = set(re.findall('"([a-z]{2,})"', (ROOT / "grammar/rlm.lark").read_text(encoding="utf-8")))
    words |= {"True", "False", "None", "CALL", "Literal"}
    code = " ".join(sorted(words))
    assert page.run(f"[...colored('{code} name').querySelectorAll('.word')].map((word) => word.textContent)") == sorted(
        words
    )


def test_the_timeline(page: Browser) -> None:
    page.run("document.querySelector('#lanes').scrollIntoView()")
    page.press("+", "+", "+")
    page.click("#lanes")  # in the middle
    page.wait("document.querySelector('#call').dataset.call")
    assert page.text("#call h2") in ("List the key points", "Is this a fact or a view?")


def test_costs_at_a_time(page: Browser) -> None:
    page.press("2")
    costs = "[...document.querySelectorAll('#code td.cost')].map((cell) => Number(cell.textContent.slice(1)))"
    whole = page.run(costs)
    page.press(*"[" * 10)
    drawn(page)
    page.wait("document.querySelector('#code .hint').textContent.includes('after')")
    half = page.run(costs)
    assert 0 < half[6] <= whole[6]
    assert half[11] < whole[11] / 1.5
    assert half[12] == 0
    page.press("\\")
    page.wait("document.querySelector('#code .hint').textContent.includes('whole run')")
    assert page.run(costs) == whole


# What it looks like ----------------------------------------------------------------


def colors(page: Browser) -> tuple[str, str]:
    back, text = page.run("Promise.resolve(getComputedStyle(document.body)).then((s) => [s.backgroundColor, s.color])")
    return back, text


def test_dark_and_light(page: Browser, large: Path) -> None:
    seen = []
    for theme in ("light", "dark"):
        page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        seen.append(colors(page))
    assert seen[0] != seen[1]
    page.press("d")
    assert colors(page) == seen[0]
    page.press("d")
    assert colors(page) == seen[1]
    page.command("Emulation.setEmulatedMedia", features=[])


def test_a_phone(chromium: Browser, large: Path) -> None:
    page = opened(chromium, large, width=390, height=800)
    visible = "['calls', 'call', 'code', 'run'].filter((id) => document.getElementById(id).offsetParent)"
    assert page.run(visible) == ["calls"]
    for pane in ("run", "code", "call", "calls"):
        page.click(f'#tabs [data-pane="{pane}"]')
        assert page.run(visible) == [pane]
        assert page.run("document.documentElement.scrollWidth") <= 390
    page.press("t")
    page.press("ArrowRight", "ArrowDown", "Enter")
    read_call(page, 0)
    assert page.run(visible) == ["call"]
    page.press("Escape")
    assert page.run(visible) == ["calls"]
    quiet(page)


COLUMNS = """[...document.querySelectorAll('.row:not([hidden])')].map((row) => Object.fromEntries(
    ['more', 'seconds', 'tokens', 'cost'].map((name) => row.querySelector('.' + name)).filter((cell) => cell.offsetParent)
        .map((cell) => [cell.className, [
            cell.getBoundingClientRect().left, cell.getBoundingClientRect().right, cell.scrollWidth - cell.clientWidth,
            cell.textContent]])))"""
"""Of each row: where the columns of numbers begin and end, by how much their texts are too wide, and the texts."""


@pytest.mark.parametrize("width", [1300, 1010, 900, 770, 390])
def test_columns_are_the_same_in_every_row(width: int, chromium: Browser, tmp_path: Path) -> None:
    """With `+N` or without, deep or not, and nothing is cut off."""
    deep = 14
    costs = [0.0000344, 0.00999, 1_234.5, 9e6, None, 0.0]
    events = [run_event(), *(call_event(id, parent=id - 1, form="program") for id in range(1, deep)), call_event(0)]
    events[1:1] = [{"kind": "hit", "of": 3, "parent": None, "line": 9, "source": "notes.rlm", "time": 0.5}] * 12_345
    for id, cost in enumerate(costs, deep):
        times = {"started": 0.0, "finished": 3_599.0 / (id - deep + 1)}
        events.append(call_event(id, cost=cost, prompt_tokens=99_940_000 * (id % 2), **times, line=id))
        events += [{"kind": "hit", "of": id, "parent": None, "line": 9, "source": "notes.rlm", "time": 0.5}] * (id % 3)
    page = opened(chromium, page_of(history_of(events), tmp_path / "columns.html"), width=width, height=1_200)
    page.press("*", "Home")
    drawn(page)
    drawn(page)
    rows = page.run(COLUMNS)
    assert len(rows) == deep + len(costs)
    assert {"", "+1", "+2", "+12.3k"} == {row["more"][3] for row in rows}
    assert {"$0.000034", "$0.00999", "$1234.50", "$9.00M", "$0"} < {row["cost"][3] for row in rows}
    for name in rows[0]:
        assert len({tuple(row[name][:2]) for row in rows}) == 1, name
        assert [row[name][3] for row in rows if row[name][2] > 0] == [], name
    right = page.run("document.querySelector('#tree').getBoundingClientRect().right")
    assert rows[0]["cost"][1] <= right


def test_a_run_without_prices_has_no_column_of_costs(chromium: Browser, tmp_path: Path) -> None:
    events = [run_event(), call_event(0, cost=None), call_event(1, cost=None, line=9)]
    page = opened(chromium, page_of(history_of(events), tmp_path / "unpriced.html"))
    rows = page.run(COLUMNS)
    assert len(rows) == 2
    assert all("cost" not in row and row["tokens"][3] == "15" for row in rows)


# Small runs ------------------------------------------------------------------------


def test_a_program_that_the_model_wrote(chromium: Browser, tmp_path: Path) -> None:
    page = opened(chromium, page_of(history_of(traces.events(20)), tmp_path / "small.html"))
    page.press("End")
    read_call(page, 19)
    assert "made by" in page.text("#call")
    page.press("ArrowLeft")
    text = read_call(page, 16)
    assert "Attempt 2" in text
    assert "E405unknown name `chuck`" in text
    rows = page.run("[...document.querySelectorAll('#call .code tr')].map((row) => row.cells[1].textContent)")
    assert rows == ["", "2×", "1×"]
    assert traces.SYSTEM in text


def test_a_question_shows_what_the_model_wrote(chromium: Browser, tmp_path: Path) -> None:
    question = {"name": "the question", "text": "question: str\nCALL(question)\n"}
    inner = call_event(1, parent=0, level=2, source="<answer>", line=2)
    root = call_event(0, form="program", source="the question", line=2, program="x = 1\nCALL('a', x)\n")
    events = [
        run_event(command="ask", program=question),
        generation_event(1),
        inner,
        generation_event(0),
        root,
        end_event(1.0),
    ]
    page = opened(chromium, page_of(history_of(events), tmp_path / "ask.html"))
    page.press("2")
    page.wait("document.querySelectorAll('#code table').length === 2")
    rows = page.run("[...document.querySelectorAll('#code table:last-of-type tr')].map((row) => row.textContent)")
    assert rows[-1].startswith("21×15$0.001CALL('a', x)")


def test_a_stored_call_shows_what_answered_it(chromium: Browser, tmp_path: Path) -> None:
    first = [run_event(), text_event(), generation_event(0, output="kept before"), call_event(0, key="aa")]
    again = [run_event(resumed=True), call_event(1, key="aa", status="stored"), end_event(1.0, status="interrupted")]
    page = opened(chromium, page_of(history_of([*first, *again]), tmp_path / "resumed.html"))
    page.press("Home")
    text = read_call(page, 1)
    assert "kept before" in text
    assert "call #0, before the run was resumed" in text
    assert page.text("#status") == "interrupted"


def test_a_run_without_calls(chromium: Browser, tmp_path: Path) -> None:
    error = {"code": "E508", "message": "the least possible cost exceeds the budget"}
    history = history_of([run_event(), end_event(0.0, status="failed", value=None, error=error)])
    page = opened(chromium, page_of(history, tmp_path / "empty.html"))
    assert error["message"] in page.text("#run")
    page.press("ArrowDown", "End", "n", "e", "*", "+", "[", "1", "2", "3")
    quiet(page)


def test_a_long_text_is_shown_in_parts(chromium: Browser, tmp_path: Path) -> None:
    output = "word " * 100_000 + "the end"
    events = [
        run_event(),
        text_event(),
        generation_event(0, output=output),
        call_event(0, answer="word"),
        end_event(1.0),
    ]
    page = opened(chromium, page_of(history_of(events), tmp_path / "long.html"))
    page.press("Home")
    assert "the end" not in read_call(page, 0)
    page.click("#call button.more")
    assert "the end" in page.text("#call")


def test_deeply_nested_calls(chromium: Browser, tmp_path: Path) -> None:
    events = [run_event(), call_event(0)]
    events += [call_event(id, parent=id - 1, source="<answer>", form="program") for id in range(1, 5_000)]
    page = opened(chromium, page_of(history_of(events), tmp_path / "deep.html"))
    page.press("*", "End")
    read_call(page, 4_999)
    quiet(page)


# Hostile texts --------------------------------------------------------


ELEMENTS = frozenset(
    """html head meta title style body header div h1 span button dl dt dd section canvas i nav main input select option dialog form
    h2 h3 h4 noscript script p pre code b details summary table tbody tr td ol li small""".split()  # noqa: SIM905
)
"""The elements that the viewer uses."""


WALK = """(async (n) => {
    const found = [], tree = document.querySelector("#tree"), call = document.querySelector("#call");
    for (let id = 0; id < n; id++) {
        while (call.dataset.call !== String(id)) await new Promise(requestAnimationFrame);
        found.push(call.textContent + tree.textContent);
        tree.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    }
    return found;
})(arguments[0])"""
"""Walk down the tree, and return what each call shows."""

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")


def untouched(page: Browser, scripts: int) -> None:
    """Assert that only the viewer's script has run, and that no element was made from a text."""
    assert page.run("String(window.hacked) + document.title.slice(-5)") == "undefinedtrace"
    assert set(page.run("[...new Set([...document.querySelectorAll('*')].map((each) => each.localName))]")) <= ELEMENTS
    assert page.run("document.scripts.length") == scripts
    assert (
        page.run(
            "[...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => /^on|^src|^href/.test(a.name)).length"
        )
        == 0
    )
    assert (
        page.run("document.querySelectorAll('form[action], [style*=url], meta[http-equiv=refresh], iframe').length")
        == 0
    )


def test_no_text_is_read_as_markup(chromium: Browser, tmp_path: Path) -> None:
    path = page_of(history_of(traces.holding(injections.STRINGS)), tmp_path / "hostile.html")
    page = opened(chromium, path, width=800, height=160)  # a frame is drawn for each text, and a small one soon
    scripts = page.run("document.scripts.length")
    assert scripts == path.read_text(encoding="utf-8").count("<script")
    for key in "123":
        page.press(key)
        drawn(page)
        untouched(page, scripts)
        assert not HIDDEN.search(page.text("body > header") + page.text("main"))
    page.press("t", "*", "Home")
    for text, found in zip(injections.STRINGS, page.run(WALK, len(injections.STRINGS)), strict=True):
        word = re.search(r"[A-Za-z]{4,}", text)
        assert word is None or word[0] in found
        assert not HIDDEN.search(found)
    untouched(page, scripts)
    page.run("document.querySelectorAll('summary, .row, tr.linked, button.more').forEach((each) => each.click())")
    drawn(page)
    for text in injections.MARKUP[:5]:
        page.run(
            """Promise.resolve(document.querySelector('#search')).then((s) => {
                delete document.querySelector('#found').dataset.done;
                s.value = arguments[0]; s.dispatchEvent(new Event('input')) })""",
            text,
        )
        assert shown(page) >= 1
        assert " of " in page.text("#found")
    untouched(page, scripts)
    quiet(page)


def test_these_checks_notice_a_bad_page(chromium: Browser, tmp_path: Path) -> None:
    """The checks above find a page that runs a script, makes an element, and asks for something."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<title>trace</title><script>performance.mark('ready'); window.hacked = 1</script>"
        "<video src='https://evil.invalid/'></video>"
    )
    page = opened(chromium, path)
    with pytest.raises(AssertionError, match="1trace"):
        untouched(page, 1)
    page.run("delete window.hacked")
    with pytest.raises(AssertionError, match="video"):
        untouched(page, 1)
    page.run("document.querySelector('video').remove()")
    untouched(page, 1)
    with pytest.raises(AssertionError):
        quiet(page)
    chromium.log("performance")


def test_the_policy_holds(chromium: Browser, tmp_path: Path) -> None:
    """Even if the viewer made a mistake, the policy would stop it."""
    page = opened(chromium, page_of(history_of([run_event()]), tmp_path / "page.html"))
    tried = page.run(
        """(async () => {
            const found = [], attempt = async (name, work) => {
                try { await work(); found.push(name); } catch { /* as it should be */ } };
            await attempt("markup", () => document.body.innerHTML = "<b>x</b>");
            await attempt("script", () => {
                const script = document.createElement("script");
                script.textContent = "window.hacked = 1";
                document.body.append(script); });
            await attempt("fetch", () => fetch("https://evil.invalid/"));
            await attempt("picture", () => new Promise((yes, no) => {
                const picture = new Image();
                Object.assign(picture, { onload: yes, onerror: no, src: "data:image/gif;base64,R0lGODlhAQABAAAAACw=" }); }));
            return found;
        })()"""
    )
    assert tried == []
    assert page.run("String(window.hacked)") == "undefined"
    assert chromium.log("browser")  # it complains about each
    events = [json.loads(entry["message"])["message"] for entry in chromium.log("performance")]
    answered = [event for event in events if event["method"] == "Network.responseReceived"]
    assert {event["params"]["response"]["url"][:8] for event in answered} == {"file:///"}


def test_the_page_holds_no_text_of_the_run(tmp_path: Path) -> None:
    """All of it is in base64, so that no reader of the page can take it for markup."""
    text = page_of(history_of(traces.holding(injections.STRINGS)), tmp_path / "hostile.html").read_text(
        encoding="utf-8"
    )
    assert "hacked" not in text
    assert "evil" not in text


def test_the_policy_names_the_script_and_the_style(tmp_path: Path) -> None:
    text = page_of(history_of([run_event()]), tmp_path / "page.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    for tag in ("script", "style"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert b64encode(sha256(inner.encode()).digest()).decode() in policy[1]


def test_the_viewer_writes_no_markup() -> None:
    folder = Path(write_html.__code__.co_filename).parent / "viewer"
    for path in folder.glob("*.js"):
        script = path.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|DOMParser|setHTML", script
        )
