"""Documents as columns: chunks, pages, labels and inverted terms in numpy arrays that the ranker can add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jacie_flask.interfaces import AnalysedDocument, Postings
from jacie_flask.text.labels import label_bits, label_names
from jacie_flask.text.terms import NUMBER_BIT

Ints = NDArray[np.integer]
Floats = NDArray[np.float32]
Hits = tuple[Ints, Ints]
"""Where a term occurs: rows, ascending and each once, and how often it does in each."""


@dataclass(frozen=True)
class Field:
    """The term counts of one field of one document as arrays, sorted by chunk row."""

    terms: Ints
    rows: Ints
    counts: Ints

    @classmethod
    def of(cls, postings: Postings) -> "Field":
        """Read postings without copying."""
        return cls(
            np.frombuffer(postings.terms, "<u4"), np.frombuffer(postings.rows, "<u4"), np.frombuffer(postings.counts, "<u2")
        )

    @classmethod
    def counted(cls, rows: Iterable[Mapping[int, int]]) -> "Field":
        """Make a field of term counts, one mapping a row."""
        triples = [(term, row, count) for row, counts in enumerate(rows) for term, count in counts.items()]
        columns = np.array(triples, dtype=np.uint32).reshape(-1, 3)
        return cls(columns[:, 0], columns[:, 1], columns[:, 2])


NOTHING = Field.of(Postings())


@dataclass(frozen=True)
class Columns:
    """One document as columns: the page of each chunk in reading order, labels by page, its two fields and its line items."""

    document_id: str
    chunk_pages: Ints
    labels: Mapping[int, Sequence[str]]
    body: Field
    heading: Field
    figures: Field = NOTHING

    @classmethod
    def of(cls, document_id: str, analysed: AnalysedDocument) -> "Columns":
        """Take the columns out of an analysed document."""
        return cls(
            document_id,
            np.array([chunk.page for chunk in analysed.chunks], dtype=np.uint32),
            analysed.labels,
            Field.of(analysed.body),
            Field.of(analysed.heading),
            Field.of(analysed.figures),
        )


class Inverted:
    """The postings of one field of all documents, by term."""

    def __init__(self, fields: Sequence[Field], offsets: Ints, chunks: int) -> None:
        """Join the documents' fields; ``offsets`` says where each document's chunks begin."""
        terms = _joined([field.terms for field in fields], np.uint32)
        rows = _joined([field.rows + np.uint32(offset) for field, offset in zip(fields, offsets, strict=False)], np.uint32)
        counts = _joined([field.counts for field in fields], np.uint16)
        words = (terms & np.uint32(NUMBER_BIT)) == 0
        self.words: Floats = np.bincount(rows[words], weights=counts[words], minlength=chunks).astype(np.float32)
        order = np.argsort(terms, kind="stable")
        self.rows: Ints = rows[order]
        self.counts: Ints = counts[order]
        terms = terms[order]
        first = np.flatnonzero(np.concatenate(([True], terms[1:] != terms[:-1]))) if len(terms) else np.zeros(0, np.int64)
        self.terms: Ints = terms[first]
        self.starts: Ints = np.append(first, len(terms))

    def hits(self, terms: Sequence[int]) -> list[Hits]:
        """Return where each term occurs."""
        if not len(self.terms):
            return [(self.rows, self.counts)] * len(terms)
        places = np.searchsorted(self.terms, np.array(terms, dtype=np.uint32))
        found: list[Hits] = []
        for term, place in zip(terms, places.tolist(), strict=True):
            known = place < len(self.terms) and int(self.terms[place]) == term
            span = slice(int(self.starts[place]), int(self.starts[place + 1])) if known else slice(0, 0)
            found.append((self.rows[span], self.counts[span]))
        return found


class Corpus:
    """Every chunk and page of some documents; rows of one page stand together, pages of one document too."""

    def __init__(self, documents: Sequence[Columns]) -> None:
        """Join the documents' columns."""
        sizes = [len(document.chunk_pages) for document in documents]
        self.document_ids = [document.document_id for document in documents]
        self.document_start: Ints = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        self.chunks = int(self.document_start[-1])
        numbers = _joined([document.chunk_pages for document in documents], np.uint32)
        owners = np.repeat(np.arange(len(documents), dtype=np.uint32), sizes)
        first = np.concatenate(([True], (numbers[1:] != numbers[:-1]) | (owners[1:] != owners[:-1])))[: self.chunks]
        self.chunk_page: Ints = (np.cumsum(first) - 1).astype(np.int32)
        self.page_start: Ints = np.append(np.flatnonzero(first), self.chunks)
        self.page_number: Ints = numbers[first]
        self.page_document: Ints = owners[first]
        self.pages = len(self.page_number)
        self.page_labels: Ints = self._label_column(documents)
        self.labels = label_names(int(np.bitwise_or.reduce(self.page_labels, initial=0)))
        self.body = Inverted([document.body for document in documents], self.document_start, self.chunks)
        self.heading = Inverted([document.heading for document in documents], self.document_start, self.chunks)
        self.figures = Inverted([document.figures for document in documents], self.document_start, self.chunks)
        self.page_words: Floats = np.bincount(self.chunk_page, weights=self.body.words, minlength=self.pages).astype(np.float32)
        self.vectors: NDArray[np.float16] | None = None
        self.embedded: NDArray[np.bool_] = np.zeros(self.chunks, dtype=np.bool_)

    def _label_column(self, documents: Sequence[Columns]) -> Ints:
        """Return the label bits of each page row."""
        bounds = np.searchsorted(self.page_document, np.arange(len(documents) + 1))
        bits = np.zeros(self.pages, dtype=np.uint32)
        for document, (start, end) in zip(documents, pairwise(bounds.tolist()), strict=True):
            numbers = self.page_number[start:end].tolist()
            bits[start:end] = [label_bits(document.labels.get(number, ())) for number in numbers]
        return bits

    def chunks_of(self, page: int) -> range:
        """Return the chunk rows of a page row, in reading order."""
        return range(int(self.page_start[page]), int(self.page_start[page + 1]))

    def set_vectors(self, start: int, vectors: NDArray[np.floating]) -> None:
        """Put unit vectors (n, dimension) on the chunk rows from ``start``."""
        if self.vectors is None or self.vectors.shape[1] != vectors.shape[1]:
            self.embedded[:] = False
            self.vectors = np.zeros((self.chunks, vectors.shape[1]), dtype=np.float16)
        self.vectors[start : start + len(vectors)] = vectors
        self.embedded[start : start + len(vectors)] = True


def _joined(parts: Sequence[Ints], kind: type[np.unsignedinteger]) -> Ints:
    """Concatenate arrays, which may be none."""
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.zeros(0, dtype=kind)
