"""Ranking: one scoring for every index, and each part of it does what it says."""

from collections import Counter

import msgspec
import numpy as np
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.facts.page_figures import figure_id, page_figures
from jacie_flask.interfaces import CatalogDocument, SearchQuery
from jacie_flask.retrieval.corpus import Columns, Corpus
from jacie_flask.retrieval.passages import passage_text, snippet
from jacie_flask.retrieval.ranking import ChunkCandidate, corpus_statistics, rank_chunks, rank_documents, rank_pages
from jacie_flask.text.terms import term_counts

PAGES = {
    "mill": [
        "The mill burns bark for steam.",
        "Bark prices rose; the mill buys bark from two forests.",
        "Holiday calendar of the mill.",
    ],
    "shop": ["The shop sells pens and paper.", "Pens sell best in August, before school.", "Holiday calendar of the shop."],
}


def document(name):
    """Return a catalog entry of that name."""
    return CatalogDocument(document_id=name, filename=f"{name}.pdf", key=name)


def held():
    """Return both documents, analysed."""
    return [(document(name), analyse(pages, name)) for name, pages in PAGES.items()]


def asked(text, **more):
    """Return a query of a text's terms."""
    return SearchQuery(text=text, terms=dict.fromkeys(term_counts(text), 1.0), **more)


def found(query):
    """Return where the best pages are."""
    return [(passage.document_id, passage.page) for passage in rank_documents(held(), query)]


def test_the_page_that_says_most_about_it_comes_first():
    """Rare terms that occur more often win."""
    assert found(asked("bark prices forests"))[0] == ("mill", 2)


def test_pages_without_any_term_are_not_found():
    """A page that earned nothing is no result."""
    assert found(asked("pens")) == [("shop", 1), ("shop", 2)] or found(asked("pens")) == [("shop", 2), ("shop", 1)]
    assert found(asked("zeppelin")) == []


def test_selection_lifts_a_document():
    """The same words in the selected document come first."""
    assert found(asked("holiday calendar", documents={"shop": 1.0}))[0] == ("shop", 3)
    assert found(asked("holiday calendar", documents={"mill": 1.0}))[0] == ("mill", 3)


def test_exclusive_keeps_inside_the_selection():
    """Nothing outside is returned, even where it fits better."""
    assert {name for name, _ in found(asked("bark calendar", documents={"shop": 0.5}, exclusive=True))} == {"shop"}


def test_an_exclusive_query_over_nothing_finds_nothing():
    """An empty selection that is exclusive excludes everything."""
    assert found(asked("bark", exclusive=True)) == []


def test_a_label_is_a_bonus_and_a_penalty():
    """Labelled pages move up or down, the others stay where they were."""
    corpus = Corpus([Columns.of(one.document_id, msgspec.structs.replace(a, labels={3: ["mda"]})) for one, a in held()])
    query = asked("mill holiday bark steam")
    up = rank_pages(corpus, msgspec.structs.replace(query, labels={"mda": 2.0}))
    down = rank_pages(corpus, msgspec.structs.replace(query, labels={"mda": -0.2}))
    assert int(corpus.page_number[up.pages[0]]) == 3
    assert int(corpus.page_number[down.pages[0]]) != 3


STATEMENTS = {
    "mill": [
        "Net income of the mill is discussed here: net income grew.",
        "Consolidated Statements of Operations\n(in millions) 2021 2020\nNet sales $ 2,000 $ 1,900\nCost of sales 1,400 1,350\n"
        "Gross profit 600 550\nSelling, general and administrative expenses 300 290\nOperating income 300 260\n"
        "Interest expense 20 22\nIncome before income taxes 280 238\nProvision for income taxes 60 50\nNet income $ 220 $ 188",
        "Consolidated Statements of Cash Flows\n(in millions) 2021 2020\nOperating activities\nNet income $ 220 $ 188\n"
        "Depreciation and amortization 60 50\nNet cash provided by operating activities 280 238\nInvesting activities\n"
        "Purchases of property, plant and equipment (75) (70)\nNet cash used in investing activities (75) (70)\n"
        "Financing activities\nDividends paid (40) (35)\nNet cash used in financing activities (40) (35)",
    ]
}


def statement_pages():
    """Return a document whose second and third pages are statements."""
    return [(document(name), analyse(pages, name)) for name, pages in STATEMENTS.items()]


@pytest.mark.parametrize(
    ("concepts", "page"),
    [
        ((("gross_profit", 2020),), 2),
        ((("capex", 2021),), 3),
        ((("revenue", 2021), ("capex", 2021), ("operating_cash_flow", 2021), ("dividends_paid", 2021)), 3),
        ((("revenue", 2021), ("net_income", 2021), ("capex", 2021)), 2),
    ],
)
def test_of_like_pages_the_one_that_states_more_of_the_line_items_comes_first(concepts, page):
    """Both statements have the words of the question."""
    query = asked("consolidated statements", figures={figure_id(*one): 1 / len(concepts) for one in concepts})
    assert rank_documents(statement_pages(), query)[0].page == page


def test_a_line_item_of_a_year_that_no_table_has_changes_nothing():
    """The words decide then."""
    query = asked("consolidated statements")
    unknown = msgspec.structs.replace(query, figures={figure_id("capex", 2015): 1.0})
    assert rank_documents(statement_pages(), unknown) == rank_documents(statement_pages(), query)


def test_candidates_carry_the_line_items_of_their_page():
    """An index that proposes chunks gives the same pages and scores as the corpus."""
    query = asked("net income", figures={figure_id("capex", 2021): 1.0})
    ((one, analysed),) = statement_pages()
    corpus = Corpus([Columns.of(one.document_id, analysed)])
    of_page = page_figures(analysed.tables)
    candidates = [
        ChunkCandidate(
            document_id=one.document_id,
            page=chunk.page,
            position=n,
            text=chunk.text,
            headings=chunk.headings,
            labels=tuple(analysed.labels.get(chunk.page, ())),
            figures=Counter(of_page.pop(chunk.page, ())),
        )
        for n, chunk in enumerate(analysed.chunks)
    ]
    expected = [(found.page, pytest.approx(found.score)) for found in rank_documents(statement_pages(), query)]
    ranked = rank_chunks(candidates, query, corpus_statistics(corpus, list(query.terms)))
    assert [(found.page, found.score) for found in ranked] == expected


def test_top_k_bounds_and_orders_the_results():
    """Scores fall and stay between 0 and 1."""
    passages = rank_documents(held(), asked("mill shop bark pens calendar", top_k=4))
    scores = [passage.score for passage in passages]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_chunk_candidates_are_scored_as_the_corpus_is():
    """All chunks as candidates with the collection's statistics give the embedded index's pages and scores."""
    query = asked("bark prices calendar pens", documents={"mill": 0.4})
    corpus = Corpus([Columns.of(one.document_id, analysed) for one, analysed in held()])
    candidates = [
        ChunkCandidate(document_id=one.document_id, page=chunk.page, position=n, text=chunk.text, headings=chunk.headings)
        for one, analysed in held()
        for n, chunk in enumerate(analysed.chunks)
    ]
    expected = [(one.document_id, one.page, one.text, pytest.approx(one.score)) for one in rank_documents(held(), query)]
    ranked = rank_chunks(candidates, query, corpus_statistics(corpus, list(query.terms)))
    assert [(one.document_id, one.page, one.text, one.score) for one in ranked] == expected


def test_similar_vectors_lift_a_page():
    """With equal words the page whose vector is nearer comes first."""
    corpus = Corpus([Columns.of(one.document_id, analysed) for one, analysed in held()])
    vectors = np.zeros((6, 4), dtype=np.float32)
    vectors[:, 1] = 1.0
    vectors[5] = (1.0, 0.0, 0.0, 0.0)
    corpus.set_vectors(0, vectors)
    ranking = rank_pages(corpus, asked("holiday calendar", vector=np.array([1.0, 0, 0, 0])))
    assert ranking.pages[0] == 5


def test_missing_vectors_do_not_push_a_page_down():
    """A document without vectors yet keeps its place ahead of a worse one that has them."""
    corpus = Corpus([Columns.of(one.document_id, analysed) for one, analysed in held()])
    corpus.set_vectors(3, np.full((3, 4), 0.5, dtype=np.float32))
    ranking = rank_pages(corpus, asked("bark prices forests calendar", vector=np.array([1.0, 0, 0, 0])))
    assert ranking.pages[0] == 1


def test_no_documents_give_no_passages():
    """An empty collection is no error."""
    assert rank_documents([], asked("anything")) == []
    assert rank_chunks([], asked("anything")) == []


def test_a_short_page_is_shown_whole():
    """A page within the limit is all of its chunks in reading order."""
    assert passage_text(["one", "two", "three"], [0.0, 1.0, 0.0]) == "one\ntwo\nthree"


def test_a_long_page_is_its_best_chunk_and_neighbours():
    """What does not fit is left out and marked, the best chunk never is."""
    chunks = [letter * 90 for letter in "abcdef"]
    text = passage_text(chunks, [0, 0, 0, 0, 5, 0], limit=210)
    assert "e" * 90 in text
    assert "a" * 90 not in text
    assert len(text) <= 210


def test_the_snippet_is_whole_lines_around_the_terms():
    """The window starts where the terms are and keeps its length."""
    text = "\n".join(["nothing of note here"] * 20 + ["Goodwill 4,200 4,100"] + ["more of nothing"] * 20)
    shown = snippet(text, dict.fromkeys(term_counts("goodwill"), 1.0))
    assert shown.startswith("Goodwill 4,200 4,100")
    assert len(shown) <= 300
