"""Measure search on companies that nothing was chosen for: python bench/generalisation.py QUESTIONS.jsonl [--words] [--misses].

Each company is left out in turn. What the questions of the others do not support is taken away: pointers of the lexicon that only its own
questions match go, and the weights of the ranker are chosen anew by the others (one weight after the other, the best of a few multiples of
what it is). Then its questions are asked. The sum over all companies is what search does on a collection that it was not tuned on.

The settings name the collection and its index as they do for a server (JACIE_DOCUMENTS, JACIE_DATA, JACIE_INDEX); the index is one that
`jacie ingest` has finished. A question is {"question", "filename", "pages"}; pages count from 1. ``--words`` asks without embeddings.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

sys.path.append(str(pathlib.Path(__file__).parents[1]))
os.environ.setdefault("JACIE_INGEST", "off")

from jacie_flask import services
from jacie_flask.config import load
from jacie_flask.evidence import page_search, query
from jacie_flask.evidence.query import prepare
from jacie_flask.interfaces import Passage, Question, SearchQuery, Services
from jacie_flask.retrieval import ranking

WEIGHTS = ("PAGE", "CHUNK", "HEADING", "LABEL", "DENSE", "FIGURES", "SECOND_LABELS")
MULTIPLES = (0.5, 0.75, 1.0, 1.35, 2.0)
POINTERS = ("STATEMENT_POINTERS", "METRIC_POINTERS", "TOPIC_POINTERS")
_PAGES = 10
_NOWHERE = 99


@dataclass(frozen=True)
class Asked:
    """A question with its company, its right pages and the documents that were selected for it."""

    text: str
    company: str
    right: frozenset[tuple[str, int]]
    query: SearchQuery


def questions_of(path: pathlib.Path, parts: Services, *, dense: bool) -> list[Asked]:
    """Return the questions that name pages, prepared with the lexicon as it is."""
    documents = {one.filename: one for one in parts.catalog.documents()}
    asked = []
    for row in map(json.loads, path.read_text().splitlines()):
        if row.get("pages"):
            document = documents[row["filename"]]
            right = frozenset((document.document_id, page) for page in row["pages"])
            asked.append(
                Asked(
                    row["question"], row.get("company") or document.company, right, prepared(row["question"], parts, dense=dense)
                )
            )
    return asked


def prepared(text: str, parts: Services, *, dense: bool) -> SearchQuery:
    """Return what the index is asked for a question; raise SystemExit where no document is selected for any."""
    selection = page_search.choose(Question(query=text, mode="search"), parts, 50)
    if dense:
        return page_search.search_query(selection, parts, _PAGES)[0]
    return prepare(selection, top_k=_PAGES)


def rank(one: Asked, passages: Sequence[Passage]) -> int:
    """Return the place of the first right page, from 0; 99 where there is none."""
    return next((at for at, page in enumerate(passages) if (page.document_id, page.page) in one.right), _NOWHERE)


def ranks(asked: Sequence[Asked], parts: Services) -> list[int]:
    """Return the place of the first right page of each question."""
    return [rank(one, parts.index.search(one.query)) for one in asked]


def reciprocal(places: Sequence[int]) -> float:
    """Return the mean reciprocal rank."""
    return statistics.fmean(1 / (place + 1) if place < _NOWHERE else 0.0 for place in places)


def choose_weights(asked: Sequence[Asked], parts: Services) -> dict[str, float]:
    """Return the weights that serve the questions best, and set them."""
    best = reciprocal(ranks(asked, parts))
    for name in WEIGHTS:
        before = getattr(ranking, name)
        for multiple in MULTIPLES:
            kept = getattr(ranking, name)
            setattr(ranking, name, before * multiple)
            if (reached := reciprocal(ranks(asked, parts))) > best:
                best = reached
            else:
                setattr(ranking, name, kept)
    return {name: getattr(ranking, name) for name in WEIGHTS}


def without(asked: Sequence[Asked], left: Sequence[Asked], parts: Services, *, dense: bool) -> tuple[list[Asked], list[Asked]]:
    """Drop the pointers that only the questions left out match; return both lists of questions, prepared without them."""
    for name in POINTERS:
        pointers = getattr(query, name)
        mine = [one for one in pointers if any(one.pattern.search(each.text) for each in left)]
        alone = [one for one in mine if not any(one.pattern.search(each.text) for each in asked)]
        setattr(query, name, tuple(one for one in pointers if one not in alone))
    query._pointers.cache_clear()

    def again(one: Asked) -> Asked:
        return Asked(one.text, one.company, one.right, prepared(one.text, parts, dense=dense))

    return [again(one) for one in asked], [again(one) for one in left]


def one_left_out(asked: Sequence[Asked], parts: Services, *, dense: bool) -> dict[str, list[int]]:
    """Return by company the places that its questions reach with what the other companies choose."""
    of_company: Mapping[str, list[Asked]] = defaultdict(list)
    for one in asked:
        of_company[one.company].append(one)
    lexicon = {name: getattr(query, name) for name in POINTERS}
    weights = {name: getattr(ranking, name) for name in WEIGHTS}
    found = {}
    for company in of_company:
        others, own = without([one for one in asked if one.company != company], of_company[company], parts, dense=dense)
        choose_weights(others, parts)
        found[company] = ranks(own, parts)
        for room, kept in ((query, lexicon), (ranking, weights)):
            for name, value in kept.items():
                setattr(room, name, value)
        query._pointers.cache_clear()
    return found


def line(name: str, places: Sequence[int]) -> str:
    """Return the figures of some questions as one line."""
    hits = " ".join(f"hit@{count} {100 * sum(place < count for place in places) / len(places):.1f}" for count in (1, 3, 5, 10))
    return f"{name:24} n {len(places):3} {hits} MRR {reciprocal(places):.3f}"


def main(arguments: Any = None) -> None:
    """Ask all questions as Jacie is, then with each company left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=pathlib.Path)
    parser.add_argument("--words", action="store_true", help="without embeddings")
    parser.add_argument("--misses", action="store_true", help="name the questions whose page is not among the first five")
    options = parser.parse_args(arguments)
    settings = load()
    parts = services.build({"default": settings}, services.background(settings))["default"]
    parts.index.refresh()
    started = time.process_time()
    asked = questions_of(options.questions, parts, dense=not options.words)
    as_it_is = ranks(asked, parts)
    print(line("as it is", as_it_is))
    found = one_left_out(asked, parts, dense=not options.words)
    for company, places in sorted(found.items()):
        print(line(company[:24], places))
    print(line("one company left out", [place for places in found.values() for place in places]))
    print(f"{time.process_time() - started:.0f} s of processor time")
    if options.misses:
        for one, place in zip(asked, as_it_is, strict=True):
            if place >= 5:
                print(f"{place:3} {one.company}: {one.text[:160]}")


if __name__ == "__main__":
    main()
