"""From page texts to everything an index needs: chunks, labels, term counts and a guess at what the document is."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from jacie_flask.documents.guess import guess_document
from jacie_flask.facts.extraction import tables_of
from jacie_flask.facts.grids import Grid
from jacie_flask.facts.page_figures import page_figures
from jacie_flask.facts.values import Table
from jacie_flask.interfaces import AnalysedDocument, Chunk, Postings
from jacie_flask.text.chunking import chunk_pages
from jacie_flask.text.labels import label_pages
from jacie_flask.text.lines import tidy
from jacie_flask.text.notemarks import removed
from jacie_flask.text.terms import term_ids


def analyse(
    pages: list[str], content_hash: str, clean: Callable[[str], str] = tidy, grids: Sequence[Grid] = ()
) -> AnalysedDocument:
    """Analyse the page texts of one document, the first is page 1; ``clean`` makes plain lines of a page.

    ``grids`` are the document's tables where it has cells: they are read in place of their lines of text.
    """
    pages = [clean(page) for page in pages]
    chunks, unmarked = chunk_pages(pages), [removed(page) for page in pages]
    labels, guess = label_pages(unmarked), guess_document(unmarked)
    tables = tables_of(pages, labels, guess, grids)
    return AnalysedDocument(
        content_hash=content_hash,
        pages=pages,
        chunks=chunks,
        labels=labels,
        body=postings(term_ids(chunk.text) for chunk in chunks),
        heading=postings(term_ids("\n".join(chunk.headings)) for chunk in chunks),
        guess=guess,
        tables=tables,
        figures=_figures(chunks, tables),
    )


def _figures(chunks: Sequence[Chunk], tables: Sequence[Table]) -> Postings:
    """Count the line items of each page at its first chunk."""
    of_page = page_figures(tables)
    return postings(of_page.pop(chunk.page, ()) for chunk in chunks)


def postings(rows: Iterable[Sequence[int]]) -> Postings:
    """Count the terms of each row; rows are numbered from 0."""
    terms: list[int] = []
    sizes: list[int] = []
    for row in rows:
        terms.extend(row)
        sizes.append(len(row))
    keys = np.repeat(np.arange(len(sizes), dtype=np.uint64) << np.uint64(32), sizes) | np.array(terms, dtype=np.uint64)
    unique, counts = np.unique(keys, return_counts=True)
    return Postings(
        terms=(unique & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes(),
        rows=(unique >> np.uint64(32)).astype("<u4").tobytes(),
        counts=np.minimum(counts, 0xFFFF).astype("<u2").tobytes(),
    )
