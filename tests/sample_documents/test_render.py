"""Owns the checks of the sample reports: sound figures, reproducible files, and questions whose answers are in them."""

import json
import re
from pathlib import Path

import pypdfium2
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "sample_documents"
QUESTIONS = [json.loads(line) for line in (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
METADATA = json.loads((FOLDER / "metadata.json").read_text(encoding="utf-8"))
FILES = [entry["filename"] for entries in METADATA.values() for entry in entries]
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?%?")


def read_pages(filename):
    """The text of every page, with its white space made plain."""
    document = pypdfium2.PdfDocument(FOLDER / filename)
    try:
        pages = []
        for page in document:
            text = page.get_textpage()
            pages.append(re.sub(r"\s+", " ", text.get_text_range()))
            text.close()
            page.close()
        return pages
    finally:
        document.close()


def shows(text, figure):
    """Whether a text holds a figure that is not a part of a longer one."""
    return re.search(rf"(?<![\d.,]){re.escape(figure)}(?!\d|[.,]\d)", text) is not None


@pytest.fixture(scope="module")
def texts():
    """Every report's pages, read once."""
    return {filename: read_pages(filename) for filename in FILES}


@pytest.fixture
def model(monkeypatch):
    """The modules beside the reports, imported as the script imports them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import companies
    import figures

    return companies, figures


def test_identities_hold_in_every_year_of_every_company(model):
    """Balance sheets balance, cash flows explain cash, and the notes sum to the statements."""
    companies, figures = model
    for company in companies.COMPANIES:
        figures.check(company.books)
        for number in (2022, 2023, 2024):
            broken = {
                claim: pair
                for claim, pair in figures.identities(figures.Year(company.books, number)).items()
                if pair[0] != pair[1]
            }
            assert not broken, f"{company.name} {number}"


def test_check_refuses_books_that_do_not_balance(model):
    """One wrong opening balance is noticed."""
    import dataclasses

    companies, figures = model
    books = companies.COMPANIES[0].books
    with pytest.raises(AssertionError, match="balance sheet"):
        figures.check(dataclasses.replace(books, retained_opening=books.retained_opening + 1))


def test_published_ratios_follow_from_the_figures(model):
    """Earnings per share are net income by shares, as the reports show them."""
    companies, figures = model
    for company in companies.COMPANIES:
        for number in (2023, 2024):
            year = figures.Year(company.books, number)
            earned = year.revenue - sum(year.flow(item.amounts) for item in company.books.expenses)
            earned += year.finance_income - year.finance_costs - year.tax
            shares = company.books.shares[number - figures.FIRST_YEAR]
            assert abs(year.eps - earned / shares) <= 0.005
            assert any(f"{year.eps:.2f}" in page for page in read_pages(company.filename(number)))


def test_comparatives_equal_the_report_of_the_year_before(model, texts):
    """The prior-year column of the 2024 report repeats the figures of the 2023 report."""
    companies, figures = model
    row = re.compile(r"Total assets (\S+) (\S+).*?Total equity and liabilities (\S+) (\S+)")
    for company in companies.COMPANIES:
        newer, older = (
            next(found.groups() for page in texts[company.filename(number)] if (found := row.search(page)))
            for number in (2024, 2023)
        )
        year = figures.Year(company.books, 2023)
        assert newer[1] == newer[3] == older[0] == older[2] == company.books.currency.table(year.total_assets)


def test_rendering_again_gives_the_same_bytes(tmp_path, monkeypatch):
    """The files in the repository are what the script writes."""
    pytest.importorskip("reportlab", reason="reportlab is missing: the sample reports were NOT rendered again")
    monkeypatch.syspath_prepend(str(FOLDER))
    import render

    render.write_all(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for filename in FILES:
        assert (tmp_path / filename).read_bytes() == (FOLDER / filename).read_bytes(), (
            f"{filename}: run sample_documents/render.py"
        )


def test_metadata_names_the_files_that_are_there():
    """Every report has one entry, and every entry a report."""
    assert sorted(FILES) == sorted(path.name for path in FOLDER.glob("*.pdf"))
    for entries in METADATA.values():
        assert [entry["period"] for entry in entries] == ["2023", "2024"]
        for entry in entries:
            assert entry["document_type"] == "annual_report"
            assert entry["document_link"] == f"s3://sample-filings/{entry['filename']}"


def test_reports_stay_small():
    """All reports together stay below 600 kilobytes."""
    assert sum((FOLDER / filename).stat().st_size for filename in FILES) < 600_000


@pytest.mark.parametrize("filename", FILES)
def test_report_is_long_enough_and_says_that_it_is_fictional(texts, filename):
    """A report has at least eight pages, tells on the first that it is invented, and numbers the others."""
    pages = texts[filename]
    assert len(pages) >= 8
    assert "This company is fictional and this report is sample data." in pages[0]
    for number, text in enumerate(pages[1:], start=2):
        assert f"Page {number}" in text
        assert "Annual Report 202" in text


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["id"] for question in QUESTIONS])
def test_answer_stands_on_the_named_pages(texts, question):
    """Every figure of an answer is in the text of each page that the question names."""
    assert question["filename"] in {entry["filename"] for entry in METADATA[question["company"]]}
    figures = FIGURE.findall(question["answer"])
    assert figures
    assert question["pages"]
    for number in question["pages"]:
        missing = [figure for figure in figures if not shows(texts[question["filename"]][number - 1], figure)]
        assert not missing, f"page {number}"


def test_there_are_enough_questions_with_distinct_names():
    """At least fifteen questions, about every report, each with a name of its own."""
    assert len(QUESTIONS) >= 15
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)
    assert {question["filename"] for question in QUESTIONS} == set(FILES)
