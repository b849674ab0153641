"""Selection: which documents a question is about, from an invented catalog."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.documents.catalog import StoreCatalog
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.ledger import Ledger
from jacie_flask.events import Turn
from jacie_flask.evidence.entries import KnownCatalog
from jacie_flask.evidence.selection import select, select_from, with_evidence
from jacie_flask.interfaces import CatalogDocument, Passage
from jacie_flask.text.periods import periods
from tests.support.jacie import ROOT


def entry(company, filename, kind, period, **more):
    """Return a catalog entry."""
    return CatalogDocument(
        document_id=filename, filename=filename, key=filename, company=company, document_type=kind, period=period, **more
    )


CATALOG = [
    *(entry("Northwind Paper", f"NORTHWIND_{year}_10K.pdf", "10k", str(year)) for year in (2017, 2018, 2019, 2020)),
    entry("Northwind Paper", "NORTHWIND_2020Q2_10Q.pdf", "10q", "2020"),
    entry("Northwind Paper", "NORTHWIND_2020_8K_dated-2020-07-01.pdf", "8k", "2020"),
    entry("Northwind Paper", "NORTHWIND_2020_8K_dated-2020-11-15.pdf", "8k", "2020"),
    entry("Contoso Foods International", "CONTOSO_2019_10K.pdf", "10k", "2019"),
    entry("Contoso Foods International", "CONTOSO_2020_10K.pdf", "10k", "2020"),
    entry("Contoso Foods International", "CONTOSO_2020Q4_EARNINGS.pdf", "Earnings", "2020"),
    entry("General Looms", "GENERALLOOMS_2020_10K.pdf", "10k", "2020", aliases=("Weavers United",)),
    entry("Fabrikam Health Bancorp", "FABRIKAM_2020_10K.pdf", "10k", "2020"),
]


def chosen(query, **more):
    """Return the names of the chosen files, best first."""
    return [one.document.filename for one in select(query, CATALOG, **more).documents]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("What was Northwind Paper's revenue in FY2018?", "NORTHWIND_2018_10K.pdf"),
        ("northwind net income 2019", "NORTHWIND_2019_10K.pdf"),
        ("How did Nortwind Paper do in 2017?", "NORTHWIND_2017_10K.pdf"),
        ("Contoso's inventory at the end of fiscal year 2019", "CONTOSO_2019_10K.pdf"),
        ("CFI revenue in 2020", "CONTOSO_2020_10K.pdf"),
        ("What did General Looms earn in 2020?", "GENERALLOOMS_2020_10K.pdf"),
        ("Weavers United goodwill", "GENERALLOOMS_2020_10K.pdf"),
        ("wat was nrothwind revnue in 2018", "NORTHWIND_2018_10K.pdf"),
        ("fabrikham loans in 2020", "FABRIKAM_2020_10K.pdf"),
        ("FBRK loans in 2020?", "FABRIKAM_2020_10K.pdf"),
        ("Northwind capex in the second quarter of 2020", "NORTHWIND_2020Q2_10Q.pdf"),
        ("What is in Northwind's 8-K dated 1st July 2020?", "NORTHWIND_2020_8K_dated-2020-07-01.pdf"),
        ("Northwind 8-K of November 15, 2020", "NORTHWIND_2020_8K_dated-2020-11-15.pdf"),
        ("Contoso Foods adjusted non-GAAP EBITDA 2020", "CONTOSO_2020Q4_EARNINGS.pdf"),
        ("Contoso earnings release 2020", "CONTOSO_2020Q4_EARNINGS.pdf"),
        ("Northwind latest annual report", "NORTHWIND_2020_10K.pdf"),
        ("Northwind average margin FY2017 - FY2019", "NORTHWIND_2019_10K.pdf"),
        ("Northwind's revenue", "NORTHWIND_2020_10K.pdf"),
        ("Northwind total assets FY17", "NORTHWIND_2017_10K.pdf"),
    ],
)
def test_the_best_document_comes_first(query, first):
    """Company, period, quarter, date and type of a question lead to its document."""
    selection = select(query, CATALOG)
    assert selection.documents[0].document.filename == first
    assert selection.confident


@pytest.mark.parametrize(
    ("query", "written"),
    [("wat was nothwind paper revnue in 2018", "nothwind"), ("What did Nortwind earn?", "Nortwind")],
)
def test_a_misspelt_company_is_taken_and_said(query, written):
    """The nearest name is searched alone, and a sentence tells what was taken for it."""
    selection = select(query, CATALOG)
    said = f"No company is called “{written}”: taken as Northwind Paper."
    assert (selection.misspelt, selection.companies) == ((said,), ("Northwind Paper",))
    assert selection.message.startswith(f"{said} Selected NORTHWIND_")


@pytest.mark.parametrize("name", ["Humana", "Moderna", "Lowes", "Boeing", "Discover", "Revenua", "Mattel", "Verizon", "Corning"])
def test_an_ordinary_word_is_no_misspelt_company(name):
    """A word that is near a company's name in lower case, but a word of its own, names nobody."""
    words = "human modern lowest being discovery revenue matter version coming reports expanse latest dividends growth"
    assert not select(f"the {words} of the year", [entry(name, f"{name}.pdf", "10k", "2020"), *CATALOG]).misspelt


def questions():
    """Return the questions of the samples, and of the real filings where there are any, each with its company."""
    for folder in filter(None, (str(ROOT / "sample_documents"), os.environ.get("JACIE_FILINGS", ""))):
        rows = [json.loads(line) for line in (Path(folder) / "questions.jsonl").read_text().splitlines()]
        yield [(row["question"], row["company"], row["filename"]) for row in rows]


def test_no_word_of_real_questions_is_taken_for_a_misspelt_company():
    """What people ask, in lower case too, names a company of the catalog by its name or not at all."""
    for rows in questions():
        catalog = [entry(company, filename, "", "") for _, company, filename in rows]
        for question, company, _ in rows:
            others = [one for one in catalog if one.company != company]
            for asked in (question, question.lower()):
                assert not select(asked, catalog).misspelt
                assert not select(asked.lower(), others).misspelt


def test_only_the_named_company_is_searched():
    """A recognised company keeps the search inside its documents."""
    selection = select("Northwind revenue 2018", CATALOG)
    assert all(name.startswith("NORTHWIND") for name in selection.scores)


def test_a_later_report_covers_a_year_that_has_none():
    """The report of the year after also shows the year asked for."""
    assert chosen("Contoso sales in 2018")[0] == "CONTOSO_2019_10K.pdf"


def test_comparisons_select_every_company():
    """Each company of a comparison has its document among the first."""
    assert set(chosen("Compare the 2020 revenue of Northwind and Contoso")[:2]) == {
        "NORTHWIND_2020_10K.pdf",
        "CONTOSO_2020_10K.pdf",
    }


def test_comparisons_across_far_years_select_both_reports():
    """Years that no one report covers get one each."""
    assert set(chosen("Northwind's total assets in 2017 compared to 2020")[:2]) == {
        "NORTHWIND_2017_10K.pdf",
        "NORTHWIND_2020_10K.pdf",
    }


def test_a_generic_word_is_no_company():
    """A company's common first word in lower case does not name it."""
    assert not select("What are general expenses?", CATALOG).confident


def test_an_unknown_company_is_said_to_be_unknown():
    """Nothing is pretended about a company that the catalog does not have."""
    selection = select("What was Globex's revenue in 2020?", CATALOG)
    assert not selection.confident
    assert "Globex" in selection.message
    assert all(one.score < 0.5 for one in selection.documents)


def test_no_company_spreads_over_all():
    """A question about anything searches everything, lightly ordered."""
    selection = select("Which company pays the largest dividend?", CATALOG)
    assert not selection.confident
    assert set(selection.scores) == {one.filename for one in CATALOG}


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"company": "northwind paper"}, 7),
        ({"period": "2020"}, 8),
        ({"document_type": "10-K"}, 8),
        ({"company": "CONTOSO FOODS INTERNATIONAL", "period": "2019"}, 1),
    ],
)
def test_filters_are_hard(filters, count):
    """Only documents that pass every filter, in any letter case and spelling of the form."""
    assert len(select("revenue", CATALOG, filters=filters, limit=20).scores) == count


def test_a_filter_without_match_is_an_empty_selection():
    """No document passes, none is chosen, and the message says what was asked."""
    selection = select("revenue", CATALOG, filters={"company": "Globex"})
    assert selection.documents == []
    assert selection.scores == {}
    assert "Globex" in selection.message


def test_an_empty_catalog_is_an_empty_selection():
    """There is a sentence for that, too."""
    assert select("revenue", []).message == "The catalog holds no documents."


def test_every_choice_has_its_reason_in_words():
    """People can see why a document was taken."""
    first = select("Northwind revenue 2018", CATALOG).documents[0]
    assert first.reason == "company Northwind Paper, period 2018"


def test_file_names_stand_in_for_a_catalog_without_companies():
    """A bare listing is still asked by company and year."""
    bare = [entry("", f"Acme-Robotics-{year}-annual-report.pdf", "", "") for year in (2021, 2022)] + [
        entry("", "Umbra_2022_10K.pdf", "", "")
    ]
    assert select("Acme Robotics profit 2021", bare).documents[0].document.filename == "Acme-Robotics-2021-annual-report.pdf"


def test_pages_found_settle_what_the_catalog_cannot():
    """Among documents that fit equally well, the one with the best page moves to the front."""
    selection = select("Who votes in the Northwind 8-K?", CATALOG)
    second = selection.documents[1].document.filename
    found = [Passage(document_id=second, page=2, score=0.9, text="", snippet="")]
    assert with_evidence(selection, found).documents[0].document.filename == second


def test_a_conversation_carries_company_and_year():
    """A follow-up is resolved before documents are chosen."""
    history = [Turn(role="user", content="What was Northwind's revenue in FY2019?"), Turn(role="assistant", content="10")]
    assert chosen("And the year before?", history=history)[0] == "NORTHWIND_2018_10K.pdf"
    assert chosen("What about Contoso?", history=history)[0] == "CONTOSO_2019_10K.pdf"


def test_a_catalog_is_prepared_once_for_each_of_its_states(tmp_path):
    """Questions of many tenants each find their names prepared, and anew only once the catalog has changed."""
    made = []

    def prepare(documents):
        made.append(len(documents))
        return KnownCatalog(documents)

    catalogs = []
    for number in range(8):
        root = tmp_path / str(number)
        root.mkdir()
        (root / f"Northwind{number}_2020_10K.pdf").write_text("x")
        store = FolderStore(root, max_bytes=1000)
        catalogs.append((root, StoreCatalog(store, Ledger(tmp_path / f"{number}.db"), ttl_s=3600)))
    for _ in range(3):
        for number, (_, catalog) in enumerate(catalogs):
            chosen = select_from(catalog.prepared(prepare), f"What did Northwind{number} earn in 2020?")
            assert chosen.companies == (f"Northwind{number}",)
            catalog.refresh()
    assert made == [1] * 8
    root, catalog = catalogs[0]
    (root / "Southwind_2021_10K.pdf").write_text("x")
    catalog.refresh()
    assert select_from(catalog.prepared(prepare), "Southwind's revenue?").companies == ("Southwind",)
    assert made == [1] * 8 + [2]


def test_threads_that_ask_at_once_prepare_a_catalog_once(tmp_path):
    """The others wait for the first and get the same."""
    (tmp_path / "Northwind_2020_10K.pdf").write_text("x")
    catalog = StoreCatalog(FolderStore(tmp_path, max_bytes=1000), Ledger(tmp_path / "ledger.db"), ttl_s=3600)
    made = []

    def prepare(documents):
        made.append(KnownCatalog(documents))
        return made[-1]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: catalog.prepared(prepare), range(32)))
    assert len(made) == 1
    assert set(map(id, found)) == {id(made[0])}


@settings(max_examples=80)
@given(st.text(max_size=200))
def test_any_question_gets_a_selection(query):
    """No text breaks the selection, and scores stay between 0 and 1."""
    selection = select(query, CATALOG)
    assert all(0 <= score <= 1 for score in selection.scores.values())


@pytest.mark.parametrize(
    ("text", "years", "quarters"),
    [
        ("FY2017 - FY2019", (2017, 2018, 2019), ()),
        ("2023Q2", (2023,), (2,)),
        ("Q3'21", (2021,), (3,)),
        ("the second quarter of fiscal 2022", (2022,), (2,)),
        ("FY22", (2022,), ()),
        ("10K_2020_final.pdf", (2020,), ()),
        ("$2,020 million and 2020.5 units", (), ()),
        ("from 2019 to 21", (2019, 2020, 2021), ()),
    ],
)
def test_periods_are_read_from_text(text, years, quarters):
    """Fiscal years, ranges and quarters in the ways people write them."""
    read = periods(text)
    assert (read.years, read.quarters) == (years, quarters)


MIXED = [
    entry("Northwind Paper", "NORTHWIND_2018_10K.pdf", "10k", "2018"),
    entry("Northwind Paper", "NORTHWIND_2022_10K.pdf", "10k", "2022"),
    entry("Northwind Paper", "NORTHWIND_2019_EARNINGS.pdf", "Earnings", "2019"),
    entry("Northwind Paper", "NORTHWIND_2022_EARNINGS.pdf", "Earnings", "2022"),
    entry("Northwind Paper", "NORTHWIND_2017Q2_10Q.pdf", "10q", "2017Q2"),
]


def test_without_a_date_the_newest_of_all_kinds_leads():
    """The newest of an old kind is old."""
    scores = select("What are Northwind Paper's leases?", MIXED).scores
    assert max(scores, key=lambda name: scores[name]) == "NORTHWIND_2022_10K.pdf"
    assert scores["NORTHWIND_2017Q2_10Q.pdf"] < scores["NORTHWIND_2022_EARNINGS.pdf"]


def test_what_is_expected_for_a_year_is_in_the_release_before_it():
    """What was reached in it is in its own report."""
    catalog = [*MIXED, entry("Northwind Paper", "NORTHWIND_2021_EARNINGS.pdf", "Earnings", "2021")]
    assert (
        select("What guidance did Northwind Paper give for 2020?", catalog).documents[0].document.filename
        == "NORTHWIND_2019_EARNINGS.pdf"
    )
    assert (
        select("What was Northwind Paper's adjusted profit in 2021?", catalog).documents[0].document.filename
        == "NORTHWIND_2021_EARNINGS.pdf"
    )
