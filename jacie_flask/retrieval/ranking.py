"""The one ranker: BM25 over pages, their best chunk and their headings, with labels, selection and vectors on top."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jacie_flask.facts.page_figures import IN_STATEMENT
from jacie_flask.interfaces import AnalysedDocument, CatalogDocument, Passage, SearchQuery
from jacie_flask.retrieval.corpus import Columns, Corpus, Field, Floats, Hits
from jacie_flask.retrieval.passages import passage_text, snippet
from jacie_flask.text.labels import label_bits
from jacie_flask.text.terms import is_number, term_counts

K1, B = 1.2, 0.75
PAGE, CHUNK, HEADING, LABEL, SELECTION, DENSE = 0.5, 0.5, 0.15, 0.7, 1.0, 0.6
FIGURES = 0.4
SECOND_LABELS = 0.4
SURE_LABEL = 0.5
BEST = PAGE + CHUNK + HEADING + LABEL + SELECTION + DENSE + FIGURES
DENSE_PAGES = 200

Texts = Callable[[Sequence[int]], Mapping[int, str]]
"""Gives the texts of chunk rows; a row that is gone is left out."""


@dataclass(frozen=True)
class CorpusStatistics:
    """What BM25 needs to know of the whole collection: chunks, mean lengths in words, chunks that hold each term."""

    chunks: int
    chunk_words: float
    page_words: float
    heading_words: float
    frequency: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChunkCandidate:
    """A chunk that some index proposes: ``position`` is its place in the document, ``similarity`` its cosine if known.

    ``body`` and ``heading`` are its term counts (text.terms); where they are None they are counted from the texts.
    ``figures`` are the line items of its page (facts/page_figures.py) where it is the first chunk of the page.
    """

    document_id: str
    page: int
    position: int
    text: str
    headings: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    body: Mapping[int, int] | None = None
    heading: Mapping[int, int] | None = None
    similarity: float | None = None
    figures: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranking:
    """The best page rows of a corpus, best first, with their scores from 0 to 1 and the score of every chunk row.

    ``likeness`` is the cosine of every chunk row, NaN where it is not known.
    """

    pages: list[int]
    scores: list[float]
    chunk_scores: Floats
    likeness: Floats | None = None


def rank_chunks(
    candidates: Sequence[ChunkCandidate], query: SearchQuery, statistics: CorpusStatistics | None = None
) -> list[Passage]:
    """Rank the pages of candidate chunks exactly as the embedded index ranks its own; at most ``query.top_k``, best first.

    A page's passage is made of the candidate chunks that it has here. ``statistics`` are the collection's, where the index
    keeps them; without, they are estimated from the candidates.
    """
    ordered = sorted(candidates, key=lambda one: (one.document_id, one.page, one.position))
    corpus = Corpus(_columns(ordered))
    similarity = np.array([np.nan if one.similarity is None else one.similarity for one in ordered], dtype=np.float32)
    ranking = rank_pages(corpus, query, statistics, None if np.isnan(similarity).all() else similarity)
    return passages(corpus, query, ranking, lambda rows: {row: ordered[row].text for row in rows})


def rank_documents(documents: Sequence[tuple[CatalogDocument, AnalysedDocument]], query: SearchQuery) -> list[Passage]:
    """Rank the pages of documents that are held in memory; at most ``query.top_k``, best first."""
    corpus = Corpus([Columns.of(document.document_id, analysed) for document, analysed in documents])
    chunks = [chunk.text for _, analysed in documents for chunk in analysed.chunks]
    return passages(corpus, query, rank_pages(corpus, query), lambda rows: {row: chunks[row] for row in rows})


def corpus_statistics(corpus: Corpus, terms: Sequence[int]) -> CorpusStatistics:
    """Return what BM25 needs to know of a corpus for these terms."""
    chunks, pages = max(corpus.chunks, 1), max(corpus.pages, 1)
    frequency = {term: len(rows) for term, (rows, _) in zip(terms, corpus.body.hits(terms), strict=True)}
    words, heading = float(corpus.body.words.sum()), float(corpus.heading.words.sum())
    return CorpusStatistics(corpus.chunks, words / chunks, words / pages, heading / chunks, frequency)


def rank_pages(
    corpus: Corpus, query: SearchQuery, statistics: CorpusStatistics | None = None, similarity: Floats | None = None
) -> Ranking:
    """Score every page of a corpus for a query; ``similarity`` (one a chunk, NaN where unknown) replaces the corpus's vectors."""
    terms = list(query.terms)
    statistics = statistics or corpus_statistics(corpus, terms)
    weights = _weights(query, terms, statistics)
    allowed = _allowed(corpus, query)
    body = [_within(hits, allowed) for hits in corpus.body.hits(terms)]
    heading = [_within(hits, allowed) for hits in corpus.heading.hits(terms)]
    chunk = _bm25(body, weights, corpus.body.words, statistics.chunk_words, corpus.chunks)
    page = _bm25([_by_page(corpus, hits) for hits in body], weights, corpus.page_words, statistics.page_words, corpus.pages)
    title = _bm25(heading, weights, corpus.heading.words, statistics.heading_words, corpus.chunks)
    best_chunk = _best_of_pages(corpus, chunk)
    lexical = PAGE * _scaled(page) + CHUNK * _scaled(best_chunk)
    score = lexical + HEADING * _scaled(_best_of_pages(corpus, title)) + _bonus(corpus, query) + FIGURES * _figures(corpus, query)
    if allowed is not None:
        score[~allowed[corpus.page_start[:-1]]] = -1.0
    if query.vector is not None or similarity is not None:
        similarity = _similarity(corpus, query, score) if similarity is None else similarity
        score += likeness_weight(query, corpus.labels) * _dense(corpus, similarity, lexical)
        chunk = chunk + float(chunk.max(initial=0.0)) * np.nan_to_num(similarity)
    return replace(_top(score, chunk, query.top_k), likeness=similarity)


def passages(corpus: Corpus, query: SearchQuery, ranking: Ranking, texts: Texts) -> list[Passage]:
    """Turn ranked page rows into passages; a page whose text is gone is left out."""
    found = texts([row for page in ranking.pages for row in corpus.chunks_of(page)])
    weights = {term: weight * (0.5 if is_number(term) else 1.0) for term, weight in query.terms.items()}
    made: list[Passage] = []
    for page, score in zip(ranking.pages, ranking.scores, strict=True):
        rows = [row for row in corpus.chunks_of(page) if row in found]
        if not rows:
            continue
        scores = [float(ranking.chunk_scores[row]) for row in rows]
        best = max(range(len(rows)), key=lambda place: scores[place])
        made.append(
            Passage(
                document_id=corpus.document_ids[int(corpus.page_document[page])],
                page=int(corpus.page_number[page]),
                score=score,
                text=passage_text([found[row] for row in rows], scores),
                snippet=snippet(found[rows[best]], weights),
                whole="\n".join(found[row] for row in rows),
                likeness=_likeness(ranking, rows),
            )
        )
    return made


def _likeness(ranking: Ranking, rows: Sequence[int]) -> float | None:
    """Return the best cosine of some chunks, None where there is none."""
    known = [] if ranking.likeness is None else [float(ranking.likeness[row]) for row in rows]
    return max((value for value in known if not np.isnan(value)), default=None)


def _columns(ordered: Sequence[ChunkCandidate]) -> list[Columns]:
    """Return candidates, sorted by document, as columns."""
    by_document: dict[str, list[ChunkCandidate]] = {}
    for one in ordered:
        by_document.setdefault(one.document_id, []).append(one)
    return [
        Columns(
            document_id,
            np.array([one.page for one in group], dtype=np.uint32),
            {one.page: one.labels for one in group},
            Field.counted(one.body if one.body is not None else term_counts(one.text) for one in group),
            Field.counted(one.heading if one.heading is not None else term_counts("\n".join(one.headings)) for one in group),
            Field.counted(one.figures for one in group),
        )
        for document_id, group in by_document.items()
    ]


def _weights(query: SearchQuery, terms: Sequence[int], statistics: CorpusStatistics) -> list[float]:
    """Return each term's weight times its rarity: ln(1 + (N - n + .5) / (n + .5)), as Lucene has it."""
    total = max(statistics.chunks, 1)
    rarity = [np.log1p((total - n + 0.5) / (n + 0.5)) for n in (min(statistics.frequency.get(term, 0), total) for term in terms)]
    return [query.terms[term] * float(value) for term, value in zip(terms, rarity, strict=True)]


def _allowed(corpus: Corpus, query: SearchQuery) -> NDArray[np.bool_] | None:
    """Return which chunks may answer, or None for all."""
    if not query.exclusive:
        return None
    mask = np.array([document in query.documents for document in corpus.document_ids], dtype=np.bool_)
    return np.repeat(mask, np.diff(corpus.document_start))


def _within(hits: Hits, allowed: NDArray[np.bool_] | None) -> Hits:
    """Keep the hits in allowed chunks."""
    if allowed is None:
        return hits
    keep = allowed[hits[0]]
    return hits[0][keep], hits[1][keep]


def _by_page(corpus: Corpus, hits: Hits) -> Hits:
    """Add up a term's hits by page."""
    if not len(hits[0]):
        return hits
    pages = corpus.chunk_page[hits[0]]
    first = np.flatnonzero(np.concatenate(([True], pages[1:] != pages[:-1])))
    return pages[first], np.add.reduceat(hits[1].astype(np.float32), first)


def _bm25(hits: Sequence[Hits], weights: Sequence[float], words: Floats, mean: float, rows: int) -> Floats:
    """Return the BM25 score of each row; Robertson and Zaragoza 2009, k1 = 1.2, b = .75."""
    score = np.zeros(rows, dtype=np.float32)
    norm = (K1 * (1 - B + B / max(mean, 1.0) * words)).astype(np.float32)
    for (found, counts), weight in zip(hits, weights, strict=True):
        if len(found):
            count = counts.astype(np.float32)
            score[found] += np.float32(weight * (K1 + 1)) * count / (count + norm[found])
    return score


def _best_of_pages(corpus: Corpus, chunk: Floats) -> Floats:
    """Return the best chunk's score for each page."""
    return np.maximum.reduceat(chunk, corpus.page_start[:-1]) if corpus.pages else np.zeros(0, dtype=np.float32)


def _scaled(score: Floats) -> Floats:
    """Return scores over their maximum."""
    best = float(score.max(initial=0.0))
    return score / np.float32(best) if best > 0 else score


def _bonus(corpus: Corpus, query: SearchQuery) -> Floats:
    """Return what each page gets for its labels and for its document's selection."""
    best, rest, penalty = (np.zeros(corpus.pages, dtype=np.float32) for _ in range(3))
    for label, weight in query.labels.items():
        has = (corpus.page_labels & np.uint32(label_bits((label,)))) != 0
        if weight > 0:
            rest[has] += np.float32(weight)
            best[has] = np.maximum(best[has], np.float32(weight))
        else:
            penalty[has] += np.float32(weight)
    bonus = best + np.float32(SECOND_LABELS) * (rest - best) + penalty
    selection = np.array([query.documents.get(document, 0.0) for document in corpus.document_ids], dtype=np.float32)
    return bonus + np.float32(SELECTION) * selection[corpus.page_document] if corpus.pages else bonus


def _figures(corpus: Corpus, query: SearchQuery) -> Floats:
    """Return which share of the line items asked for each page states; one in a lesser table than a statement counts half."""
    score = np.zeros(corpus.pages, dtype=np.float32)
    for (rows, counts), share in zip(corpus.figures.hits(list(query.figures)), query.figures.values(), strict=True):
        score[corpus.chunk_page[rows]] += np.float32(share / IN_STATEMENT) * counts
    return score


def likeness_weight(query: SearchQuery, labels: Collection[str]) -> float:
    """Return what similarity counts: the surer the labels that pages have say where the answer stands, the less likeness adds."""
    surest = max((bonus for label, bonus in query.labels.items() if label in labels), default=0.0)
    return DENSE * (1.0 - min(max(surest, 0.0) / SURE_LABEL, 1.0))


def _similarity(corpus: Corpus, query: SearchQuery, score: Floats) -> Floats:
    """Return the cosine of the chunks on the pages that lead so far; NaN where there is no vector."""
    similarity = np.full(corpus.chunks, np.nan, dtype=np.float32)
    vector = np.asarray(query.vector, dtype=np.float32).ravel()
    if corpus.vectors is None or corpus.vectors.shape[1] != len(vector):
        return similarity
    leading = np.zeros(corpus.pages, dtype=np.bool_)
    leading[np.argpartition(-score, min(DENSE_PAGES, corpus.pages - 1))[:DENSE_PAGES]] = True
    rows = np.flatnonzero(leading[corpus.chunk_page] & corpus.embedded)
    similarity[rows] = corpus.vectors[rows].astype(np.float32) @ vector
    return similarity


def _dense(corpus: Corpus, similarity: Floats, lexical: Floats) -> Floats:
    """Return each page's best similarity over the maximum; pages without vectors get what their words earned."""
    best = _best_of_pages(corpus, np.nan_to_num(similarity, nan=-1.0))
    return np.where(best > -1.0, _scaled(np.maximum(best, 0.0)), _scaled(lexical))


def _top(score: Floats, chunk: Floats, top_k: int) -> Ranking:
    """Return the best pages; ties go to the earlier one."""
    count = min(top_k, len(score))
    if count <= 0:
        return Ranking([], [], chunk)
    near = np.argpartition(-score, count - 1)[:count]
    order = near[np.lexsort((near, -score[near]))]
    order = order[score[order] > 0]
    scores = np.clip(score[order] / BEST, 0.0, 1.0)
    return Ranking(order.tolist(), [float(value) for value in scores], chunk)
