"""Runs and their differences as lines of text and as JSON data. What a trace contains is shown, never acted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import click
from attrs import asdict

from rlmlang.cli.output import one_line, visible
from rlmlang.render import counted
from rlmlang.trace.codec import to_data
from rlmlang.trace.diff import Comparison, Pair
from rlmlang.trace.history import History, LineTotals, LoggedCall, Spent

WIDTH = 100
"""The greatest width of a text from a trace, in columns."""

DEEPEST = 20
"""The greatest indentation, in steps; calls that are deeper are not indented further."""

_COLORS = {"done": "blue", "stored": "green", "failed": "red", "unfinished": "yellow"}

Filter = Callable[[LoggedCall], bool]


# One run ---------------------------------------------------------------------------


def report(history: History, selects: Filter, most: int | None) -> Iterator[str]:
    """Yield totals, the cost of lines, the critical path, and the selected calls below those that made them.

    Of the calls that one line made, at most `most` are shown, those that failed first; None is all.
    """
    yield from _head(history)
    lines = history.lines()
    if lines:
        yield ""
        yield from _table([_line_row(history, line) for line in lines])
    path = history.critical_path()
    if path:
        yield ""
        yield f"The end waited for {counted(len(path), 'call')}, one after the other:"
        yield from (f"  {_call_line(call)}" for call in _some(path, 10))
        yield from _rest(path, 10)
    shown = [call for call in history.calls if selects(call)]
    yield ""
    if len(shown) < len(history.calls):
        yield f"{len(shown):,} of {counted(len(history.calls), 'call')}:"
    yield from _tree(history, shown, most)


def _head(history: History) -> Iterator[str]:
    run, counts = history.run, history.counts()
    title = click.style(one_line(run.program.name or run.command, WIDTH), bold=True)
    models = one_line(run.model, 40)
    if run.leaf_model is not None:
        models += f", direct answers: {one_line(run.leaf_model, 40)}"
    yield f"{title}  {_status(history.status)}  {models}, run {one_line(run.run, 40)}"
    parts = [f"{counts[name]:,} {name}" for name in ("stored", "failed", "cancelled", "unfinished") if counts[name]]
    parts += [f"{counts['hits']:,} more equal to them"] if counts["hits"] else []
    yield ", ".join([counted(len(history.calls), "call"), counted(history.spent.generations, "answer"), *parts])
    yield f"{_spent(history.spent)}, {duration(history.seconds)}"
    shares = history.by_model()
    if len(shares) > 1:
        yield from (f"  {one_line(name, 40)}: {_answers(spent)}" for name, spent in shares.items())
    if history.resumptions:
        yield f"resumed {counted(history.resumptions, 'time')}; before that {_spent(history.before)}"
    if history.end and history.end.error:
        error = history.end.error
        yield click.style(f"error[{one_line(error.code, 20)}]", fg="red") + f": {one_line(error.message, WIDTH)}"


def _line_row(history: History, line: LineTotals) -> list[str]:
    texts = history.run.program.text.split("\n") if line.source == history.run.program.name else []
    text = texts[line.number - 1] if 0 < line.number <= len(texts) else ""
    return [
        f"{one_line(line.source, 40)}:{line.number}",
        f"{line.calls:,}×",
        f"+{line.hits:,}" if line.hits else "",
        f"{line.spent.prompt_tokens:,} → {line.spent.completion_tokens:,}",
        money(line.spent.cost),
        duration(line.seconds),
        click.style(one_line(text, 60), dim=True),
    ]


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for first, *middle, last in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(middle, widths[1:], strict=True))]
        yield "  ".join([*cells, last]).rstrip()


def _tree(history: History, shown: list[LoggedCall], most: int | None) -> Iterator[str]:
    by_id = {call.id: call for call in history.calls}
    keep: set[int] = set()
    for call in shown:
        above: LoggedCall | None = call
        while above is not None and above.id not in keep:
            keep.add(above.id)
            above = by_id[above.parent] if above.parent is not None else None
    stack: list[tuple[int, LoggedCall | list[LoggedCall] | str]] = [
        (0, group) for group in _groups(history.roots, keep)
    ]
    while stack:
        depth, item = stack.pop()
        below: list[Any] = []
        if isinstance(item, str):
            text = item
        elif isinstance(item, LoggedCall):
            text, below = _call_line(item), _groups(item.children, keep)
        elif len(item) == 1:
            stack.append((depth, item[0]))
            continue
        else:
            text, below = _group_line(item), [*_rest(item, most), *reversed(_some(item, most))]
        yield "  " * min(depth, DEEPEST) + text
        stack += [(depth + 1, each) for each in below]


def _groups(calls: list[LoggedCall], keep: set[int]) -> list[list[LoggedCall]]:
    """Return the calls to keep, grouped by the line that made them; the last line comes first."""
    found: dict[tuple[str, int, str | None], list[LoggedCall]] = {}
    for call in calls:
        if call.id in keep:
            found.setdefault((call.source, call.line, call.within), []).append(call)
    return list(reversed(found.values()))


def _some(calls: list[LoggedCall], most: int | None) -> list[LoggedCall]:
    """Return at most so many of some calls, in order; those that failed are chosen first."""
    if most is None or len(calls) <= most:
        return calls
    chosen = sorted(calls, key=lambda call: call.error is None)[:most]
    return sorted(chosen, key=lambda call: call.id)


def _rest(calls: list[LoggedCall], most: int | None) -> Iterator[str]:
    """Yield a line about the calls that `_some` leaves out."""
    if most is None or len(calls) <= most:
        return
    chosen = {call.id for call in _some(calls, most)}
    statuses = Counter(call.status for call in calls if call.id not in chosen)
    parts = ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())
    yield click.style(f"… and {len(calls) - most:,} more: {parts}", dim=True)


def _group_line(calls: list[LoggedCall]) -> str:
    first, spent = calls[0], Spent()
    for call in calls:
        spent.add(call.total)
    statuses = Counter(call.status for call in calls)
    failed = click.style(f"  {statuses['failed']:,} failed", fg="red") if statuses["failed"] else ""
    name = one_line(first.within or "the value", 40)
    return (
        f"{click.style(f'{name} × {len(calls):,}', bold=True)}  line {first.line}{failed}  "
        f"{_spent(spent)}, {duration(sum(call.seconds for call in calls))}  {one_line(first.instruction, WIDTH)}"
    )


def _call_line(call: LoggedCall) -> str:
    parts = [f"#{call.id}", _status(call.status), duration(call.seconds)]
    if call.total.generations:
        parts.append(f"{call.total.prompt_tokens:,} → {call.total.completion_tokens:,}")
    if call.hits:
        parts.append(f"+{call.hits.total():,}")
    given = f"({_arguments(call)})" if call.form == "function" else f"  {_arguments(call)}"
    parts.append(one_line(call.instruction + given, 60))
    if call.error:
        parts.append(click.style(one_line(f"{call.error.code}: {call.error.message}", WIDTH), fg="red"))
        if call.defaulted:
            parts.append("its default was taken")
    elif call.answer is not None:
        parts.append(click.style("= " + one_line(call.answer, 60), dim=True))
    return "  ".join(parts)


def _arguments(call: LoggedCall) -> str:
    return ", ".join(f"{each.name}={each.preview}" if each.name else each.preview for each in call.arguments)


def to_json(history: History, selects: Filter) -> dict[str, Any]:
    """Return the run as JSON data, with the selected calls."""
    run, end = history.run, history.end
    return {
        "run": run.run,
        "status": history.status,
        "command": run.command,
        "program": run.program.name,
        "model": run.model,
        "leaf_model": run.leaf_model,
        "started": run.started,
        "seconds": history.seconds,
        "resumed": history.resumptions,
        "counts": dict(history.counts()),
        "spent": asdict(history.spent),
        "spent_before": asdict(history.before),
        "value": end.value if end else None,
        "error": asdict(end.error) if end and end.error else None,
        "lines": [asdict(line) for line in history.lines()],
        "critical_path": [call.id for call in history.critical_path()],
        "calls": [_call_json(call) for call in history.calls if selects(call)],
    }


def _call_json(call: LoggedCall) -> dict[str, Any]:
    return to_data(call) | {
        "spent": asdict(call.own),
        "hits": call.hits.total(),
        "origin": call.origin.id if call.origin else None,
    }


# Two runs --------------------------------------------------------------------------


def difference(found: Comparison, most: int | None) -> Iterator[str]:
    """Yield the differences between two runs; of each list at most `most` calls, None is all."""
    a, b = found.a, found.b
    yield from _table([["", "A", "B", ""], *_totals(a, b)])
    settings = found.settings()
    if settings:
        yield ""
    for name, before, after in settings:
        yield f"{one_line(name, 40)}: {one_line(before, 60)} → {one_line(after, 60)}"
    program = found.program()
    if program:
        yield ""
        yield from (_diff_line(visible(line)) for line in program)
    yield ""
    yield f"{counted(found.same, 'call')} the same"
    yield from _section("only in A", found.only_a, _call_line, most)
    yield from _section("only in B", found.only_b, _call_line, most)
    yield from _section("asked differently", found.asked, _asked_line, most)
    yield from _section("answered differently", found.answered, _answered_line, most)
    yield from _section("spent differently", found.spent, _spent_line, most)


def _totals(a: History, b: History) -> Iterator[list[str]]:
    counts = a.counts(), b.counts()
    yield _compared("calls", len(a.calls), len(b.calls))
    yield _compared("answers", a.spent.generations, b.spent.generations)
    for name in ("stored", "hits", "failed"):
        yield _compared(name, counts[0][name], counts[1][name])
    yield _compared("tokens in", a.spent.prompt_tokens, b.spent.prompt_tokens)
    yield _compared("tokens out", a.spent.completion_tokens, b.spent.completion_tokens)
    yield ["cost", money(a.spent.cost), money(b.spent.cost), ""]
    yield ["time", duration(a.seconds), duration(b.seconds), ""]


def _compared(name: str, a: int, b: int) -> list[str]:
    return [name, f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else ""]


def _section(title: str, items: list[Any], show: Callable[[Any], str], most: int | None) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield click.style(f"{counted(len(items), 'call')} {title}", bold=True)
    yield from (f"  {show(each)}" for each in items[:most])
    if most is not None and len(items) > most:
        yield click.style(f"  … and {len(items) - most:,} more (--all)", dim=True)


def _asked_line(pair: Pair) -> str:
    a, b = pair
    texts = [_arguments(each) for each in pair]
    if texts[0] == texts[1]:
        return f"{_pair(pair)}  {one_line(a.type, 40)} → {one_line(b.type, 40)}"
    return f"{_pair(pair)}  {one_line(texts[0], 60)} → {one_line(texts[1], 60)}"


def _answered_line(pair: Pair) -> str:
    shown = [each.error.code if each.error else "nothing" if each.answer is None else each.answer for each in pair]
    return f"{_pair(pair)}  {one_line(shown[0], 60)} → {one_line(shown[1], 60)}"


def _spent_line(pair: Pair) -> str:
    a, b = pair
    return f"{_pair(pair)}  {a.status}, {_spent(a.own)} → {b.status}, {_spent(b.own)}"


def _pair(pair: Pair) -> str:
    a, b = pair
    return f"#{a.id} #{b.id}  line {a.line}  {one_line(a.instruction, 40)}"


def _diff_line(line: str) -> str:
    return click.style(line, fg={"+": "green", "-": "red"}.get(line[:1]))


# Words -----------------------------------------------------------------------------


def _status(status: str) -> str:
    return click.style(one_line(status, 20), fg=_COLORS.get(status))


def _answers(spent: Spent) -> str:
    return f"{counted(spent.generations, 'answer')}, {_spent(spent)}"


def _spent(spent: Spent) -> str:
    cost = "" if spent.cost is None else f", {money(spent.cost)}"
    return f"{spent.prompt_tokens:,} → {spent.completion_tokens:,} tokens{cost}"


def money(cost: float | None) -> str:
    """Return an amount of US dollars; an empty text if no price is known."""
    if cost is None:
        return ""
    return f"${cost:,.2f}" if cost >= 1 else f"${cost:.3g}" if cost >= 1e-4 else f"${cost:.7f}"


def duration(seconds: float) -> str:
    """Return a time in a few characters."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} m" if hours else f"{minutes} m {seconds:02} s"
