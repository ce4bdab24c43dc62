"""Write docs/recursion.md and its figures, from the files of results alone.

    python -m benchmarks.recursion report

The figures need matplotlib==3.11.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes

from benchmarks.nano.problems import PROBLEMS
from benchmarks.recursion.baselines import TASKS as LEARNT
from benchmarks.recursion.shared import load, weights, wilson
from benchmarks.recursion.sizes import BUDGET, SIZES

DOCS = Path(__file__).parent.parent.parent / "docs"
FIGURES = DOCS / "figures"

PUBLISHED = {
    "add": "Recursion of Thought 64; Abacus 100 (99 %)",
    "sub": "Recursion of Thought 64",
    "mul": "Recursion of Thought 32",
    "div": "Recursion of Thought 32",
    "sort": "Recursion of Thought 64",
    "lcs": "Recursion of Thought 32",
    "lps": "Recursion of Thought 56",
    "knapsack": "Recursion of Thought 12",
    "matrix_chain": "Recursion of Thought 12",
    "sat": "PENCIL 10 (100 %)",
    "qbf": "PENCIL 10 (100 %)",
    "zebra": "PENCIL 5 (97 %)",
}
"""The sizes that others report as solved."""

Rows = Iterable[Sequence[object]]


def table(head: str, rows: Rows) -> str:
    """Return a Markdown table; columns with a `>` in the head are aligned to the right."""
    names = head.split(" | ")
    ruler = "|".join("--:" if name.startswith(">") else "---" for name in names)
    lines = [" | ".join(name.lstrip(">") for name in names), *(" | ".join(map(str, row)) for row in rows)]
    return "\n".join([f"| {lines[0]} |", f"|{ruler}|", *(f"| {line} |" for line in lines[1:])])


def share(right: int, of: int) -> str:
    """Return a share as two numbers, and Wilson's interval."""
    low, high = wilson(right, of)
    return f"{right}/{of} ({_percent(low)}–{_percent(high)})"


def _percent(number: float) -> str:
    return f"{100 * number:.0f} %" if number in (0, 1) else f"{100 * number:.1f} %"


def large(number: float) -> str:
    """Return a count as readable text."""
    if number >= 1e7:
        digits, _, power = f"{number:.1e}".partition("e+")
        return f"{digits}·10^{int(power)}"
    return f"{number:,.0f}"


# The parts -----------------------------------------------------------------------


def sizes_part() -> str:
    files = {name: file for name in SIZES if (file := load(f"sizes-{name}"))}
    if not files:
        return "Not measured yet."
    rows = [
        (
            name, size, share(row["right"], row["count"]), large(row["calls"]), large(row["calls_without_memo"]),
            f"{100 * row['hits'] / max(1, row['hits'] + row['calls']):.0f} %", large(row["read"]),
            large(row["written"]), row["context"], large(row["depth"]), f"{row['seconds']:.2f}",
            f"{row['right_within_budget']}/{row['count']}",
        )
        for name, file in files.items()
        for size, row in file["sizes"].items()
    ]  # fmt: skip
    measured = [row for file in files.values() for row in file["sizes"].values()]
    right, of = (sum(row[key] for row in measured) for key in ("right", "count"))
    counted = sum(row["as_counted"] for row in measured)
    wrong = [name for name, file in files.items() if any(row["right"] < row["count"] for row in file["sizes"].values())]
    units = "; ".join(
        f"{', '.join(name for name in files if PROBLEMS[name].size == unit)}: {unit}"
        for unit in dict.fromkeys(PROBLEMS[name].size for name in files)
    )
    head = (
        "problem | >size | >right (95 %) | >calls | >without memo | >hits | >read | >written | >context | >depth"
        f" | >seconds | >within {BUDGET:,}"
    )
    where = f"; wrong answers are in {', '.join(wrong)}" if wrong else ""
    return f"""nano answered {right:,} of {of:,} problems rightly{where}.
In {counted:,} of them the calls, tokens read and tokens written are exactly those counted from the recursion.

{table(head, rows)}

The figures are means over the problems of a size, except for `context` (the most tokens of a prompt and its program)
and `depth` (the deepest level), which are maxima. `calls` are the calls made, no two of them equal; `hits` is the share
of requested calls that an equal one answered. `without memo` is the number of calls without a memo, and
`within {BUDGET:,}` how many problems would be right with at most that many calls and no memo. `seconds` are wall time,
on two cores that were shared with other work. Fewer than 200 problems of a size were solved where that took more than
a minute, or three minutes for the largest size.

{fill(f"The unit of the size: {units}.", 118)}
"""


def published_part() -> str:
    rows = []
    for name, reported in PUBLISHED.items():
        sizes = load(f"sizes-{name}").get("sizes", {})
        solved = [(int(size), row) for size, row in sizes.items()]
        if solved:
            size, row = max(solved)
            rows.append((name, reported, size, share(row["right"], row["count"])))
    return table("problem | others | >nano, largest size | >right (95 %)", rows) if rows else "Not measured yet."


def baselines_part() -> str:
    kinds = {"flat": "flat answer", "thought": "one context", "untrained": "untrained nano"}
    files = {kind: load(f"baselines-{kind}") for kind in kinds}
    if not any(files.values()):
        return "Not measured yet."
    rows = []
    for name in _of_baselines():
        nano = load(f"sizes-{name}").get("sizes", {})
        sizes = {size for file in files.values() for run in file.get(name, {}).values() for size in run["sizes"]}
        for size in sorted(sizes, key=int):
            cells = [_runs(file.get(name, {}), size) for file in files.values()]
            own = share(nano[size]["right"], nano[size]["count"]) if size in nano else "–"
            learnt = "learnt" if int(size) in LEARNT[name].learnt else ""
            rows.append((name, size, learnt, _commonest(files, name, size), *cells, own))
    notes = []
    for kind in ("flat", "thought"):
        runs = [run for seeds in files[kind].values() for run in seeds.values()]
        if runs:
            minutes = fmean(run["seconds"] for run in runs) / 60
            tokens = sorted({run["settings"]["tokens"] for run in runs})
            of = (
                f"{' or '.join(f'{each:g}' for each in tokens)} million tokens and {runs[0]['parameters']:,} parameters"
            )
            notes.append(f"`{kinds[kind]}`: {len(runs)} models of {of}, each in {minutes:.0f} minutes.")
    head = "problem | >size |  | >commonest | >" + " | >".join(kinds.values()) + " | >nano"
    return table(head, rows) + "\n\n" + "\n".join(notes)


def _of_baselines() -> list[str]:
    """Return the problems that baselines were measured on."""
    files = [load(f"baselines-{kind}") for kind in ("flat", "thought", "untrained")]
    return [name for name in LEARNT if any(name in file for file in files)]


def _commonest(files: Mapping[str, Any], name: str, size: str) -> str:
    """Return the share of the commonest answer, which guessing would reach."""
    cells = (run["sizes"].get(size, {}) for file in files.values() for run in file.get(name, {}).values())
    return next((f"{100 * cell['commonest'] / cell['count']:.0f} %" for cell in cells if "commonest" in cell), "–")


def _runs(seeds: Mapping[str, Any], size: str) -> str:
    """Return the share of all seeds together, and of each if they differ."""
    found = [run["sizes"][size] for run in seeds.values() if size in run["sizes"]]
    if not found:
        return "–"
    text = share(sum(each["right"] for each in found), sum(each["count"] for each in found))
    if len({each["right"] for each in found}) > 1:
        text += " [" + ", ".join(str(each["right"]) for each in found) + "]"
    return text


def seeds_part() -> str:
    seeds = load("seeds").get("seeds", {})
    if not seeds:
        return "Not measured yet."
    rows = []
    for seed, run in seeds.items():
        found = [each for sizes in run["sizes"].values() for each in sizes.values()]
        right, of = (sum(each[key] for each in found) for key in ("right", "of"))
        wrong = {each["step"]: each["wrong"] for each in run["log"]}
        last = max((step for step, count in wrong.items() if count), default=0)
        none = next((f"{step:,}" for step in wrong if step > last), "never")
        same = "yes" if run["shipped"] else "no"
        rows.append((seed, none, len(run["wrong"]), share(right, of), f"{run['seconds'] / 60:.0f}", same))
    return table("seed | >none wrong from step | >wrong in the end | >problems right | >minutes | as shipped", rows)


def scaling_part() -> str:
    series = load("scaling").get("series", {})
    if not series:
        return "Not measured yet."
    rows = []
    for name, each in series.items():
        last, fits = each["rows"][-1], each["fits"]
        rows.append(
            (
                name, last["size"], large(last["calls"]), fits["calls"]["curve"], large(last["calls_without_memo"]),
                fits["calls_without_memo"]["curve"], fits["tokens"]["curve"], fits["tokens_without_memo"]["curve"],
                large(last["depth"]),
            )
        )  # fmt: skip
    head = "series | >largest n | >calls | >grow as | >without memo | >grow as | >tokens | >without memo | >depth"
    return table(head, rows)


def gym_part() -> str:
    kinds = load("gym").get("kinds", {})
    if not kinds:
        return "Not measured yet."
    rows = [
        (
            kind, share(row["right"], row["count"]), f"{row['score']:.3f}", large(row["calls"]),
            large(row["written"]), f"{row['seconds']:.2f}",
        )
        for kind, row in kinds.items()
    ]  # fmt: skip
    return table("generator | >score 1 (95 %) | >mean score | >calls | >written | >seconds", rows)


# Figures -------------------------------------------------------------------------

_COLOURS = {"nano": "#1b7837", "flat": "#b2182b", "thought": "#2166ac"}


def accuracy_figure() -> bool:
    """Draw the share of right answers against the size: nano, and both baselines."""
    files = {kind: load(f"baselines-{kind}") for kind in ("flat", "thought")}
    names = _of_baselines()
    if not names:
        return False
    figure, axes = pyplot.subplots(1, len(names), figsize=(3 * len(names), 2.8), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names):
        curves = {"nano": [load(f"sizes-{name}").get("sizes", {})]}
        curves |= {kind: [run["sizes"] for run in file.get(name, {}).values()] for kind, file in files.items()}
        for kind, runs in curves.items():
            sizes = sorted({int(size) for run in runs for size in run})
            cells = [[run[str(size)] for run in runs if str(size) in run] for size in sizes]
            right = [sum(cell["right"] for cell in each) for each in cells]
            of = [sum(cell["count"] for cell in each) for each in cells]
            shares = [a / b for a, b in zip(right, of)]
            low_high = [wilson(a, b) for a, b in zip(right, of)]
            axis.plot(sizes, shares, "o-", markersize=3, color=_COLOURS[kind], label=kind)
            axis.fill_between(sizes, *zip(*low_high), alpha=0.2, color=_COLOURS[kind]) if sizes else None
        axis.set_xscale("log", base=2)
        axis.set_title(name)
        axis.set_xlabel("size")
    axes[0][0].set_ylabel("share right")
    axes[0][-1].legend(frameon=False)
    _save(figure, "recursion-right")
    return True


def scaling_figure(file: str, names: Sequence[str], values: Callable[[Axes, str, Mapping[str, Any]], None]) -> bool:
    series = load("scaling").get("series", {})
    shown = [name for name in names if name in series]
    if not shown:
        return False
    figure, axis = pyplot.subplots(figsize=(5, 3.4))
    for name in shown:
        values(axis, name, series[name])
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("n")
    axis.set_ylabel("calls")
    axis.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, file)
    return True


def _with_memo(axis: Axes, name: str, series: Mapping[str, Any]) -> None:
    rows = series["rows"]
    axis.plot([row["size"] for row in rows], [row["calls"] for row in rows], "o-", markersize=3, label=name)


def _both(axis: Axes, name: str, series: Mapping[str, Any]) -> None:
    rows, sizes = series["rows"], [row["size"] for row in series["rows"]]
    (line,) = axis.plot(sizes, [row["calls"] for row in rows], "o-", markersize=3, label=name)
    without = [row["calls_without_memo"] for row in rows]
    axis.plot(sizes, without, "--", color=line.get_color(), label=f"{name}, no memo")


def _save(figure: Any, name: str) -> None:
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


# The page ------------------------------------------------------------------------


def page() -> str:
    matplotlib.rcParams.update({"svg.hashsalt": "rlmlang", "font.size": 9, "axes.spines.top": False})
    aggregation = ("search", "scan", "sort", "total 0", "total 10", "total 50", "total 100")
    figures = {
        "right": accuracy_figure(),
        "aggregation": scaling_figure("recursion-aggregation", aggregation, _with_memo),
        "memo": scaling_figure("recursion-memo", ("lcs", "lps", "knapsack", "matrix_chain"), _both),
        "numbers": scaling_figure("recursion-numbers", ("add", "mul", "modpow", "fibonacci"), _both),
    }

    def image(name: str, about: str) -> str:
        return f"![{about}](figures/recursion-{name}.svg)\n" if figures[name] else ""

    stale = [
        name
        for name in [*(f"sizes-{each}" for each in SIZES), "seeds", "scaling", "gym"]
        if (file := load(name)) and file["weights"] != weights()
    ]
    warning = f"\n**Measured with other weights than those shipped: {', '.join(stale)}.**\n" if stale else ""
    return f"""# Recursion, measured

[`nano`](nano.md) answers by programs that call it again. How far does it come, and how far does the same transformer
without recursion? `python -m benchmarks.recursion report` writes this page from `benchmarks/recursion/results/`; the
other parts of that script produce the results.
{warning}
## Problems by size

Nothing is forced: nano writes every program on its own, and the answers of its calls are the arguments of further
calls.

{sizes_part()}
## What others report

{published_part()}

Recursion of Thought (Lee and Kim, 2023) has 0.5 million parameters; it learns sub-problems with their right answers,
and has no memo. PENCIL (Yang and others, 2025) has 10 million parameters for 3-SAT and 25 million for the puzzle.
Abacus embeddings (McLeish and others, 2024) were trained on up to 20 digits. The problems here are of the same kinds,
but not the very same problems. nano is one model of 100,000 parameters for all of them. It learns the steps of each
recursion in full, so this compares how far known steps lead, not how they are found.

## Without recursion

{baselines_part()}

{image("right", "Share of right answers against the size")}
`flat answer` writes the answer at once. `one context` writes the facts or sub-problems in the order of nano's recursion
and then the answer, in a context of 512 tokens (for `lcs` the usual table; the recursion's order was as hard to learn).
Both have nano's architecture and optimizers. Each is a model for one problem alone, while nano is one model for all,
and read 19.3 million tokens. The learning rate is the best of those tried; nothing else was tuned. The sizes marked
`learnt` were drawn evenly in the training, with the sizes between them. `commonest` is the share of the commonest
answer, which guessing would reach. Where seeds differ, brackets show the right answers of each. `untrained nano` has
random weights and nano's grammar, with at most 1,000 calls per problem: it shows what the grammar alone achieves.
Problems that do not fit the context count as wrong. There are three seeds, but only one for `boolean` and `sat`.

What can be learnt in one context is not enough for larger problems: adding in steps works up to sixteen digits, of the
twenty that were learnt, and never with thirty-two; for sorting eight or sixteen numbers, a flat answer is better.

## Other seeds

nano was trained again, from its own seed and from others, as `make train-nano` does. `wrong` counts the contexts, out
of all, whose program the model does not write; the problems are of all kinds, in the sizes of
`benchmarks/nano/evaluate.py`. `as shipped` says whether the weights are identical: they are on the same processor,
while another one rounds sums differently.

{seeds_part()}

## How calls grow

{scaling_part()}

{image("memo", "Calls of dynamic programs with the memo and without")}
{image("numbers", "Calls of arithmetic with the memo and without")}
{image("aggregation", "Calls of searching, sorting and adding up")}
The figures are means of three draws per size. The curve is the closest one of a power, an exponential and a logarithm
to the larger half of the sizes. `total` adds numbers of five digits; its number is the percentage of them that differ.

Where recursion pays, and where it does not:

- **Searching pays.** A sorted document takes one comparison for each halving, so calls grow as its logarithm. Reading
  each line (`scan`) takes as many comparisons as there are lines; splitting does not change that.
- **Repeated sub-problems pay.** Dynamic programs are exponential without the memo and polynomial with it.
- **Aggregation does not pay.** A task that must read every leaf (`total 100`, `sort`) takes calls and tokens nearly in
  proportion to the leaves, or more, even with the memo: a tree makes them independent, not fewer. Only equal parts are
  read once (`total 0`). In a list in random order few parts above the leaves are equal{_equal_leaves()}.
- **Small calls have their price.** Adding two numbers takes two calls and some 50 tokens per digit. A program with `+`
  would take one step.

## Problems of reasoning-gym

Each problem is read from the text of the question, answered by nano through the library, and scored by reasoning-gym
0.1.25. `benchmarks/recursion/gym.py` lists what is done outside of nano.

{gym_part()}

## How it was counted

The cost without the memo is not measured by a run: it would be up to {_most_without()} calls. A call counts for itself
and for every call of its program with all below it, as often as it occurs there. That sum is kept with each value, so
that only the calls that differ are visited (`benchmarks/recursion/counting.py`). The count uses the programs that nano
is taught. nano writes the same ones, as the sweep over all contexts shows, and the calls and tokens of the runs above,
which are compared with the count problem by problem.
"""


def _equal_leaves() -> str:
    series = load("scaling").get("series", {})
    if not {"total 10", "total 100"} <= {*series}:
        return ""
    few, all_ = (series[f"total {percent}"]["rows"][-1] for percent in (10, 100))
    saved = 1 - few["calls"] / all_["calls"]
    return f":\n  where a tenth of {few['size']:,} leaves differ, {100 * saved:.0f} % of the calls are saved"


def _most_without() -> str:
    rows = [row for name in SIZES for row in load(f"sizes-{name}").get("sizes", {}).values()]
    return large(max((row["calls_without_memo"] for row in rows), default=0))


def main(arguments: Sequence[str]) -> None:
    (DOCS / "recursion.md").write_text(page(), encoding="utf-8")
