"""Conversations: what follow-ups, comparisons, quarters, short names and misspelt ones lead to, from an invented catalog."""

import pytest

from jacie_flask.events import Turn
from jacie_flask.evidence.selection import select
from jacie_flask.interfaces import CatalogDocument

FILES = {
    "Northwind Paper": [
        *(f"NORTHWIND_{year}_10K.pdf" for year in (2017, 2018, 2019, 2020)),
        *(f"NORTHWIND_2020Q{quarter}_10Q.pdf" for quarter in (1, 2, 3)),
        "NORTHWIND_2020_8K_dated-2020-07-01.pdf",
        "NORTHWIND_2020_8K_dated-2020-11-15.pdf",
    ],
    "Contoso Foods International": [
        *(f"CONTOSO_{year}_10K.pdf" for year in (2019, 2020, 2021)),
        "CONTOSO_2020Q4_EARNINGS.pdf",
    ],
    "General Looms": ["GENERALLOOMS_2020_10K.pdf"],
    "Fabrikam Health Bancorp": ["FABRIKAM_2020_10K.pdf"],
}
ALIASES = {"General Looms": ("Weavers United",)}
CATALOG = [
    CatalogDocument(document_id=name, filename=name, key=name, company=company, aliases=ALIASES.get(company, ()))
    for company, names in FILES.items()
    for name in names
]


CONVERSATIONS = [
    (["Northwind revenue in FY2019?", "and the year before?"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind revenue in FY2019?", "And in 2017?"], ["NORTHWIND_2017_10K.pdf"]),
    (["Northwind revenue in FY2019?", "what about Contoso?"], ["CONTOSO_2019_10K.pdf"]),
    (["Northwind revenue in FY2019?", "How about Contoso Foods in 2020?"], ["CONTOSO_2020_10K.pdf"]),
    (["Northwind revenue in FY2019?", "and the following year?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind revenue in FY2018?", "What drove the change?"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind revenue in FY2018?", "What was their net income?"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind revenue in FY2018?", "and operating margin?"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind revenue in FY2018?", "compare with 2020"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind revenue in FY2018?", "What was Fabrikam's goodwill in 2020?"], ["FABRIKAM_2020_10K.pdf"]),
    (["Northwind inventory in Q2 2020?", "and the previous quarter?"], ["NORTHWIND_2020Q1_10Q.pdf"]),
    (["Northwind inventory in Q2 2020?", "and the next quarter?"], ["NORTHWIND_2020Q3_10Q.pdf"]),
    (["Northwind inventory in the second quarter of 2020?", "what about Q3?"], ["NORTHWIND_2020Q3_10Q.pdf"]),
    (["Northwind inventory in Q2 2020?", "and for the full year?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Compare Northwind's and Contoso's revenue in 2020"], ["CONTOSO_2020_10K.pdf", "NORTHWIND_2020_10K.pdf"]),
    (["Compare Northwind's revenue in 2017 and 2020"], ["NORTHWIND_2017_10K.pdf", "NORTHWIND_2020_10K.pdf"]),
    (["How did Northwind's margin change from 2018 to 2019?"], ["NORTHWIND_2019_10K.pdf"]),
    (["latest Contoso annual report"], ["CONTOSO_2021_10K.pdf"]),
    (["Contoso's most recent revenue"], ["CONTOSO_2021_10K.pdf"]),
    (["Contoso's newest earnings release"], ["CONTOSO_2020Q4_EARNINGS.pdf"]),
    (["Northwind 10-Q for 3Q20"], ["NORTHWIND_2020Q3_10Q.pdf"]),
    (["Northwind capex 1Q 2020"], ["NORTHWIND_2020Q1_10Q.pdf"]),
    (["Northwind capex in Q1'20"], ["NORTHWIND_2020Q1_10Q.pdf"]),
    (["NORTHWND revenue 2018"], ["NORTHWIND_2018_10K.pdf"]),
    (["Nothwind Paper capex 2019"], ["NORTHWIND_2019_10K.pdf"]),
    (["nortwind paper capex 2019"], ["NORTHWIND_2019_10K.pdf"]),
    (["Contosso revenue in 2019"], ["CONTOSO_2019_10K.pdf"]),
    (["contoso foods net income FY20"], ["CONTOSO_2020_10K.pdf"]),
    (["CFI inventory 2019"], ["CONTOSO_2019_10K.pdf"]),
    (["NWP capex 2018"], ["NORTHWIND_2018_10K.pdf"]),
    (["NRTH capex 2018"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind revenue in FY2019?", "and the year before?", "and the year before that?"], ["NORTHWIND_2017_10K.pdf"]),
    (["Northwind revenue in FY2019?", "what about Contoso?", "and Fabrikam in 2020?"], ["FABRIKAM_2020_10K.pdf"]),
    (["Northwind revenue in FY2019?", "what about Contoso?", "net income?"], ["CONTOSO_2019_10K.pdf"]),
    (["Northwind revenue in FY2019?", "same for General Looms"], ["GENERALLOOMS_2020_10K.pdf"]),
    (["Northwind revenue in FY2019?", "Show me the latest"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind revenue in FY2018?", "What is it in the latest annual report?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind revenue in FY2018?", "and most recently?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind's total assets in fiscal 2018", "two years later?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind's total assets in fiscal 2020", "two years earlier?"], ["NORTHWIND_2018_10K.pdf"]),
    (["Northwind's total assets in fiscal 2020", "And two years before that?"], ["NORTHWIND_2018_10K.pdf"]),
    (
        ["Who voted in the Northwind 8-K of July 1, 2020?", "and the one of November 15, 2020?"],
        ["NORTHWIND_2020_8K_dated-2020-11-15.pdf"],
    ),
    (["Northwind revenue in FY2019?", "and Contoso's?"], ["CONTOSO_2019_10K.pdf"]),
    (["Northwind revenue in FY2019?", "Is that more than Contoso's?"], ["CONTOSO_2019_10K.pdf"]),
    (["Northwind revenue in FY2019?", "thanks! what about 2020?"], ["NORTHWIND_2020_10K.pdf"]),
    (["Northwind revenue in FY2019?", "vs Contoso"], ["CONTOSO_2019_10K.pdf"]),
    (["What was Weavers United's revenue in 2020?", "and capex?"], ["GENERALLOOMS_2020_10K.pdf"]),
    (["Northwind sales in the second quarter of fiscal 2020?", "and for the whole year?"], ["NORTHWIND_2020_10K.pdf"]),
]


@pytest.mark.parametrize(("turns", "wanted"), CONVERSATIONS, ids=[" > ".join(turns) for turns, _ in CONVERSATIONS])
def test_a_conversation_leads_to_its_documents(turns, wanted):
    """The last question, with what those before it said, selects the reports it is about, in front of all others."""
    history = [Turn(role="user", content=turn) for turn in turns[:-1]]
    selection = select(turns[-1], CATALOG, history=history)
    assert {one.document.filename for one in selection.documents[: len(wanted)]} == set(wanted), selection.question
