"""Documents as text: PDF, Word, and pages of the web."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rlmlang.data.archives import check_archive
from rlmlang.data.encodings import decoded
from rlmlang.data.forms import DataForm
from rlmlang.data.isolated_reading import parts
from rlmlang.data.libraries import library
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow

MAX_DOCUMENT = 100_000_000
"""The most bytes of a PDF or Word file."""

MAX_PAGE = 20_000_000
"""The most bytes of a page of the web, whose tree takes some twenty times as much."""


def _pdf_pages(place: DataPlace) -> Iterator[str]:
    """Yield the text of each page. Raises UsageError E604."""
    texts = list(parts(place, "pdf", place.read(MAX_DOCUMENT)))
    if not any(text.strip() for text in texts):
        raise place.broken("it has no text, only images", "let a program for text recognition (OCR) add it")
    yield from texts


def pdf_pages(place: DataPlace) -> Iterator[str]:
    """Yield the text of each page of a PDF, in this process. Raises UsageError E604."""
    pdfium = library("pypdfium2", "PDF files")
    with place.library_reads("PDF file"):
        document = pdfium.PdfDocument(place.read(MAX_DOCUMENT))
        try:
            yield from map(_text_of_page, document)
        finally:
            document.close()


def _text_of_page(page: Any) -> str:
    text_page = page.get_textpage()
    try:
        text = str(text_page.get_text_bounded())
    finally:
        text_page.close()
        page.close()
    # U+FFFE is PDFium's mark of a hyphen that only the end of a line has made.
    return text.replace("\ufffe\r\n", "").replace("\ufffe", "").replace("\r\n", "\n").replace("\r", "\n")


def _pdf_rows(place: DataPlace) -> Table:
    def begin() -> Iterator[TableRow]:
        return ({"page": number, "text": text} for number, text in enumerate(_pdf_pages(place), 1))

    return Table(place.name, begin, ("page", "text"))


def _word_text(place: DataPlace) -> str:
    """Return the text of a Word file. Raises UsageError E604."""
    return "".join(parts(place, "word", place.read(MAX_DOCUMENT)))


def word_text(place: DataPlace) -> Iterator[str]:
    """Yield the paragraphs and tables of a Word file, headings with `#` as in Markdown, in this process.

    Raises UsageError E604.
    """
    docx = library("docx", "Word files")
    with place.library_reads("Word file"), place.seekable() as raw:
        check_archive(raw, place)
        blocks = [_block(each) for each in docx.Document(raw).iter_inner_content()]
    yield "\n\n".join(block for block in blocks if block.strip()) + "\n"


def _block(block: Any) -> str:
    if hasattr(block, "rows"):
        return _rows_text([cell.text for cell in row.cells] for row in block.rows)
    style = (block.style.name or "") if block.style is not None else ""
    level = "Title" if style == "Title" else style.removeprefix("Heading ")
    marks = "# " if level == "Title" else "#" * int(level) + " " if style != level and level.isdigit() else ""
    return marks + str(block.text)


def _rows_text(rows: Iterable[list[str]]) -> str:
    """Return rows as those of a table in Markdown."""
    lines = ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines[:1], "|" + "---|" * (lines[0].count(" | ") + 1), *lines[1:]]) if lines else ""


def text_of_page(place: DataPlace, html: str) -> str:
    """Return the main text of a page that is at a place, empty if it has none. Raises UsageError E604."""
    return "".join(parts(place, "html", html.encode("utf-8", "surrogatepass")))


def page_text(place: DataPlace) -> Iterator[str]:
    """Yield the main text of a page in UTF-8, as Markdown, in this process. Raises UsageError E604."""
    html = place.read().decode("utf-8", "surrogatepass")
    trafilatura = library("trafilatura", "HTML files")
    options = {"output_format": "markdown", "include_tables": True, "include_comments": False, "favor_recall": True}
    if "<html" not in html[:1_000].lower():  # it takes a part of a page for none
        html = f"<html><body>{html}</body></html>"
    with place.library_reads("HTML file"):
        yield trafilatura.extract(html, deduplicate=False, **options) or trafilatura.html2txt(html) or ""


def _html_text(place: DataPlace) -> str:
    """Return the main text of a page. Raises UsageError E604."""
    text = text_of_page(place, decoded(place.read(MAX_PAGE), place.name))
    if not text:
        raise place.broken("it has no text")
    return text.rstrip("\n") + "\n"


PDF = DataForm("a PDF file", lambda place: "\n\n".join(_pdf_pages(place)), _pdf_rows)
WORD = DataForm("a Word file", _word_text)
HTML = DataForm("an HTML file", _html_text)
