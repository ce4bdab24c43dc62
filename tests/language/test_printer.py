"""The printer. tests/runtime/test_properties.py has properties of whole programs."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from rlmlang.files import grammar_text, stdlib_dir
from rlmlang.language import nodes
from rlmlang.language.parse import parse, parse_partial
from rlmlang.language.printer import WIDTH, format_expr, format_module, format_type
from rlmlang.language.source import Source
from tests.support.pythons import seen_by_python
from tests.support.texts import DEEP, NESTED, TEXTS, laid_out


def formatted(text: str) -> str:
    """Return the canonical text, after checks that hold for every text."""
    tree = parse(Source(text))
    out = format_module(tree)
    again = parse(Source(out))
    assert again == tree
    assert format_module(again) == out
    assert seen_by_python(out) == seen_by_python(text)
    assert [comment.text for comment in again.comments] == [comment.text for comment in tree.comments]
    assert all(line == line.rstrip() for line in out.split("\n")) or '"""' in out
    assert out == "" or (out.endswith("\n") and not out.endswith("\n\n"))
    return out


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_the_parser_tests(text: str) -> None:
    assert formatted(text) == formatted(text.replace("\n", "\r\n"))


@pytest.mark.parametrize("path", sorted(stdlib_dir().glob("*.rlm")), ids=lambda path: path.stem)
def test_the_standard_library_is_formatted(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert formatted(text) == text


@given(
    from_lark(
        Lark(grammar_text(), parser="lalr"), alphabet=st.characters(max_codepoint=0x2FF, exclude_categories=["C"])
    )
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_texts_by_the_grammar(drawn: str) -> None:
    text = laid_out(drawn)
    accepted = not parse_partial(Source(text)).diagnostics
    event(f"accepted: {accepted}")
    assume(accepted)
    note(text)
    note(formatted(text))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_string_has_a_text(value: str) -> None:
    node = nodes.Constant(value, span=parse(Source("")).span)
    text = format_expr(node)
    assert re.fullmatch(r"[ -~]|[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+", text)
    (statement,) = parse(Source(text)).statements
    assert isinstance(statement, nodes.ExprStatement)
    assert statement.value == node


EXPRESSIONS = [
    # brackets only where they are needed
    ("((a))", "a"),
    ("(a + b) + c", "a + b + c"),
    ("a + (b + c)", "a + (b + c)"),
    ("(a * b) + c", "a * b + c"),
    ("a * (b + c)", "a * (b + c)"),
    ("(a ** b) ** c", "(a ** b) ** c"),
    ("a ** (b ** c)", "a ** b ** c"),
    ("(-a) ** b", "(-a) ** b"),
    ("-(a ** b)", "-a ** b"),
    ("a ** (-b)", "a ** -b"),
    ("-(-a)", "--a"),
    ("-(a * b)", "-(a * b)"),
    ("(-a) * b", "-a * b"),
    ("not (not a)", "not not a"),
    ("not (a == b)", "not a == b"),
    ("(not a) == b", "(not a) == b"),
    ("(a and b) or (c and d)", "a and b or c and d"),
    ("(a or b) and c", "(a or b) and c"),
    ("(a or b) or c", "a or b or c"),
    ("a or (b or c)", "a or (b or c)"),
    ("(a < b) < c", "(a < b) < c"),
    ("(a < b) == (c is None)", "(a < b) == (c is None)"),
    ("(a + b) < (c)", "a + b < c"),
    ("(a) is  not  None", "a is not None"),
    ("a  not   in b", "a not in b"),
    ("(a if b else c) if d else (e if f else g)", "(a if b else c) if d else e if f else g"),
    ("(a if b else c).d", "(a if b else c).d"),
    ("(a + b)[0](c)", "(a + b)[0](c)"),
    ("1 .real", "(1).real"),
    ("1.5.real", "1.5.real"),
    ("True.real", "True.real"),
    ("[x for x in (a or b) if (c and d)]", "[x for x in a or b if c and d]"),
    ("[x for x in (a if b else c)]", "[x for x in (a if b else c)]"),
    ("[x for (x) in a for (b, (c, d)) in e]", "[x for x in a for b, (c, d) in e]"),
    ("{ a : b for a in c }", "{a: b for a in c}"),
    ("f( x for x in y )", "f(x for x in y)"),
    ("f(lambda  x,y : x, key = lambda:(1))", "f(lambda x, y: x, key=lambda: 1)"),
    ("CALL [ list[str] ] ('a',b , c = 1)", 'CALL[list[str]]("a", b, c=1)'),
    ("(a ,)", "(a,)"),
    ("[a , b,]", "[a, b]"),
    ("{'a':1,}", '{"a": 1}'),
    # slices
    ("a[ 1 : 2 ]", "a[1:2]"),
    ("a[:]", "a[:]"),
    ("a[1:]", "a[1:]"),
    ("a[: : -1]", "a[::-1]"),
    ("a[i+1 :]", "a[i + 1 :]"),
    ("a[:i+1]", "a[: i + 1]"),
    ("a[i+1:j:2]", "a[i + 1 : j : 2]"),
    ("a[i+1::2]", "a[i + 1 :: 2]"),
    ("a[f(x):b.c]", "a[f(x):b.c]"),
    # operators on bits, sets, stars
    ("(a | b) | (c ^ d) & e", "a | b | (c ^ d) & e"),
    ("(a << b) + (c >> d) * ~e", "(a << b) + (c >> d) * ~e"),
    ("(a & b) == c", "a & b == c"),
    ("(~a) ** (-b)", "(~a) ** -b"),
    ("{ a,*b ,}", "{a, *b}"),
    ("{ a for a in b }", "{a for a in b}"),
    ("f( *a or b , *(c | d))", "f(*(a or b), *c | d)"),
    ("[*(a | b), *(a, b)]", "[*a | b, *(a, b)]"),
    ("()", "()"),
    ("a[b,c]", "a[b, c]"),
    ("a[(b , c) , d]", "a[(b, c), d]"),
    ("a[b,]", "a[(b,)]"),
    ("(a or b) is not True", "(a or b) is not True"),
    ("(a is True) == b", "(a is True) == b"),
    # constants
    ("1_000", "1000"),
    ("1.50", "1.5"),
    ("5.", "5.0"),
    ("1e3", "1000.0"),
    ("1E22", "1e+22"),
    ("'a'", '"a"'),
    ("'\"'", '"\\""'),
    ("\"it's\"", '"it\'s"'),
    ("'\\x61\\t\\0\\u202e\\xa0\\U000e0041é'", '"a\\t\\x00\\u202e\\xa0\\U000e0041é"'),
    ("'\\r\\n'", '"\\r\\n"'),
    ("r'\\d'", 'r"\\d"'),
    ("r'a'", '"a"'),
    ("r'\\d\"'", '"\\\\d\\""'),
    ("r'\\d\t'", '"\\\\d\\t"'),
    ('"""a"""', '"a"'),
    ('"""a\nb"""', '"""a\nb"""'),
    ('"""a\\nb"""', '"""a\nb"""'),
    ('"""\\"\\"\\"\n\\\\ \\t"\\""""', '"""\\"\\""\n\\\\ \\t\\"\\""""'),
    # f-strings
    ("f'{ a+b !r:>5}{{}}\"'", 'f"{a + b!r:>5}{{}}\\""'),
    ("f'{\"a\"}'", "f\"{'a'}\""),
    ("f'{a[\"b\"]:\">5}'", "f'{a[\"b\"]:\">5}'"),
    ("f\"{f'a'}\"", "f\"{f'a'}\""),
    ("f'{[\"a\"]}{(1,)}{f(x=\"b\")}'", "f\"{['a']}{(1,)}{f(x='b')}\""),
    ("f'{x:}'", 'f"{x}"'),
    ("f'\\x41\\n{a}'", 'f"A\\n{a}"'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expressions(text: str, expected: str) -> None:
    assert formatted(text) == expected + "\n"
    (statement,) = parse(Source(text)).statements
    assert isinstance(statement, nodes.ExprStatement)
    assert format_expr(statement.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("list [ str ]|None", "list[str] | None"),
        ("dict[str,int,]", "dict[str, int]"),
        ("Literal['a',-1,True]", 'Literal["a", -1, True]'),
        ("Callable[[int,str],bool]", "Callable[[int, str], bool]"),
        ("Callable[[ ],None]", "Callable[[], None]"),
    ],
)
def test_types(text: str, expected: str) -> None:
    assert formatted(f"x: {text}") == f"x: {expected}\n"
    (statement,) = parse(Source(f"x: {text}")).statements
    assert isinstance(statement, nodes.Input)
    assert format_type(statement.type) == expected


LONG = "a" * 40

LAYOUTS = {
    "nothing": ("", ""),
    "empty lines only": ("\n\n  \n", ""),
    "a comment only": ("#x", "# x\n"),
    "statements": ("a=1\nb:int\nc :str='x'\nd,e=(1,2)\na", 'a = 1\nb: int\nc: str = "x"\nd, e = 1, 2\na\n'),
    "empty lines": ("\n\na = 1\n\n\n\nb = 2\nc = 3\n\n", "a = 1\n\nb = 2\nc = 3\n"),
    "functions and records stand apart": (
        "a = 1\ndef f(x:int,y:str='a',)->int:\n    return x\nclass A:\n    x:int\n    y  :str\nb = 2",
        'a = 1\n\n\ndef f(x: int, y: str = "a") -> int:\n    return x\n\n\nclass A:\n    x: int\n    y: str\n\n\nb = 2\n',
    ),
    "decorators stand on what they decorate": (
        "a = 1\n# b\n@dataclass\n# c\nclass A:\n    x: int\n@cache\n\n@cache\ndef f():\n    @cache\n    def g():\n        return 1\n    return g()",
        "a = 1\n\n\n# b\n@dataclass\n# c\nclass A:\n    x: int\n\n\n@cache\n@cache\ndef f():\n    @cache\n    def g():\n        return 1\n\n    return g()\n",
    ),
    "bodies": (
        "def f() -> int:\n\n    a = 1\n\n\n    b = 2\n    return a",
        "def f() -> int:\n    a = 1\n\n    b = 2\n    return a\n",
    ),
    "comments": (
        "#!x\n#  two\n#=> y\n#\na = 1 # b\n#c\n\nd = 2#e",
        "#!x\n#  two\n#=> y\n#\na = 1  # b\n# c\n\nd = 2  # e\n",
    ),
    "comments of functions": (
        "a = 1\n# about f\ndef f() -> int: # head\n    # about b\n    b = 1 # b\n\n    # about return\n    return b # r\n    # last\n# about c\nc = 2",
        "a = 1\n\n\n# about f\ndef f() -> int:  # head\n    # about b\n    b = 1  # b\n\n    # about return\n    return b  # r\n    # last\n\n\n# about c\nc = 2\n",
    ),
    "a comment apart from the function below": (
        "a = 1\n# b\n\ndef f() -> int:\n    return 1",
        "a = 1\n# b\n\n\ndef f() -> int:\n    return 1\n",
    ),
    "comments of records": (
        "class A: # head\n    # x\n    x: int # x\n# y\n    y: int\n",
        "class A:  # head\n    # x\n    x: int  # x\n    # y\n    y: int\n",
    ),
    "descriptions of records": (
        "class A:#head\n    '''Doc.\n    More.'''\n    x:int#x\n\n    'below'\n    y: int\n    r'a\\d'# why\nA(1,2)",
        'class A:  # head\n    """Doc.\n    More."""\n    x: int  # x\n\n    "below"\n    y: int\n    r"a\\d"  # why\n\n\nA(1, 2)\n',
    ),
    "comments in brackets move above": (
        "a = 1\n\nb = [ # one\n  # two\n  1, 2] # three\nc = 3",
        "a = 1\n\n# one\n# two\nb = [1, 2]  # three\nc = 3\n",
    ),
    "comments in the brackets of a head move above it": (
        "def f(\n    x: int,  # one\n) -> int:\n    return f(  # two\n        x)\n",
        "# one\ndef f(x: int) -> int:\n    # two\n    return f(x)\n",
    ),
    "blocks": (
        "if a: b\nelif c:\n  d\n\n  e\n\nelse :\n\n\tf\nfor(x)in y :z\nwhile(a):\n   pass\n\n\ntry: x\nexcept A : y\nexcept(A,B)as e:\n  z\nexcept:w",
        "if a:\n    b\nelif c:\n    d\n\n    e\nelse:\n    f\nfor x in y:\n    z\nwhile a:\n    pass\n\ntry:\n    x\nexcept A:\n    y\nexcept (A, B) as e:\n    z\nexcept:\n    w\n",
    ),
    "statements of one line": (
        "def f():\n  x : int=1\n  y:str\n  a=b=c\n  a[0]+=1\n  a , b=b , a\n  c,=a\n  x=1,2\n  assert(x),'y'\n  raise A ( 'b' )\n  raise A()\n  return",
        'def f():\n    x: int = 1\n    y: str\n    a = b = c\n    a[0] += 1\n    a, b = b, a\n    c, = a\n    x = (1, 2)\n    assert x, "y"\n    raise A("b")\n    raise A\n    return\n',
    ),
    "tuples": (
        "def f():\n  return(a,b)\n  return a,\n  return*a,b\n  return()\n  for x in a,b: x[a,b]=x[a,]\n",
        "def f():\n    return a, b\n    return (a,)\n    return (*a, b)\n    return ()\n    for x in (a, b):\n        x[a, b] = x[(a,)]\n",
    ),
    "imports": (
        "import a . b as c,d\nfrom a import(b,c as d,)\nfrom a import*",
        "import a.b as c, d\nfrom a import b, c as d\nfrom a import *\n",
    ),
    "long imports": (
        f"from {LONG} import {LONG}, {LONG} as b",
        f"from {LONG} import (\n    {LONG},\n    {LONG} as b,\n)\n",
    ),
    "functions in functions": (
        "def f():\n    def g():\n        x\n    def h():\n        x\n        # end of h\n    y\n    # about i\n    def i(): x\n\n\n    # apart\n\n    z\nw",
        "def f():\n    def g():\n        x\n\n    def h():\n        x\n        # end of h\n\n    y\n\n    # about i\n    def i():\n        x\n\n    # apart\n\n    z\n\n\nw\n",
    ),
    "functions in branches": (
        "if a:\n  def f(): x\nelse:\n  def f(): y\nz",
        "if a:\n    def f():\n        x\nelse:\n    def f():\n        y\n\nz\n",
    ),
    "a docstring": (
        "def f():\n  '''One.\n\n  Two.\n  '''\n\n\n  x",
        'def f():\n    """One.\n\n  Two.\n  """\n\n    x\n',
    ),
    "comments in blocks": (
        "if a:  # on if\n   # in body\n\n   b  # on b\n\n   # end of body\n # end of body too\n# about else\nelse:# on else\n   c\n# after\nd",
        "if a:  # on if\n    # in body\n\n    b  # on b\n\n    # end of body\n# end of body too\n# about else\nelse:  # on else\n    c\n# after\nd\n",
    ),
    "comments at the end of several blocks": (
        "for a in b:\n  if a:\n    c\n    # of the if\n  # of the for\n    # of the for too\n# of the program\n",
        "for a in b:\n    if a:\n        c\n        # of the if\n    # of the for\n    # of the for too\n# of the program\n",
    ),
    "comments on bodies after the colon": (
        "if a: b  # c\n# d\nelse: e  # else",
        "if a:\n    b  # c\n# d\nelse:\n    e  # else\n",
    ),
    "comments of exceptions": (
        "try:  # a\n  b\n  # c\nexcept A:  # d\n  # e\n  f\n",
        "try:  # a\n    b\n    # c\nexcept A:  # d\n    # e\n    f\n",
    ),
    "a line that goes on": (
        "x = 1 + \\\n  2  # c\nif a and \\\n  b:  # d\n  e",
        "x = 1 + 2  # c\nif a and b:  # d\n    e\n",
    ),
    "a long test": (
        f"if {LONG} and {LONG} and {LONG}: a\nelif f({LONG}, {LONG}, {LONG}): b",
        f"if (\n    {LONG}\n    and {LONG}\n    and {LONG}\n):\n    a\nelif f(\n    {LONG},\n    {LONG},\n    {LONG},\n):\n    b\n",
    ),
    "a long iterable": (
        f"for x in {LONG} + {LONG} + {LONG}: a",
        f"for x in (\n    {LONG}\n    + {LONG}\n    + {LONG}\n):\n    a\n",
    ),
    "a long result of two": (
        f"def f():\n    return {LONG}, {LONG}, {LONG}",
        f"def f():\n    return (\n        {LONG},\n        {LONG},\n        {LONG},\n    )\n",
    ),
    "a long assertion": (
        f"assert {LONG} == {LONG} + {LONG}, f({LONG})",
        f"assert (\n    {LONG}\n    == {LONG} + {LONG}\n), f({LONG})\n",
    ),
    "a comment at the end": ("a\n\n# b", "a\n\n# b\n"),
    "a long list": (
        f"x = [{LONG}, {LONG}, {LONG}]",
        f"x = [\n    {LONG},\n    {LONG},\n    {LONG},\n]\n",
    ),
    "a list that just fits": (f"x = [{LONG}, {'b' * 51}]", f"x = [{LONG}, {'b' * 51}]\n"),
    "a list that just does not": (f"x = [{LONG}, {'b' * 53}]", f"x = [\n    {LONG},\n    {'b' * 53},\n]\n"),
    "brackets inside brackets": (
        f"x = f({LONG}, g({LONG}, h({LONG}, {LONG}), y=[1, 2]), z=1)",
        f"x = f(\n    {LONG},\n    g(\n        {LONG},\n        h({LONG}, {LONG}),\n        y=[1, 2],\n    ),\n    z=1,\n)\n",
    ),
    "a long comprehension": (
        f"x = [{LONG} for {LONG} in {LONG} if y]",
        f"x = [\n    {LONG}\n    for {LONG} in {LONG}\n    if y\n]\n",
    ),
    "a long dict comprehension": (
        f"x = {{{LONG}: 1 for {LONG} in {LONG} if y}}",
        f"x = {{\n    {LONG}: 1\n    for {LONG} in {LONG}\n    if y\n}}\n",
    ),
    "a long generator": (
        f"x = any({LONG} for {LONG} in {LONG})",
        f"x = any(\n    {LONG}\n    for {LONG} in {LONG}\n)\n",
    ),
    "a long sum": (
        f"x = {LONG} + {LONG} - {LONG} * y",
        f"x = (\n    {LONG}\n    + {LONG}\n    - {LONG} * y\n)\n",
    ),
    "a long sum as an argument": (
        f"f({LONG} + {LONG} + {LONG}, 1)",
        f"f(\n    {LONG}\n    + {LONG}\n    + {LONG},\n    1,\n)\n",
    ),
    "a long sum as an operand": (
        f"x = ({LONG} + {LONG} + {LONG}) * 2",
        f"x = (\n    ({LONG} + {LONG} + {LONG})\n    * 2\n)\n",
    ),
    "a long condition": (
        f"x = {LONG} if {LONG} else {LONG}",
        f"x = (\n    {LONG}\n    if {LONG}\n    else {LONG}\n)\n",
    ),
    "long logic": (
        f"def f() -> bool:\n    return {LONG} and {LONG} and {LONG}",
        f"def f() -> bool:\n    return (\n        {LONG}\n        and {LONG}\n        and {LONG}\n    )\n",
    ),
    "a long comparison": (
        f"x = {LONG} < {LONG} <= {LONG}",
        f"x = (\n    {LONG}\n    < {LONG}\n    <= {LONG}\n)\n",
    ),
    "a long head": (
        f"def f({LONG}: int, {LONG}b: str = 'x') -> list[str]:\n    return 1",
        f'def f(\n    {LONG}: int,\n    {LONG}b: str = "x",\n) -> list[str]:\n    return 1\n',
    ),
    "a long type": (
        f"x: Literal['{LONG}', '{LONG}', 'b'] | None",
        f'x: Literal[\n    "{LONG}",\n    "{LONG}",\n    "b",\n] | None\n',
    ),
    "a long type of one part": (f"x: list[list[{LONG * 3}]]", f"x: list[list[{LONG * 3}]]\n"),
    "what cannot be broken": (f"x = '{LONG * 3}'", f'x = "{LONG * 3}"\n'),
    "empty brackets are not broken": (f"x = {LONG * 2}.{LONG}()", f"x = {LONG * 2}.{LONG}()\n"),
    "what follows must fit": (
        f"x = f({LONG[:30]}).y[0].{LONG}({LONG})\ny = f({LONG}).y[0].{LONG}.zzzzzz({LONG})",
        f"x = f({LONG[:30]}).y[0].{LONG}(\n    {LONG},\n)\ny = f(\n    {LONG},\n).y[0].{LONG}.zzzzzz({LONG})\n",
    ),
    "a long tuple of one": (
        f"x = (f({LONG}, {LONG}, {LONG}),)",
        f"x = (f(\n    {LONG},\n    {LONG},\n    {LONG},\n),)\n",
    ),
    "a long string as an argument": (
        'x = CALL("""Do\nthis""", text)',
        'x = CALL("""Do\nthis""", text)\n',
    ),
    "a long string in brackets that are broken": (
        f'x = CALL("""Do\nthis""", {LONG}, {LONG}, {LONG})',
        f'x = CALL(\n    """Do\nthis""",\n    {LONG},\n    {LONG},\n    {LONG},\n)\n',
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    text, expected = LAYOUTS[name]
    assert formatted(text) == expected


def test_lines_are_not_too_long_where_they_can_be_broken() -> None:
    text = formatted(f"x = f([{LONG}, {{1: ({LONG}, [{LONG}, {LONG}])}}], y=[a for a in {LONG} if b(c, d)], z={LONG})")
    assert max(map(len, text.split("\n"))) <= WIDTH


@pytest.mark.parametrize("name", DEEP)
def test_deep_trees(name: str) -> None:
    before, step, after = DEEP[name]
    formatted(before + step * 190 + after)


@pytest.mark.heavy
@pytest.mark.parametrize("name", NESTED)
def test_deep_brackets(name: str) -> None:
    """Brackets as deep as the parser allows."""
    for n in range(200, 0, -1):
        before, inside, after = NESTED[name]
        text = before * n + inside + after * n
        parsed = parse_partial(Source(text))
        if not parsed.diagnostics:
            formatted(text)
            return
    raise AssertionError(name)
