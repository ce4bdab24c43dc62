"""What errors are over HTTP: a status, and a body in the form that clients of OpenAI read."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from rlmlang.api import QUESTION_SOURCE
from rlmlang.diagnostics import CODES, Diagnostic
from rlmlang.errors import (
    INTERNAL,
    BudgetError,
    ContextOverflow,
    InputMismatch,
    InvalidOption,
    MissingInput,
    MissingModel,
    ModelError,
    ModelNotLoaded,
    ProgramError,
    RequestError,
    RlmError,
    RunError,
    ServerUnavailable,
    UnknownInput,
)
from rlmlang.redact import Redactor

logger = logging.getLogger("rlmlang")

REFUSALS = {
    "E700": 400, "E701": 401, "E702": 403, "E703": 404, "E704": 413, "E705": 408, "E706": 429, "E707": 429, "E708": 503,
    "E709": 502,
}  # fmt: skip
"""The status of each reason to refuse a request."""

_KINDS: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""OpenAI's word for an error by its status, where it has one of its own."""

_AGAIN = frozenset({"E400", "E409", "E706", "E708", "E709"})
"""The codes of errors after which the same request may succeed shortly."""


def status_of(error: RlmError) -> int:
    """Return the status of an error: 4xx if the request is at fault, 429 for limits, 502 or 503 for models."""
    match error:
        case RequestError():
            return REFUSALS[error.first.code]
        case ProgramError() | MissingInput() | UnknownInput() | InputMismatch() | InvalidOption() | ContextOverflow():
            return 400
        case RunError():
            return 500 if error.first.code == "E300" else 422
        case BudgetError():
            return 429
        case ServerUnavailable() | ModelNotLoaded() | MissingModel():
            return 503
        case ModelError():
            return 502
    return 500


def error_body(error: RlmError, redactor: Redactor | None) -> dict[str, Any]:
    """Return the JSON object of an error, without secrets."""
    status, first = status_of(error), error.first
    if status == 500:  # a fault of whoever runs the server, whose paths are not for others
        logger.error("a request failed: %s: %s", first.code, first.message)
        first = Diagnostic(first.code, CODES[first.code], hint="the log of the server says more")
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    found: dict[str, Any] = {"message": first.message, "type": kind, "param": None, "code": first.code}
    found["hint"] = first.hint
    if first.span is not None and first.span.source.name != QUESTION_SOURCE:
        found |= _place(first)
    if status < 500 and len(error.diagnostics) > 1:
        found["diagnostics"] = [
            {"code": each.code, "message": each.message, "hint": each.hint} | _place(each) for each in error.diagnostics
        ]
    clean: dict[str, Any] = (redactor or Redactor()).data(found)
    return {"error": clean}


def _place(diagnostic: Diagnostic) -> dict[str, Any]:
    data = diagnostic.to_json()
    return {"line": data["line"], "column": data["column"]}


def error_response(error: RlmError, redactor: Redactor | None, headers: Mapping[str, str]) -> web.Response:
    """Return the response of an error. Clients of OpenAI are told whether to send the request again."""
    status = status_of(error)
    again = error.first.code in _AGAIN
    more = {"X-Should-Retry": "true" if again else "false", **({"Retry-After": "1"} if again else {})}
    return json_response(error_body(error, redactor), status, {**more, **headers})


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON response: in ASCII, since a text may hold half a surrogate pair, which UTF-8 has not."""
    body = json.dumps(data, ensure_ascii=True).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def as_rlm_error(error: BaseException) -> RlmError:
    """Return the error to answer with. A fault of rlmlang is logged, and the client is told no more than that."""
    match error:
        case RlmError():
            if error.first.message.startswith(INTERNAL):
                logger.error("a run failed by a fault of rlmlang", exc_info=error)
            return error
        case web.HTTPRequestEntityTooLarge():
            return RequestError.of("E704", "the request is too large")
        case web.HTTPNotFound():
            return RequestError.of("E703", "there is nothing at this address", hint="GET / lists the addresses")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return RequestError.of("E703", f"{error.method} is not for this address", hint=f"send {allowed}")
        case web.HTTPException():
            return RequestError.of("E700", error.reason)
    logger.error("a request failed by a fault of rlmlang", exc_info=error)
    return RlmError.of("E300", f"{type(error).__name__}: {error}")
