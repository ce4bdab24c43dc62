"""Programs full of aliasing: several names, containers and functions that hold the same list, and changes of it.

The letter of a name tells its type: `n` an int, `w` a text, `x` a list of ints, `g` a list of such lists, `h` a list of
those, `d` a dict of lists, `e` a dict of lists of lists, `s` a set, `t` a tuple of two lists, `v` a view of a dict, `z`
an empty list of no type of its own, `l` the texts that were seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

FRESH: dict[str, Sequence[str]] = {
    "N": ("0", "1", "{n}", "len({X})", "sum({X})", "{x}[{I}]", "len({G})", "sum(y for y in {X})", "sum(map(len, {G}))"),
    "I": ("0", "-1", "{n}", "0 if {B} else -1"),
    "B": ("{n} < {N}", "{x}", "len({x}) > 1", "{x} == {X}", "{n} in {s}"),
    "W": ("{w}", '"a"', '"b"'),
    "X": (
        "[{N}]", "[]", "list({x})", "{x}[:]", "{x} + {X}", "[{N}, {N}]", "sorted({X})", "list({X})", "{x} * 2",
        "[y + {n} for y in {X}]", "list(map(lambda y: y + {n}, {X}))", "list(y for y in {X})", "{x}.copy()",
        "sum({G}, [])", "sorted({s})",
    ),
    "G": (
        "[{X}]", "[[{N}] for _ in range(2)]", "[list(x) for x in {g}]", "[{X}, {X}]", "[x + [0] for x in {g}]",
        "list(map(list, {g}))", "{g}[:0]", "[list(v) for v in {d}.values()]",
    ),
    "H": ("[{G}]", "[[list(x) for x in g] for g in {h}]", "[[[{N}]] for _ in range(2)]"),
    "D": ('{"a": {X}}', '{"a": {X}, "b": {X}}', "{k: list(v) for k, v in {d}.items()}", '{k: {X} for k in "ab"}'),
    "S": ("{{N}}", "set({X})", "set({s})", "{s} | {{N}}"),
    "E": ('{"a": {G}}', "{k: [v] for k, v in {d}.items()}", '{k: [] for k in "ab"}'),
    "T": ("({X}, {X})",),
    "Z": ("[]",),
    "V": ("list({d}.values())",),
    "L": ("[str({X})]",),
}  # fmt: skip
"""What makes new containers, by the type of the expression: `{X}` is such an expression in it, `{x}` a variable."""

SHARED: dict[str, Sequence[str]] = {
    "N": ("{px}.pop()", "{x}.pop({I})", "max(xs for xs in {x})"),
    "X": (
        "{x}", "{x}", "{x}", "{g}[{I}]", "{d}[{W}]", "{t}[0]", "{t}[-1]", "{h}[{I}][{I}]", "{g}.pop()", "max({g})",
        "{d}.get({W}, {X})", "{X} if {B} else {X}", "{X} or {X}", "{x} and {X}", "{d}.setdefault({W}, {X})",
        "{d}.pop({W}, {X})", "{z}", "{e}[{W}][{I}]", "max({X}, {X})", "sum([], {x})", "min({g}, key=len)", "reduce(lambda a, b: a or b, {G}, {X})",
    ),
    "G": (
        "{g}", "{g}", "{h}[{I}]", "{h}.pop()", "{g}[:]", "{g} + {G}", "list({g})", "[x for x in {g}]", "[{X}] * 2",
        "[{X} for _ in range(2)]", "list({d}.values())", "list(reversed({g}))", "[x for x, y in zip({g}, {g})]",
        "[x for x in {g} for _ in range(2)]", "[x for g in {h} for x in g]", "[v for k, v in {d}.items()]",
        "sorted({g}, key=len)", "list(filter(None, {g}))", "list(map(lambda x: x, {g}))", "list(map(lambda x: {x}, {g}))",
        "[*{g}, {X}]", "{z}", "{e}[{W}]", "{e}.get({W}, {G})", "{e}.setdefault({W}, {G})", "[{z}, {X}]", "sum({h}, [])", "list(x for x in {g})", "[x for x in {t}]",
    ),
    "H": ("{h}", "list({h})", "{h} + [{G}]", "[{G}, {G}]", "[{G}] * 2"),
    "D": ("{d}", "dict({d})", "{d}.copy()", "{k: v for k, v in {d}.items()}", 'dict(zip("ab", {g}))'),
    "E": ("{e}", "dict({e})", '{"a": {z}}', '{"a": {g}}', "{k: v for k, v in {e}.items()}"),
    "S": ("{s}", "{s} or {S}"),
    "T": ("{t}", "({x}, {x})"),
    "Z": ("{z}",),
    "V": ("{d}.values()", "{v}"),
}  # fmt: skip
"""What gives containers that something else holds too."""

SMALL = {
    "X": "[{n}]",
    "G": "[[{n}]]",
    "H": "[[[{n}]]]",
    "D": '{"a": [{n}]}',
    "E": '{"a": [[{n}]]}',
    "S": "{{n}}",
    "T": "([{n}], [])",
}
"""What makes new containers in little space."""

PATHS = ("{x}", "{x}", "{x}", "{g}[{I}]", "{g}[{I}]", "{d}[{W}]", "{h}[{I}][{I}]", "{t}[{P}]")
"""What leads to a list of ints that can be changed; `{P}` is a place in a tuple, to which nothing can be assigned."""

CHANGES = (
    "{px}.append({N})", "{px}.append({N})", "{px}.extend({X})", "{px}.extend(y for y in {X})", "{px}.insert({N}, {N})",
    "{px}.sort()", "{px}.reverse()", "{px}.clear()", "{px}.pop()", "{px}[{I}] = {N}", "{px}[{I}] += {N}", "{qx} += {X}",
    "{qx} *= 2", "{px}[0], {px}[-1] = {N}, {N}", "{g}.append({X})", "{g}.append({X})", "{g}[{I}] = {X}", "{g}[{I}] += {X}",
    "{g}.extend({G})", "{g} += {G}", "{g}.insert(0, {X})", "{g}.remove({X})", "{g}.reverse()", "{g}.sort(key=len)",
    "{h}.append({G})", "{h}[{I}].append({X})", "{h}[{I}][{I}] = {X}", "{h}[{I}] = {G}", "{d}[{W}] = {X}", "{d}[{W}] += {X}",
    "{d}.setdefault({W}, {X}).append({N})", "{d}.update({D})", "{d}.get({W}, {X}).append({N})", "{s}.add({N})",
    "{s} |= {S}", "{s}.update({S})", "{d}.setdefault({W}, {X})", "{d} |= {D}", "{d}.clear()",
    "{e}.setdefault({W}, []).append({X})", "{e}.setdefault({W}, []).append({x})", "{e}[{W}].append({x})", "{e}[{W}] = {G}",
    "{e}[{W}] += {g}", "{e}[{W}].sort(key=len)", "{e}[{W}][{I}].append({N})", "{e}[{W}][{I}] = {X}", "{g}.append({z})",
    "{e}[{W}] = {z}", "{d}[{W}] = {z}", "{h}.append({z})", "{h}[{I}] = {z}", "{e}[{W}] = {z}",
)  # fmt: skip
"""Statements that change a value."""

ASSIGNMENTS = (
    "{x} = {X}", "{x} = {X}", "{x} = {X}", "{g} = {G}", "{g} = {G}", "{h} = {H}", "{d} = {D}", "{s} = {S}", "{t} = {T}",
    "{v} = {V}", "{n} = {N}", "{e} = {E}", "{z} = {Z}", "{x} = {z}", "{x} = {X} if {B} else {z}", "{g} = {z} if {B} else {G}", "{x}, {g} = {z}, {z}", "{h} = {h} if {B} else {z}", "{g} = {z}", "{x}, {x} = {X}, {X}", "{x}, {x} = {t}", "{x} = {x} = {X}", "{g}, {g} = {g}, {g}",
)  # fmt: skip

SEEN = (
    *(f"l0.append(str({{{letter}}}))" for letter in "XxxGgghHdDtTeez"),
    "l0.append(str(list({v})))", "l0.append(str(len({v})))", "l0.append(str(sorted({s})))",
)  # fmt: skip
"""Statements that show what a variable holds."""

HEADS = (
    ("for {n+} in {X}:", 1), ("for {n+} in range({N} % 4):", 1), ("for {x+} in {G}:", 3), ("for {x+} in {g}:", 3),
    ("for {n+}, {x+} in enumerate({g}):", 3), ("for {n+}, {n+} in enumerate({px}):", 3), ("for {w+} in {d}:", 3),
    ("for {w+}, {x+} in {d}.items():", 3), ("for {x+} in {d}.values():", 1), ("for {x+}, {x+} in zip({g}, {g}):", 1),
    ("for {x+}, {x+} in [{t}, {T}]:", 1), ("for {g+} in {h}:", 1),
    ("for {n+}, {g+} in enumerate({h}):", 1), ("for {w+}, {g+} in {e}.items():", 2), ("for {g+} in {e}.values():", 1),
)  # fmt: skip
"""The heads of loops, with how often each is taken; `{n+}` is a new name."""

FIRST = {
    "l": ('l0 = ["s"]',), "n": ("n0 = 0", "n1 = 1"), "w": ('w0 = "a"',), "x": ("x0 = [1, 2]", "x1 = [3]", "x2 = [5, 4]"),
    "g": ("g0 = [[1], [2, 3]]", "g1 = [[6]]"), "h": ("h0 = [[[8]], [[9], [7]]]",), "s": ("s0 = {1}", "s1 = {2, 3}"),
    "d": ('d0 = {"a": [7], "b": []}', 'd1 = {"a": [8]}'), "t": ("t0 = ([1], [2])",), "e": ('e0 = {"a": [[4], [1]]}', 'e1 = {"b": []}'), "z": ("z0 = []",), "v": ('v0 = list({"a": [4]}.values())',),
}  # fmt: skip
"""The first values of the variables."""

TYPES = {
    "n": "int", "x": "list[int]", "g": "list[list[int]]", "d": "dict[str, list[int]]",
    "e": "dict[str, list[list[int]]]", "t": "tuple[list[int], list[int]]", "h": "list[list[list[int]]]",
}  # fmt: skip
"""The types of parameters and results of functions."""

_BINDS = re.compile(r"\{(qx|[a-z])\}( [*|+]?=|, \{)")
"""The beginning of a statement that binds a variable, which in a function makes it one of its own."""

_PLACE = re.compile(r"\{([pq]x|[A-Z]|[a-z])\}")
_LETTERS = re.compile(r"\{([pq]x|[A-Za-z])\+?\}")
_NEW = re.compile(r"\{([a-z])\+\}")


class AliasingWriter:
    """Writes a program. `pick` draws one of the options, and `shared` of 10 expressions share something.

    It has variables of the types of some `letters` only, so that programs with few types find more to share.
    """

    def __init__(self, pick: Callable[[Sequence[Any]], Any], shared: int, letters: str = "lnwxghdestvz") -> None:
        self.pick = pick
        self.shared = shared
        self.letters = set(letters)
        self.lines: list[str] = []
        self.names: dict[str, list[str]] = {}
        """The variables that can be changed, by their letter."""
        self.outer: dict[str, list[str]] = {}
        """Variables outside of the function, which it can read and change, but not bind."""
        self.functions: list[tuple[str, str, str]] = []
        """The name, the letters of the parameters and the letter of the result of each."""
        self.count = 0

    def one_of(self, templates: Sequence[str]) -> str:
        """Draw one of the templates, if possible one that has variables of the chosen types only."""
        places = {template: {place.lower()[-1] for place in _LETTERS.findall(template)} for template in templates}
        fitting = [template for template in templates if places[template] <= self.letters | {"i", "b", "p"}]
        return str(self.pick(fitting or templates))

    def chance(self, of_ten: int) -> bool:
        return self.pick(range(10)) < of_ten

    def filled(self, template: str, depth: int = 2, changes: bool = False, binds: bool = False) -> str:
        """Fill the places of a template. Where it `binds` something, variables are those of the function, and where it
        `changes` something, they mostly are.
        """
        binds = binds or (changes and _BINDS.match(template) is not None)
        own = binds or (changes and not self.chance(4))

        def fill(match: re.Match[str]) -> str:
            kind = match[1]
            if kind == "P":
                return str(self.pick(("0", "-1")))
            if kind in ("px", "qx"):
                paths = PATHS[: None if kind == "px" else -1] if depth > 0 else PATHS[:1]
                return self.filled(self.one_of(paths), min(depth, 1), changes=True, binds=binds)
            return self.expression(kind, depth - 1) if kind.isupper() else self.variable(kind, own)

        return _NEW.sub(self._new, _PLACE.sub(fill, template))

    def _new(self, match: re.Match[str]) -> str:
        """Return a name that nothing has yet."""
        self.count += 1
        name = f"{match[1]}{self.count + 10}"
        self.names.setdefault(match[1], []).append(name)
        return name

    def variable(self, letter: str, own: bool = False) -> str:
        names = self.names.get(letter, [])
        if not own or not names:
            names = [*names, *self.outer.get(letter, [])]
        return str(self.pick(names))

    def expression(self, kind: str, depth: int) -> str:
        if depth <= 0:
            return self._small(kind)
        applied = [each for each in self.functions if each[2] == kind.lower()]
        if applied and self.chance(3):
            return self.application(*self.pick(applied)[:2], depth - 1)
        options = SHARED.get(kind, ()) if self.chance(self.shared) else ()
        text = self.filled(self.one_of(options or FRESH[kind]), depth)
        is_bracketed = text[0] in "([{" and not re.search(r" (if|or|and) ", text)
        return text if is_bracketed or " " not in text else f"({text})"

    def application(self, name: str, params: str, depth: int) -> str:
        """Return the application of a function, to which variables are given more often than anything else."""
        args = [
            self.variable(letter) if self.chance(5) and letter != "n" else self.expression(letter.upper(), depth)
            for letter in params
        ]
        return f"{name}({', '.join(args)})"

    def _small(self, kind: str) -> str:
        if kind in SMALL and not self.chance(self.shared):
            return self.filled(SMALL[kind], 0)
        return self.variable(kind.lower()) if kind in SMALL else self.filled(FRESH[kind][0], 0)

    # Statements

    def statements(self, indent: str, depth: int, in_loop: bool, result: str = "") -> None:
        for _ in range(self.pick((1, 1, 2, 2, 3) if indent else range(2, 10))):
            self.statement(indent, depth, in_loop, result)

    def statement(self, indent: str, depth: int, in_loop: bool, result: str) -> None:
        names = {letter: list(each) for letter, each in self.names.items()}
        kind = self.pick(range(20 if depth > 0 else 13))
        if self.functions and self.chance(2):
            self.lines.append(indent + self.application(*self.pick(self.functions)[:2], 1))
            return
        if kind < 5:
            self.lines.append(indent + self.filled(self.one_of(ASSIGNMENTS), 2, changes=True))
        elif kind < 11:
            self.lines.append(indent + self.filled(self.one_of(CHANGES), 2, changes=True))
        elif kind < 13:
            self.lines.append(indent + (self.filled(self.one_of(SEEN)) if self.names.get("l") else "pass"))
        elif kind < 17:
            heads = [head for head, often in HEADS for _ in range(often)]
            self.lines.append(indent + self.filled(self.one_of(heads)))
            self.statements(indent + "    ", depth - 1, True, result)
        elif kind == 17:
            self.lines.append(indent + self.filled("if {B}:"))
            self.statements(indent + "    ", depth - 1, in_loop, result)
            if self.chance(5):
                self.lines.append(indent + "else:")
                self.statements(indent + "    ", depth - 1, in_loop, result)
        elif kind == 18:
            self.lines.append(indent + "try:")
            self.statements(indent + "    ", depth - 1, in_loop, result)
            self.lines.append(indent + "except Exception:")
            self.statements(indent + "    ", depth - 1, in_loop, result)
        elif in_loop or result:
            self.lines.append(indent + self.filled("if {B}:"))
            ways = ["break", "continue"] if in_loop else []
            ways += [f"return {self.expression(result.upper(), 2)}"] if result else []
            self.lines.append(f"{indent}    {self.pick(ways)}")
        else:
            self.lines.append(f"{indent}pass")
        self.names = names

    def function(self, indent: str = "") -> None:
        """Write a function; it has variables of its own of each type, and may read those outside."""
        before = self.lines, self.names, self.outer, list(self.functions)
        params = "".join(self.pick("xxxggdetn") for _ in range(self.pick((1, 1, 2))))
        result, inner = self.pick("xxgdte"), indent + "    "
        self.count += 1
        name = f"f{self.count}"
        self.outer = {letter: [*self.outer.get(letter, []), *each] for letter, each in self.names.items()}
        self.outer.pop("l", None)
        self.names, self.lines = {letter: [f"{letter}8"] for letter in "nwxghsdetvz"}, []
        texts = []
        for place, letter in enumerate(params):
            self.names[letter] = [f"{letter}{place + 5}"]
            texts.append(f"{letter}{place + 5}" + (f": {TYPES[letter]}" if indent or self.chance(5) else ""))
        if not indent and self.chance(4):
            self.function(inner)
        if self.chance(2):  # it may apply itself
            self.lines.append(f"{inner}{self.filled('if {B}:')} return {self.expression(result.upper(), 1)}")
            self.functions = [*self.functions, (name, params, result)]
        self.statements(inner, 2, False, result)
        self.lines.append(f"{inner}return {self.expression(result.upper(), 2)}")
        needed = [f"{inner}{letter}8 = {FIRST[letter][0].partition(' = ')[2]}" for letter in FIRST]
        body = self.lines
        self.lines, self.names, self.outer, functions = before
        self.lines.append(f"{indent}def {name}({', '.join(texts)}):")
        self.lines += [*_used(needed, body), *body]
        self.functions = [*functions, (name, params, result)]
        if not indent:  # a function without types is checked for those that it is applied to
            args = ", ".join(self.expression(letter.upper(), 1) for letter in params)
            self.lines.append(f"l0.append(str({name}({args})))")

    def program(self) -> str:
        """Write a program whose value shows what some of the variables hold."""
        first = [line for lines in FIRST.values() for line in lines]
        self.names = {letter: [line.partition(" ")[0] for line in lines] for letter, lines in FIRST.items()}
        for _ in range(self.pick((0, 0, 1, 1, 2))):
            self.function()
        self.statements("", 3, False, "")
        shown = [
            name for letter in "xghdte" for name in self.names[letter] if self.chance(4) and letter in self.letters
        ]
        self.lines.append(f"({', '.join(['l0', *shown])},)")
        return "\n".join([*_used(first, self.lines), *self.lines]) + "\n"


def _used(bindings: list[str], lines: list[str]) -> list[str]:
    """Return the bindings of names that occur in lines."""
    names = set(re.findall(r"\w+", "\n".join(lines)))
    return [line for line in bindings if line.split()[0] in names]


@st.composite
def aliasing_programs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """Return a strategy for programs that change values which other names may hold too."""

    def pick(options: Sequence[Any]) -> Any:
        return options[draw(st.integers(0, len(options) - 1))] if len(options) > 1 else options[0]

    shared = draw(st.sampled_from((0, 1, 3, 5, 7)))
    return AliasingWriter(pick, shared, "lnwxgez" if shared == 7 else "lnwxghdestvz").program()
