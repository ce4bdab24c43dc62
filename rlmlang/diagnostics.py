"""Diagnostics as data: each is one problem with its code, message, place and hint. `errors.py` raises them.

`CODES` is the one list of codes, and `render.py` writes diagnostics as text (decision 93).
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from rlmlang.language.source import Span

CODES: dict[str, str] = {
    # Lexis and syntax
    "E100": "the text does not fit the grammar",
    "E101": "the program text is too long",
    "E102": "a character that is not allowed in a program",
    "E103": "brackets or expressions nest too deeply",
    "E104": "a string or bracket is not closed",
    "E105": "indentation does not match any block",
    "E106": "a number or escape is malformed",
    "E107": "an f-string is malformed",
    "E110": "`while` cannot make a CALL",
    "E113": "there is no such module, or it has no such name",
    "E114": "this form of `try`, `except` or `raise` is not in the language",
    "E115": "`async` and `await` are not in the language",
    "E116": "this decorator is not in the language",
    "E117": "a starred expression is not allowed here",
    "E118": "`:=` cannot be used here",
    "E119": "`global` and `nonlocal` are not in the language",
    "E120": "no assignment to attributes, and `del` of elements and slices only",
    "E121": "this Python statement is not in the language",
    "E122": "a reserved word cannot be a name",
    "E123": "`return`, `break` or `continue` is not allowed here",
    "E124": "a lambda is allowed only as an argument, or alone behind `name =`",
    "E126": "this does not declare a function of the host",
    # Names and types
    "E200": "unknown name",
    "E201": "the name of a function or record cannot be bound again",
    "E202": "a function is used before its definition",
    "E203": "unknown type",
    "E204": "attributes that start with `_` are not in the language",
    "E205": "the type has no such attribute or method",
    "E206": "unknown keyword argument",
    "E207": "wrong number of arguments",
    "E208": "argument order or repetition",
    "E210": "type mismatch",
    "E211": "no overload fits",
    "E212": "the operator, index or slice does not fit its operands",
    "E213": "branches or elements have no common type",
    "E214": "the value is not callable",
    "E215": "functions are not values",
    "E216": "the value may be None",
    "E217": "the type cannot be inferred",
    "E218": "cannot unpack",
    "E219": "the comparison can never be true",
    "E220": "the result type of a CALL cannot be answered by a model",
    "E222": "the program has no value",
    "E224": "a default must be a constant",
    "E225": "inputs come before everything that uses them",
    "E226": "a type may use only earlier types",
    "E227": "the result type is not the declared one",
    "E228": "the record is constructed wrongly",
    "E229": "the name cannot be bound",
    "E230": "the type is too large",
    "E231": "a value is changed that something else holds as well",
    "E232": "a variable has different types where branches meet",
    "E233": "the types of a loop or a recursive function grow without end",
    # Running
    "E300": "the run failed",
    "E301": "index out of range",
    "E302": "key not found",
    "E303": "division by zero",
    "E304": "the value does not have the needed form",
    "E305": "an empty sequence has no such value",
    "E306": "a number is too large or not a real number",
    "E307": "the regular expression is malformed or not linear-time",
    "E308": "argument out of range",
    "E309": "function calls nest too deeply",
    "E310": "a variable is not bound yet",
    "E311": "an assertion failed",
    "E312": "the program raised an error",
    "E313": "a function of the host failed",
    "E314": "a function of the host took too long",
    "E315": "the result of a function of the host is not of the declared type",
    "E316": "too many rows failed",
    # Model
    "E400": "the model failed",
    "E401": "the answer does not have the requested type",
    "E402": "the answer was truncated",
    "E403": "the arguments do not fit the model's context",
    "E404": "the model refused",
    "E405": "the model's program did not check or run",
    "E406": "the scripted model has no reply for this call",
    "E407": "the model could not be loaded",
    "E408": "the model's text violates its constraint",
    "E409": "the server failed repeatedly and is not used for a while",
    "E410": "a replay needs an answer that is not stored",
    "E411": "the answer has no content",
    # Budgets
    "E501": "call budget exhausted",
    "E502": "depth budget exhausted",
    "E503": "prompt token budget exhausted",
    "E504": "completion token budget exhausted",
    "E505": "time budget exhausted",
    "E506": "step budget exhausted",
    "E507": "value too large",
    "E508": "the least possible cost exceeds the budget",
    "E509": "money budget exhausted",
    "E510": "the share of a call is exhausted",
    "E511": "function call budget exhausted",
    "E512": "the budget of a row is exhausted",
    # Use
    "E601": "missing input",
    "E602": "unknown input",
    "E603": "the input does not have the declared type",
    "E604": "the file cannot be read",
    "E605": "unknown model",
    "E606": "the store cannot be used",
    "E607": "wrong option or value",
    "E608": "no price of the model is known",
    "E609": "the trace cannot be read",
    "E610": "the run cannot be found or resumed",
    "E611": "the value does not fit the Python type",
    "E612": "the file or stream cannot be written",
    "E613": "a function of the host is missing or cannot be used",
    "E614": "the cluster cannot be used",
    # Serving
    "E700": "the request cannot be read",
    "E701": "the key is missing or wrong",
    "E702": "the request is not allowed",
    "E703": "there is nothing at this address",
    "E704": "the request is too large",
    "E705": "the request took too long to arrive",
    "E706": "there are too many requests at once",
    "E707": "the key has used up what it may spend",
    "E708": "the server is stopping",
    "E709": "the answer is another than what was streamed of it",
}


@frozen
class Diagnostic:
    """One problem: what is wrong, where, and what to do instead."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"
    notes: tuple[tuple[str, Span], ...] = ()
    """Further places, each with a short text ("called here")."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints for this diagnostic."""
        where: dict[str, Any] = dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
        if self.span is not None:
            line, column = self.span.source.position(self.span.start)
            end_line, end_column = self.span.source.position(self.span.end)
            where = {
                "file": self.span.source.name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
            }
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            **where,
            "hint": self.hint,
        }
