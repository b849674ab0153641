"""Questions about documents with cells, through ingestion and the pipeline: the figure of the cell, computed."""

import io

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from jacie_flask.answer.pipeline import PIPELINES
from jacie_flask.interfaces import Question
from tests.facts.test_cell_tables import FILING, INCOME, inline, tagged, workbook
from tests.support.parts import built, ingested, over_files
from tests.support.reading import case

SAMPLES = (
    "Fenwick results 2024 scaled.xlsx",
    "Galtee results 2024 formulas.xlsx",
    "Brightwater 10-K 2023.htm",
    "Corvane annual report 2024.html",
)


def document(lines):
    """Return the bytes of a DOCX with a table."""
    made = docx.Document()
    made.add_heading("Marlowe Textiles plc annual report 2024")
    made.add_heading("Consolidated income statement", 2)
    table = made.add_table(rows=len(lines), cols=3)
    for row, line in enumerate(lines):
        for column, value in enumerate(line):
            table.cell(row, column).text = str(value)
    return saved(made)


def deck(lines):
    """Return the bytes of a PPTX with a table."""
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[5])
    slide.shapes.title.text = "Norland Ferries results 2024"
    table = slide.shapes.add_table(len(lines), 3, 0, 0, Inches(4), Inches(1)).table
    for row, line in enumerate(lines):
        for column, value in enumerate(line):
            table.cell(row, column).text = str(value)
    return saved(made)


def saved(made):
    """Return the bytes of a document."""
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def answers(settings, *questions):
    """Ingest the documents of the settings, ask each question on both endpoints, and return the answers."""
    settings = settings.model_copy(update={"model": "none"})
    ingested(settings)
    with built(settings) as parts:
        return [
            (query, mode, PIPELINES[mode](Question(query=query, mode=mode), parts, lambda _: None))
            for query in questions
            for mode in PIPELINES
        ]


def check(found, expected):
    """Compare answers with the figures that they have to give."""
    for query, mode, result in found:
        assert result.basis == "computed", (query, mode, result.declined, result.response)
        assert expected[query] in result.response, (query, mode, result.response)


def test_documents_of_each_kind(tmp_path):
    """A filing's table, a workbook, a document and slides give their figures exactly, as do the tags of inline XBRL."""
    printed = [("£ million", "2024", "2023"), *((label, f"{one:,.1f}", f"{two:,.1f}") for label, one, two in INCOME)]
    stored = [("EUR million", 2024, 2023), *((label, one * 1e6, two * 1e6) for label, one, two in INCOME)]
    files = {
        "Averton Tools 10-K 2023.htm": FILING.replace("FORM 10-K", "FORM 10-K Averton Tools Inc").encode(),
        "Pinehollow Stores 10-K 2024.htm": inline(
            tagged("Takings", "us-gaap:Revenues", "4,200", "3,900"), tagged("What was lost", "us-gaap:NetIncomeLoss", "-35", "12")
        ).encode(),
        "Quillon Pumps annual report 2024.xlsx": workbook(("Income statement", stored, "#,##0,,")),
        "Marlowe Textiles annual report 2024.docx": document(printed),
        "Norland Ferries results 2024.pptx": deck(
            [("", "2024", "2023"), ("Revenue", "€4.2bn", "€3.9bn"), ("Net income", "€310m", "€290m")]
        ),
    }
    expected = {
        "What was Averton Tools' revenue in 2022?": "1,900 million",
        "What was Averton Tools' cost of sales in 2023?": "1,200 million",
        "What was Pinehollow Stores' revenue in 2023?": "3,900 million",
        "What was Pinehollow Stores' net income in 2024?": "−35 million",
        "What was Quillon Pumps' revenue in 2024?": "5,510",
        "What was Marlowe Textiles' profit before tax in 2023?": "1,560.2 million",
        "What was Norland Ferries' revenue in 2024?": "4.2 billion",
        "What was Norland Ferries' net income in 2023?": "290 million",
    }
    check(answers(over_files(tmp_path, files), *expected), expected)


def test_samples(tmp_path):
    """The sample inputs that went wrong give their right figures."""
    expected = {
        "What was Fenwick's revenue in 2024?": "42,280 million",
        "What was Fenwick's operating loss in 2023?": "902 million",
        "What was Galtee's wholesale in 2023?": "195 million",
        "What was Brightwater's goodwill in 2022?": "1,888 million",
        "What were Corvane's headline earnings in 2023?": "1,102 million",
        "What was Corvane's dividend per share in 2024?": "ZAR 0.96",
    }
    check(answers(over_files(tmp_path, {name: case(name) for name in SAMPLES}), *expected), expected)


@pytest.mark.parametrize("question", ["What was Sallow Mills' revenue in 2024?", "What was Sallow Mills' net income in 2024?"])
def test_tables_of_parts_answer_nothing(question, tmp_path):
    """A segment's figure is not given for the company's."""
    book = openpyxl.Workbook()
    for line in (("Retail segment, EUR million", 2024, 2023), ("Revenue", 42, 39), ("Net income", 4, 3)):
        book.active.append(line)
    ((_, _, one), (_, _, two)) = answers(over_files(tmp_path, {"Sallow Mills results 2024.xlsx": saved(book)}), question)
    assert "computed" not in (one.basis, two.basis)
