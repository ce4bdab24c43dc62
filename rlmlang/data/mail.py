"""Mails as they are saved (`.eml`)."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from rlmlang.data.documents import text_of_page
from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow

MAX_MAIL = 100_000_000

HEADERS = ("from", "to", "cc", "date", "subject")
"""The headers that are read; others are for machines."""


def _mail(place: DataPlace) -> TableRow:
    """Return the headers of a mail, its text, and the names of its attachments. Raises UsageError E604."""
    data = place.read(MAX_MAIL)
    with place.library_reads("mail"):
        message = cast(EmailMessage, message_from_bytes(data, policy=cast(Any, default)))
        if not any(message[name] for name in ("from", "subject", "date")):
            raise place.broken("it has none of the headers From, Subject and Date, so that it is no mail")
        headers = {name: str(message[name] or "") for name in HEADERS}
        attachments = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
        return {**headers, "text": _body(place, message), "attachments": attachments}


def _body(place: DataPlace, message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    if body is None:
        return ""
    text = str(body.get_content()).replace("\r\n", "\n")
    return text_of_page(place, text) if body.get_content_type() == "text/html" else text


def _text(place: DataPlace) -> str:
    mail = _mail(place)
    lines = [f"{name.capitalize()}: {mail[name]}" for name in HEADERS if mail[name]]
    if mail["attachments"]:
        lines.append(f"Attachments: {', '.join(mail['attachments'])}")
    return "\n".join([*lines, "", mail["text"]])


def _rows(place: DataPlace) -> Table:
    def begin() -> Iterator[TableRow]:
        yield _mail(place)

    return Table(place.name, begin, (*HEADERS, "text", "attachments"), 1)


MAIL = DataForm("a mail", _text, _rows)
