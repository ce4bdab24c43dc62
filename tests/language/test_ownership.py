"""Where values may be changed: what CPython could show is refused, and what it could not is allowed."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given, note, settings

from rlmlang.diagnostics import Diagnostic
from rlmlang.errors import ProgramError
from rlmlang.language.check import check
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.parse import parse
from rlmlang.language.source import Source
from tests.support.aliasing import aliasing_programs
from tests.support.values_in_python import Endless, by_value, in_python


def problems(text: str) -> tuple[Diagnostic, ...]:
    try:
        check(Source(text))
    except ProgramError as error:
        return error.diagnostics
    return ()


ALLOWED = {
    "a result": """
def answer(xs: list[int]) -> list[int]:
    result = []
    for x in xs:
        if x not in result:
            result.append(x)
    return result
""",
    "a new row in each turn": """
rows = []
for i in range(3):
    row = []
    for j in range(i):
        row.append(j)
    rows.append(row)
rows[0].append(7)
rows
""",
    "a row that is put away when it is full": """
def answer(text: str) -> list[list[str]]:
    rows = []
    row = []
    for word in text.split():
        row.append(word)
        if len(row) == 3:
            rows.append(row)
            row = []
    rows.append(row)
    return rows
""",
    "a stack": """
def answer(text: str) -> int:
    stack = []
    for token in text.split():
        if token == "+":
            stack.append(stack.pop() + stack.pop())
        else:
            stack.append(int(token))
    return stack.pop()
""",
    "paths in a queue": """
def answer(graph: dict[str, list[str]], start: str, goal: str) -> list[str]:
    queue = [[start]]
    seen = set()
    while queue:
        path = queue.pop(0)
        if path[-1] == goal:
            return path
        for node in graph[path[-1]]:
            if node not in seen:
                seen.add(node)
                longer = list(path)
                longer.append(node)
                queue.append(longer)
    return []
""",
    "a grid": """
grid = [[0] * 3 for _ in range(3)]
for i in range(3):
    for j in range(3):
        grid[i][j] = i * j
        grid[i][j] += 1
grid
""",
    "counts": """
counts = {}
for word in "a b a".split():
    counts[word] = counts.get(word, 0) + 1
counts
""",
    "groups": """
groups = {}
for word in "a bb b".split():
    groups.setdefault(word[0], []).append(word)
for key in groups:
    groups[key].sort()
groups
""",
    "elements that change places": """
def answer(rows: list[list[int]]) -> list[list[int]]:
    for i in range(len(rows)):
        rows[i], rows[-1] = rows[-1], rows[i]
        rows[i][0] += 1
    return rows
""",
    "the previous row": """
def answer(a: str, b: str) -> int:
    previous = list(range(len(b) + 1))
    for i in range(len(a)):
        current = [i + 1]
        for j in range(len(b)):
            same = 0 if a[i] == b[j] else 1
            current.append(min(previous[j] + same, previous[j + 1] + 1, current[j] + 1))
        previous = current
    return previous[-1]
""",
    "two rows that change roles": """
current, previous = [0, 0], [1, 1]
for i in range(3):
    current[0] = previous[0] + i
    current, previous = previous, current
(current, previous)
""",
    "a copy": """
xs = [3, 1, 2]
best = xs[:]
best.sort()
best += xs
xs.append(best[0])
(xs, best)
""",
    "a second name that is not used any more": """
xs = [1]
ys = xs
ys.append(2)
ys
""",
    "an element at the place where the loop is": """
def answer(xs: list[int], d: dict[str, int], grid: list[list[int]]) -> list[int]:
    for i, x in enumerate(xs):
        xs[i] = x * 2
    for key in d:
        d[key] += 1
    for key, value in d.items():
        d[key] = value + 1
    for i, row in enumerate(grid):
        for j, cell in enumerate(row):
            grid[i][j] = cell + 1
    return xs + list(d.values()) + grid[0]
""",
    "the loop is left": """
xs = [1, 2, 3]
for x in xs:
    if x == 2:
        xs.remove(x)
        break
xs
""",
    "what a loop runs over is a copy": """
xs = [1, 2, 3]
for x in list(xs):
    xs.append(x)
xs
""",
    "what a function makes": """
def numbers(n):
    made = []
    for i in range(n):
        made.append(i)
    return made

def split(xs):
    small, large = [], []
    for x in xs:
        if x < 2:
            small.append(x)
        else:
            large.append(x)
    return small, large

small, large = split(numbers(4))
small.append(9)
large.append(9)
(small, large)
""",
    "what a recursive function makes": """
def permutations(xs: list[int]) -> list[list[int]]:
    if not xs:
        return [[]]
    found = []
    for i in range(len(xs)):
        for rest in permutations(xs[:i] + xs[i + 1:]):
            rest.append(xs[i])
            found.append(rest)
    return found

all = permutations([1, 2, 3])
all[0].append(4)
all
""",
    "what was taken out": """
rows = [[1], [2]]
row = rows.pop()
row.append(3)
rows.append([4])
(rows, row)
""",
    "the parts of a tuple": """
stack = [(0, [0])]
while stack:
    node, path = stack.pop()
    path.append(node)
    if node < 3:
        stack.append((node + 1, path[:]))
path
""",
    "a view that is put away": """
d = {1: 2}
found = []
try:
    found.append(d.values())
except ValueError:
    pass
found
""",
    "rows in groups": """
def answer(rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    groups = {}
    for row in rows:
        groups.setdefault(row["kind"], []).append(row)
    print(len(rows))
    return groups
""",
    "rows that are lists in groups, which are sorted": """
rows = []
for line in "a,2;a,1;b,3".split(";"):
    rows.append(line.split(","))
groups = {}
for row in rows:
    if row[0] not in groups:
        groups[row[0]] = []
    groups[row[0]].append(row)
for group in groups.values():
    group.sort(key=lambda row: row[1])
(rows, groups)
""",
    "rows that a function puts into groups": """
from collections import defaultdict

def grouped(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["kind"]].append(row)
    return groups

rows = [{"kind": "a"}, {"kind": "b"}, {"kind": "a"}]
groups = grouped(rows)
groups["a"].reverse()
(rows, dict(groups))
""",
    "after an error": """
found = []
for text in ["1", "x"]:
    try:
        found.append(int(text))
    except ValueError:
        found.append(-1)
found
""",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_allowed(text: str) -> None:
    assert problems(text) == ()


REFUSED = {
    "a row of a group": (
        'rows = [{"k": "a"}]\ngroups = {}\nfor row in rows:\n    groups.setdefault(row["k"], []).append(row)\n'
        'groups["a"][0]["k"] = "b"\n(rows, CALL("?"))',
        (
            5,
            '`groups["a"][0]["k"] = …` changes a dict that `rows` holds as well',
            "to change a copy, put `dict(rows)` into `groups`, or `dict(rows[…])` where it is in `rows`; "
            "to change `rows` as well, write the change on `rows`",
        ),
    ),
    "an empty list of two types": (
        'none = []\nn = 3\nxs = [1] if n > 4 else none\nd = {"a": [[1]]}\nd["a"] = none\nd["a"].append([9])\n(xs, d)',
        (
            6,
            '`d["a"].append([9])` changes a list that `xs` holds as well',
            "to change a copy, put `list(xs)` into `d`, or `list(xs[…])` where it is in `xs`; "
            "to change `xs` as well, write the change on `xs`",
        ),
    ),
    "a list of a dict in a dict": (
        'd = {"x": {"y": [1]}}\ng = {}\ng.setdefault("b", d["x"]["y"]).append(2)\n(g, d)',
        (
            3,
            '`g.setdefault("b", d["x"]["y"]).append(2)` changes a list that `d` holds as well',
            "to change a copy, put `list(d)` into `g`, or `list(d[…])` where it is in `d`; "
            "to change `d` as well, write the change on `d`",
        ),
    ),
    "a list in itself": (
        "xs = []\nxs.append(xs)\nxs",
        (2, "`xs.append(xs)` puts a list into itself", "put a copy into it: `list(…)`"),
    ),
    "a second name": (
        "xs = [1]\nys = xs\nys.append(2)\nxs",
        (
            3,
            "`ys.append(2)` changes a list that `xs` holds as well",
            "to change a copy, write `ys = list(ys)` before it; to change `xs` as well, write the change on `xs`",
        ),
    ),
    "in a container": (
        'row = [1]\nrows = [row]\nrow.append(2)\n(rows, CALL("?"))',
        (
            3,
            "`row.append(2)` changes a list that `rows` holds as well",
            "to change a copy, write `row = list(row)` before it; to change `rows` as well, write the change on `rows`",
        ),
    ),
    "from a container": (
        'd = {"a": [1]}\nxs = d["a"]\nxs += [2]\n(d, CALL("?"))',
        (
            3,
            "`xs += [2]` changes a list that `d` holds as well",
            "to change a copy, write `xs = list(xs)` before it; to change `d` as well, write the change on `d`",
        ),
    ),
    "through a container": (
        'xs = [1]\nd = {"a": xs}\nd["a"][0] = 2\n(xs, CALL("?"))',
        (
            3,
            '`d["a"][0] = …` changes a list that `xs` holds as well',
            "to change a copy, put `list(xs)` into `d`, or `list(xs[…])` where it is in `xs`; "
            "to change `xs` as well, write the change on `xs`",
        ),
    ),
    "one list for all rows": (
        "grid = [[0] * 2] * 2\ngrid[0][1] = 5\ngrid",
        (
            2,
            "`grid[0][1] = …` changes a list that may be in `grid` more than once",
            "make each a list of its own, as in `[[0] * n for _ in range(m)]` or `[list(x) for x in grid]`",
        ),
    ),
    "in the next turn": (
        'rows = []\nrow = []\nfor i in range(3):\n    row.append(i)\n    rows.append(row)\n(rows, CALL("?"))',
        (
            4,
            "`row.append(i)` changes a list that `rows` holds as well",
            "to change a copy, write `row = list(row)` before it; to change `rows` as well, write the change on `rows`",
        ),
    ),
    "an element of a loop": (
        'rows = [[1], [2]]\nfor row in rows:\n    row.append(0)\n(rows, CALL("?"))',
        (
            3,
            "`row.append(0)` changes a list that `rows` holds as well",
            "to change a copy, write `row = list(row)` before it; to change `rows` as well, write the change on `rows`",
        ),
    ),
    "the list that a loop runs over": (
        "xs = [1, 2]\nfor x in xs:\n    xs.append(x)\nxs",
        (
            3,
            "`xs.append(x)` changes the list that the loop over `xs` is going through",
            "loop over a copy: `for … in list(xs):`",
        ),
    ),
    "a parameter by way of another name": (
        "def add(xs: list[int]) -> list[int]:\n    ys = xs\n    ys.append(1)\n    return ys\n\nadd([0])",
        (
            3,
            "`ys.append(1)` changes a list that the caller of the function holds as well",
            "write `ys = list(ys)` before it, and return the changed list",
        ),
    ),
    "a default": (
        "def answer(x: int, xs: list[int] = []) -> list[int]:\n    xs.append(x)\n    return xs",
        (
            2,
            "`xs.append(x)` changes the default of `xs`, which all applications share",
            "write `xs = list(xs)` before it",
        ),
    ),
    "a result that is the argument": (
        "def same(xs):\n    return xs\n\nxs = {1}\nys = same(xs)\nys.add(2)\nxs",
        (
            6,
            "`ys.add(2)` changes a set that `xs` holds as well",
            "to change a copy, write `ys = set(ys)` before it; to change `xs` as well, write the change on `xs`",
        ),
    ),
    "an operand that was read before": (
        "xs = [1, 2]\nxs + [xs.pop()]",
        (
            2,
            "`xs.pop()` changes a list while `xs` is still to be used",
            "bind the value to a name in a statement before this one",
        ),
    ),
    "an argument that reads what it is put into": (
        "xs = [1, 2]\nxs.extend(len(xs) for _ in range(2))\nxs",
        (
            2,
            "`xs.extend(len(xs) for _ in range(2))` reads the list while it is changed",
            "compute the argument in a statement before this one",
        ),
    ),
    "a change that fails half done": (
        "xs = []\ntry:\n    xs.extend(1 // x for x in [1, 0])\nexcept ZeroDivisionError:\n    pass\nxs",
        (
            3,
            "if `xs.extend(1 // x for x in [1, 0])` fails, the list is changed in part",
            "compute its argument before the change: write a list, `[…]`",
        ),
    ),
    "a value without a name": (
        'd = {"a": [1]}\nd.get("a", []).append(2)\nd',
        (
            2,
            '`d.get("a", []).append(2)` changes a list that `d` holds as well',
            "to change a copy, bind `list(…)` to a name; to change `d` as well, write the change on `d`",
        ),
    ),
    "what a view still reads": (
        "d = {1: 2}\nkeys = d.keys()\nd[3] = 4\nkeys",
        (
            3,
            "`d[3] = …` changes a dict that `keys` holds as well",
            "to change a copy, write `d = dict(d)` before it; to change `keys` as well, write the change on `keys`",
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: str, expected: tuple[int, str, str]) -> None:
    (problem,) = problems(text)
    assert problem.code == "E231"
    assert problem.span is not None
    assert (problem.span.line, problem.message, problem.hint) == expected


def test_what_reads_a_number_later_holds_nothing_of_it() -> None:
    text = "m = {}\nn = 0\nwhile n < 3:\n    n += 1\n    m.setdefault('b', []).append(map(lambda z: n, [1]))\nm"
    assert problems(text) == ()
    text = "ns = [1]\nm = map(lambda z: ns, [1])\nns.append(2)\nm"
    assert [problem.code for problem in problems(text)] == ["E231"]


def test_a_note_says_where_the_other_is_used() -> None:
    (problem,) = problems("xs = [1]\nys = xs\nys.append(2)\nlen(xs)")
    assert [(text, span.line) for text, span in problem.notes] == [("`xs` is used here", 4)]


def test_a_change_is_reported_once() -> None:
    assert len(problems("xs = [1]\nys = xs\nzs = xs\nxs.append(2)\n(ys, zs, ys)")) == 1


def test_a_program_that_is_written_by_statements() -> None:
    begun = Beginning.of(Source("xs = [1]\nys = xs\nxs.append(2)\n"))
    source = Source("xs = [1]\nys = xs\nxs.append(2)\nlen(ys)\n")
    with pytest.raises(ProgramError) as caught:
        begun.extended(parse(source, len("xs = [1]\nys = xs\nxs.append(2)\n")))
    (problem,) = caught.value.diagnostics
    assert problem.code == "E231"
    assert problem.span is not None
    assert (problem.span.line, problem.message) == (4, "`ys` holds a list that line 3 has changed")
    assert problem.hint == "use `xs`, or copy before the change"
    begun.extended(
        parse(Source("xs = [1]\nys = xs\nxs.append(2)\nlen(xs)\n"), len("xs = [1]\nys = xs\nxs.append(2)\n"))
    )


def test_what_is_shared_too_much_is_refused() -> None:
    lines = [f"x{i + 1} = x{i} + [[{i}]]" for i in range(3_000)]
    (problem,) = problems("\n".join(["x0 = [[0]]", *lines, "x0.append([1])", "x3000"]))
    assert problem.code == "E231"
    assert problem.message == "too many variables hold the same values to find out where a change of one shows"


many = settings(max_examples=20_000 if settings.default.max_examples > 1_000 else 4 * settings.default.max_examples)


@many
@given(aliasing_programs())
def test_python_does_not_show_an_allowed_change(text: str) -> None:
    """What is allowed beside a CALL means the same where every variable and container has values of its own."""
    note(text)
    found = problems(f'CALL("?")\n{text}')
    assume({problem.code for problem in found} <= {"E231"})  # an empty list may be given two types
    event("refused" if found else "allowed")
    if not found:
        try:
            assert in_python(text) == by_value(text)
        except Endless:
            event("endless")
