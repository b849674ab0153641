"""Measure retrieval in process: python bench/retrieval.py PDF_FOLDER QUESTIONS.jsonl [--dense] [--misses].

A question is {"question", "filename", "pages"}; pages count from 1. Analysed documents are cached below the system's
temporary folder. ``--dense`` embeds only the chunks of the pages that lead for a question, with the built-in encoder.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pypdfium2

sys.path.append(str(pathlib.Path(__file__).parents[1]))

from jacie_flask.documents.analysis import analyse
from jacie_flask.documents.extraction_worker import _page_text
from jacie_flask.evidence.query import prepare
from jacie_flask.evidence.selection import Selection, select, with_evidence
from jacie_flask.interfaces import ANALYSIS_VERSION, AnalysedDocument, CatalogDocument, Passage, SearchQuery
from jacie_flask.retrieval.corpus import Columns, Corpus
from jacie_flask.retrieval.embedded_embedder import EmbeddedEmbedder
from jacie_flask.retrieval.ranking import passages, rank_pages

CACHE = pathlib.Path(tempfile.gettempdir()) / "jacie-bench"


def pages_of(path: pathlib.Path) -> list[str]:
    """Return the page texts of a PDF, from the cache where they are."""
    cached = CACHE / f"{hashlib.sha256(path.read_bytes()).hexdigest()[:24]}-{ANALYSIS_VERSION}.json"
    if not cached.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        pdf = pypdfium2.PdfDocument(path)
        cached.write_text(json.dumps([_page_text(pdf, number) for number in range(len(pdf))]))
        pdf.close()
    return json.loads(cached.read_text())


def catalog_of(folder: pathlib.Path) -> list[CatalogDocument]:
    """Return the folder's catalog from its metadata.json, or one entry a file."""
    metadata = folder / "metadata.json"
    if not metadata.exists():
        return [
            CatalogDocument(document_id=path.name, filename=path.name, key=path.name) for path in sorted(folder.glob("*.pdf"))
        ]
    return [
        CatalogDocument(
            document_id=entry["filename"],
            filename=entry["filename"],
            key=entry["filename"],
            company=company,
            period=str(entry.get("period", "")),
            document_type=entry.get("document_type", ""),
        )
        for company, entries in json.loads(metadata.read_text()).items()
        for entry in entries
    ]


class CachedEmbedder:
    """The built-in encoder, with what it embedded before on disk."""

    def __init__(self) -> None:
        """Read the cache."""
        self.encoder = EmbeddedEmbedder()
        self.file = CACHE / "vectors.npz"
        self.known: dict[str, np.ndarray] = {}
        if self.file.exists():
            held = np.load(self.file)
            self.known = dict(zip(held["keys"].tolist(), held["rows"], strict=True))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return one unit vector a text."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24] for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.known}
        if missing:
            rows = self.encoder.embed(list(missing.values())).astype(np.float16)
            self.known.update(zip(missing, rows, strict=True))
        return np.array([self.known[key] for key in keys], dtype=np.float32)

    def keep(self) -> None:
        """Write the cache."""
        np.savez(self.file, keys=np.array(list(self.known)), rows=np.array(list(self.known.values())))


class Bench:
    """A collection in memory and its questions."""

    def __init__(self, folder: pathlib.Path, encoder: "CachedEmbedder | None") -> None:
        """Extract and analyse every document."""
        self.catalog = catalog_of(folder)
        self.encoder = encoder
        texts = [pages_of(folder / document.filename) for document in self.catalog]
        started = time.process_time()
        self.analysed: list[AnalysedDocument] = [analyse(pages, "") for pages in texts]
        took = time.process_time() - started
        pages = sum(map(len, texts))
        self.chunks = [chunk.text for analysed in self.analysed for chunk in analysed.chunks]
        print(
            f"{len(texts)} documents, {pages} pages, {len(self.chunks)} chunks; analysis {pages / took:.0f} pages/s on one core"
        )
        pairs = zip(self.catalog, self.analysed, strict=True)
        self.corpus = Corpus([Columns.of(document.document_id, analysed) for document, analysed in pairs])

    def search(self, selection: Selection, top_k: int = 10) -> tuple[list[Passage], float]:
        """Return the pages found and the milliseconds it took without the encoder."""
        started = time.perf_counter()
        query = prepare(selection, top_k=top_k)
        similarity = self._similarity(query) if self.encoder else None
        if similarity is not None:
            started = time.perf_counter()
        ranking = rank_pages(self.corpus, query, None, similarity)
        found = passages(self.corpus, query, ranking, lambda rows: {row: self.chunks[row] for row in rows})
        return found, (time.perf_counter() - started) * 1000

    def _similarity(self, query: SearchQuery) -> np.ndarray:
        """Embed the chunks of the leading pages."""
        similarity = np.full(len(self.chunks), np.nan, dtype=np.float32)
        lead = rank_pages(self.corpus, msgspec.structs.replace(query, top_k=40)).pages
        rows = [row for page in lead for row in self.corpus.chunks_of(page)]
        if rows:
            similarity[rows] = self.encoder.embed([self.chunks[row] for row in rows]) @ self.encoder.embed([query.text])[0]
        return similarity


def share(ranks: Sequence[int], k: int) -> str:
    """Return the percentage of ranks below k."""
    return f"{100 * sum(rank < k for rank in ranks) / len(ranks):.1f}"


def measure(bench: Bench, questions: Sequence[dict[str, Any]], known: bool, misses: bool) -> None:
    """Ask every question and print one line of figures."""
    ranks, document_ranks, times = [], [], []
    for question in questions:
        started = time.perf_counter()
        only = [document for document in bench.catalog if document.filename == question["filename"]]
        selection = select(question["question"], only if known else bench.catalog)
        chosen_ms = (time.perf_counter() - started) * 1000
        found, ms = bench.search(selection)
        times.append(chosen_ms + ms)
        names = list(with_evidence(selection, found).scores)
        document_ranks.append(names.index(question["filename"]) if question["filename"] in names else 99)
        hits = [n for n, one in enumerate(found) if one.document_id == question["filename"] and one.page in question["pages"]]
        ranks.append(hits[0] if hits else 99)
        if misses and ranks[-1] > 0:
            got = [(one.document_id[:22], one.page) if not known else one.page for one in found[:5]]
            print(
                f"  rank {ranks[-1]:2} doc {document_ranks[-1]:2} {question['filename']} {question['pages']} got {got} | {question['question'][:150]}"
            )
    times.sort()
    mrr = sum(1 / (rank + 1) for rank in ranks if rank < 99) / len(ranks)
    print(
        f"{'known document' if known else 'all documents':15} n {len(ranks)} doc@1 {share(document_ranks, 1)} doc@3 {share(document_ranks, 3)} "
        + " ".join(f"page@{k} {share(ranks, k)}" for k in (1, 3, 5, 10))
        + f" mrr {mrr:.3f} ms50 {times[len(times) // 2]:.1f} ms95 {times[int(len(times) * 0.95)]:.1f}"
    )


def main() -> None:
    """Read the arguments and measure over all documents and with the document known."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("questions", type=pathlib.Path)
    arguments.add_argument("--dense", action="store_true")
    arguments.add_argument("--misses", action="store_true")
    asked = arguments.parse_args()
    encoder = CachedEmbedder() if asked.dense else None
    bench = Bench(asked.folder, encoder)
    questions = [json.loads(line) for line in asked.questions.read_text().splitlines()]
    for known in (False, True):
        measure(bench, questions, known, asked.misses)
        if encoder:
            encoder.keep()


if __name__ == "__main__":
    main()
