"""Analysts' sentences: of those that the pages prove nearly all are verified, of those with a mistake nearly all are rejected."""

import os
import tomllib
from functools import cache
from pathlib import Path

import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.events import Source
from jacie_flask.evidence.citations import Evidence, cite
from tests.support.golden import pages_of

FOLDER = Path(__file__).with_name("sentences")
SAMPLES = Path("sample_documents")
COLLECTION = os.environ.get("JACIE_FILINGS", "")
KINDS = {"ratio", "days", "average", "CAGR", "share", "sum", "margin", "change", "quote", "comparison"}


@cache
def analysed(company):
    """Return the analysis of a company's newest sample report."""
    (path,) = SAMPLES.glob(f"{company}_*_2024_annual_report.pdf")
    return analyse(list(pages_of(path)), company)


@cache
def made_up():
    """Return the made-up pages by name."""
    return tomllib.loads((FOLDER / "pages.toml").read_text(encoding="utf-8"))


def evidence(name, number, *, with_tables):
    """Return a page as evidence; its tables as its document has them, or to be read from its text."""
    company, _, page = name.partition(" ")
    source = Source(
        n=number, document_id=company, filename=f"{company}.pdf", company="", period="", document_type="", page=int(page or 1),
        snippet="", score=1.0, url="",
    )  # fmt: skip
    if not page:
        return Evidence(source, made_up()[name].strip())
    if (Path(COLLECTION) / "pdfs" / f"{company}.pdf").is_file():
        (text,) = pages_of(Path(COLLECTION) / "pdfs" / f"{company}.pdf", [int(page)])
        return Evidence(source, text)
    document = analysed(company)
    tables = tuple(table for table in document.tables if table.page == int(page)) if with_tables else None
    return Evidence(source, document.pages[int(page) - 1], tables=tables)


def judged(file, side, *, with_tables=True):
    """Return (kind, sentence, verified, reasons) of each sentence of one side of a file."""
    found = []
    for group in tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))[side]:
        pages = [evidence(name, number, with_tables=with_tables) for number, name in enumerate(group["pages"], 1)]
        for sentence in group["sentences"]:
            citations = cite(sentence, pages)
            verified = bool(citations) and all(citation.verified for citation in citations)
            found.append((group["kind"], sentence, verified, [citation.reason for citation in citations]))
    return found


@pytest.mark.parametrize("with_tables", [True, False], ids=["tables of the document", "text alone"])
@pytest.mark.parametrize("file", ["first.toml", "second.toml"])
def test_right_sentences_are_verified(file, with_tables):
    """At least 54 of 60, of each of the ten kinds."""
    found = judged(file, "right", with_tables=with_tables)
    doubted = [(kind, sentence, reasons) for kind, sentence, verified, reasons in found if not verified]
    assert {kind for kind, *_ in found} == KINDS
    assert len(found) >= 60
    assert len(doubted) <= 0.1 * len(found), doubted


@pytest.mark.parametrize("with_tables", [True, False], ids=["tables of the document", "text alone"])
@pytest.mark.parametrize("file", ["first.toml", "second.toml"])
def test_wrong_sentences_are_rejected(file, with_tables):
    """At least 58 of 60: wrong year, row, sign, unit, scale, segment, direction, duration, and invented figures."""
    found = judged(file, "wrong", with_tables=with_tables)
    passed = [(kind, sentence, reasons) for kind, sentence, verified, reasons in found if verified]
    assert len(found) >= 60
    assert len(passed) <= len(found) / 30, passed


@pytest.mark.skipif(not COLLECTION, reason="JACIE_FILINGS names no collection: sentences about real filings not judged")
def test_sentences_about_real_filings():
    """The same of pages of real filings, read from their text alone."""
    right, wrong = judged("filings.toml", "right"), judged("filings.toml", "wrong")
    doubted = [(sentence, reasons) for _, sentence, verified, reasons in right if not verified]
    passed = [(sentence, reasons) for _, sentence, verified, reasons in wrong if verified]
    assert len(doubted) <= 0.1 * len(right), doubted
    assert len(passed) <= len(wrong) / 30, passed
