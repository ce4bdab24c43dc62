"""Program texts of every syntactic form, and texts that nest deeply."""

from __future__ import annotations

import re

TEXTS = [
    "",
    "\n\n",
    "# only a comment",
    "x",
    "x: int\ny: str = 'a'\nz: float | None = -1.5\n",
    "x: Literal['a', \"b\", -1, 2, True,] | None\n",
    "x: Callable[[int, list[str]], dict[str, tuple[int, ...]]]\n".replace(", ...", ", str"),
    "x: Callable[[], None]\n",
    "class A:\n    x: int\n\n    # why\n    y: list[A | None]  # then\n\nclass B:\n    z: A",
    "def f() -> int:\n    return 1\n",
    "def f(a: int, b: str = 'x', c: float | None = None,) -> int:\n    d, e = (a, b)\n\n    # note\n    return d\nf(1)",
    "a, b = (1, 2)\nc = a\n",
    "x is None\n",
    "x is not None and y not in z or not w in v\n",
    "not not x == y\n",
    "a < b <= c != d == e > f >= g in h not in i\n",
    "(a < b) < c\n",
    "a or b or c and d and e\n",
    "(a or b) and (c or d)\n",
    "a or (b or c)\n",
    "a if b else c if d else e\n",
    "(a if b else c) if (d if e else f) else g\n",
    "a - b - c + d * e / f // g % h\n",
    "a - (b - c) * (d / e)\n",
    "-x ** -y ** +z\n",
    "(-x) ** y\n",
    "- -x + +y\n",
    "x.y.z[0][1:2][::][:a:][b::c](d)(e, f=g, h=lambda: i).j\n",
    "x[a if b else c]\nx[a + 1 : -b]\n",
    "1 .real\n1.0.real\n1..real\n",
    "f(x for x in y if z if not w for a, (b, (c)) in d)\n",
    "[x for (x) in y or z]\n[x for (a, b) in y if c or d]\n",
    "{a: b for a, b in c.items()}\n",
    "[]\n[a]\n[a,]\n[a, b, [c]]\n",
    "{}\n{a: b}\n{a: b, 'c': {1: 2},}\n",
    "(a,)\n(a, b)\n(a, (b,), c,)\n((((a))))\n",
    "f()\nf(a,)\nf(a, b=c,)\nf(lambda x, y: x + y, lambda: (1))\n",
    "CALL()\nCALL('a', b, sample=3)\nCALL[list[tuple[str, int]] | None]('a')\nCALL[None](x for x in y)\n",
    "0 + 1_000 + 0.5 + .5 + 5. + 1e3 + 1E-3 + 1_0.0_1e+1_0 + 00.5 + 0e0\n".replace("1e+1_0", "1e+10"),
    "True\nFalse\nNone\n",
    "'a' + \"b\" + 'it\\'s' + \"say \\\"hi\\\"\" + ''\n",
    r"'\a\b\f\n\r\t\v\\\'\"\0\12\101\377\x41\u00e9\U0001F600\N{BULLET}'",
    r"""r'\n\d' + r"\"" + r'' """,
    '"""a\n"b" ""c\\"""\\\nd"""',
    '""""a" """ + """"""',
    "f''\nf'a'\nf'{x}'\nf'{x}{y}'\nf'a{x!r}b{y:>5}c{z!r:.2f}'\nf'{{{x}}}{{}}'\n",
    "f'{ x }{a if b else c}{d[1:2]}{f(lambda: 1)}{a != b}{a == b}{a <= b}{a >= b}{a < b}{x :}'\n",
    "f\"{'a:b!' + x['c']}{(lambda_)}\"\n",
    "f'{x}\\n\\'\\x41{y}\\\\'\n",
    "f\"{f'a'}\"\n",
    "x=[\n1,\n  2, # two\n\n\t\n# three\n3]\n".replace("\n\t", ""),
    "f(\nx\n)\n",
    "x = (  # one\n    # two\n    1\n)  # three\n",
    "   \nx\n  # y\n        \n  ",
    "\t\nx\n\t# y\n",
    "def f() -> int:\n# at the margin\n        # deeper\n    return 1\n    # after\n  \nf()",
    "class A:\n    x: int\n    # last\n    \ny = 1",
    "match = case = 1\n".replace("= case ", ""),
    "match(x)\ntype[x]\nprint(x)\n_ = 1\n",
    "if_ + notx + inn\n",
    "'a'if'b'in'c'else'd'\n",
    "[x]if(y)else{z: 1}\n",
    "x = 'naïve 日本 😀'  # é\n",
]


def laid_out(text: str) -> str:
    """Lines at the margin or four spaces in."""
    return re.sub(r"^ +", lambda spaces: "    " if len(spaces[0]) >= 4 else "", text, flags=re.M).rstrip(" ")


DEEP: dict[str, tuple[str, str, str]] = {
    # where the tree nests: before, a step, after
    "not": ("", "not ", "x"),
    "minus": ("", "-", "x"),
    "power": ("", "x ** ", "x"),
    "conditional": ("", "x if y else ", "x"),
    "attribute": ("x", ".y", ""),
    "index": ("x", "[y]", ""),
    "slice": ("x", "[y:]", ""),
    "application": ("x", "(y)", ""),
    "sum": ("x", " + y", ""),
    "product": ("x", " * y", ""),
    "and": ("x", " and y", ""),
    "or": ("x", " or y", ""),
    "union": ("x: A", " | B", ""),
}


NESTED: dict[str, tuple[str, str, str]] = {
    # where brackets nest too: a step, what is inside, and the step's end
    "list": ("[", "x", "]"),
    "tuple": ("(", "x", ",)"),
    "dict": ("{1: ", "x", "}"),
    "argument": ("f(", "x", ")"),
    "keyword": ("f(a=", "x", ")"),
    "call": ("CALL(", "x", ")"),
    "comprehension": ("[", "x", " for y in z]"),
    "iterable": ("[y for y in ", "x", "]"),
    "test": ("[y for y in z if ", "x", "]"),
    "index": ("a[", "x", "]"),
    "slice": ("a[:", "x", "]"),
}
