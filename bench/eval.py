"""Measure a collection's answers: python bench/eval.py QUESTIONS.jsonl [--url URL | --documents FOLDER] [--out FOLDER].

A question is a line {"question", "filename", "pages"}; pages count from 1. Each is asked of POST /search and of the whole
pipeline. Without a URL a server is started for the folder that the questions file is in, with the environment's settings,
and ended afterwards. Writes eval.md, eval.svg and eval.jsonl (one line a question). Needs nothing that Jacie does not.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from jacie_flask.evidence.citations import MARKER
from jacie_flask.evidence.proof.quoting import quoted, quotes
from jacie_flask.text import figures

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOWHERE = 99
READY_S, INDEXED_S = 60.0, 3600.0


class Server:
    """A running Jacie."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        """Remember where it is."""
        self.url = url.rstrip("/")
        self.headers = {"Content-Type": "application/json", **headers}

    def call(self, path: str, body: Any = None, timeout: float = 600) -> Any:
        """Return the JSON answer to a GET, or to a POST where there is a body."""
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, self.headers), timeout=timeout) as answer:
            return json.load(answer)


@contextlib.contextmanager
def started(documents: pathlib.Path, data: pathlib.Path) -> Iterator[str]:
    """Serve a folder on a free port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    fresh = {"JACIE_DATA": str(data), "JACIE_INDEX": f"sqlite:{data}/index.db"}
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    environment = {**fresh, **os.environ, "JACIE_DOCUMENTS": str(documents), "HOST": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            raise SystemExit(f"the server did not start (exit {process.returncode}): run it by hand to see why")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_indexed(server: Server, *, vectors: bool) -> None:
    """Wait until every document that can be read is in the index, and its vectors where they are asked for."""
    up, end = time.monotonic() + READY_S, time.monotonic() + INDEXED_S
    while time.monotonic() < end:
        try:
            pending = any(document["status"] == "pending" for document in catalog(server))
            index = _index(server)
            if not pending and not (vectors and index.get("vectors", 0) < index.get("chunks", 0)):
                return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > up:
                raise
        time.sleep(1)


def _index(server: Server) -> dict[str, Any]:
    try:
        ready = server.call("/ready")
    except urllib.error.HTTPError as error:
        ready = json.load(error)
    return dict(ready.get("parts", {}).get("index", {}))


def catalog(server: Server) -> list[dict[str, Any]]:
    """Return all documents of the catalog."""
    found, cursor = [], ""
    while True:
        page = server.call("/documents?limit=500" + (f"&cursor={cursor}" if cursor else ""))
        found += page["documents"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def searched(server: Server, asked: dict[str, Any]) -> dict[str, Any]:
    """Return at which rank the right document and page were found, and how long it took."""
    began = time.perf_counter()
    answer = server.call("/search", {"query": asked["question"], "top_k": 10})
    took = (time.perf_counter() - began) * 1000
    documents = [one["filename"] for one in answer["documents"]]
    pages = list(dict.fromkeys((one["filename"], one["page"]) for one in answer["results"]))
    right = [(asked["filename"], page) for page in asked["pages"]]
    return {
        "document_rank": documents.index(asked["filename"]) if asked["filename"] in documents else NOWHERE,
        "page_rank": next((rank for rank, page in enumerate(pages) if page in right), NOWHERE),
        "search_ms": took,
    }


def answered(server: Server, asked: dict[str, Any], mode: str) -> dict[str, Any]:
    """Ask the whole pipeline and return what its answer rests on, checked as Jacie checks it and once more page by page."""
    began = time.perf_counter()
    try:
        result = server.call(f"/{mode}", {"query": asked["question"], "memory_enabled": False})
    except urllib.error.HTTPError as error:
        return {"error": json.load(error).get("code", str(error.code)), "answer_ms": (time.perf_counter() - began) * 1000}
    citations = result["citations"]
    cited = {(source["filename"], source["page"]) for source in result["sources"]}
    return {
        "answer_ms": (time.perf_counter() - began) * 1000,
        "answer": result["response"],
        "citations": len(citations),
        "verified": sum(citation["verified"] for citation in citations),
        "reasons": [citation.get("reason", "") for citation in citations if not citation["verified"]],
        "source_hit": any((asked["filename"], page) in cited for page in asked["pages"]),
        "nowhere": nowhere(server, result),
    }


def nowhere(server: Server, result: dict[str, Any]) -> list[str]:
    """Return the figures of the answer that are on no page it cites and follow from none: a plain look, apart from Jacie's check.

    A quotation that stands on a page word for word brings its figures with it.
    """
    numbers = {citation["n"] for citation in result["citations"]}
    cited = [source for source in result["sources"] if source["n"] in numbers]
    pages = [server.call(f"/documents/{source['document_id']}/pages/{source['page']}")["text"] for source in cited]
    held = [figure for page in pages for figure in figures.find(page)]
    answer = result["response"]
    for quote in quotes(answer):
        if any(quoted(quote, page) for page in pages):
            answer = answer.replace(quote, " ")
    said = [figure for figure in figures.find(MARKER.sub("", answer), spoken=True) if not figure.year]
    computed = " ".join(one["reason"] for one in result["citations"] if one["verified"])
    return [figure.text for figure in said if not figures.stands_in(figure, held) and figure.text not in computed]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return what was measured, by name; shares in percent, times in milliseconds."""
    n = max(1, len(rows))
    done = [row for row in rows if "answer" in row]
    found: dict[str, float] = {"questions": len(rows)}
    for k in (1, 3):
        found[f"document recall@{k}, %"] = 100 * sum(row["document_rank"] < k for row in rows) / n
    for k in (1, 3, 5):
        found[f"page hit@{k}, %"] = 100 * sum(row["page_rank"] < k for row in rows) / n
    found["MRR"] = sum(1 / (row["page_rank"] + 1) for row in rows if row["page_rank"] < NOWHERE) / n
    found["search p50, ms"] = statistics.median(row["search_ms"] for row in rows) if rows else 0
    found["search p95, ms"] = percentile([row["search_ms"] for row in rows], 0.95)
    if done:
        cited = sum(row["citations"] for row in done)
        found["answers"] = len(done)
        found["answers whose sources hold the right page, %"] = 100 * sum(row["source_hit"] for row in done) / len(done)
        found["citations"] = cited
        found["citations verified, %"] = 100 * sum(row["verified"] for row in done) / max(1, cited)
        found["figures on no cited page"] = sum(len(row["nowhere"]) for row in done)
        found["answer p50, ms"] = statistics.median(row["answer_ms"] for row in done)
        found["answer p95, ms"] = percentile([row["answer_ms"] for row in done], 0.95)
    failed = sum("error" in row for row in rows)
    return found | ({"answers that failed": failed} if failed else {})


def table(measured: dict[str, float], rows: Sequence[dict[str, Any]], title: str) -> str:
    """Return the report as Markdown: the figures, and the questions whose page was not among the first five."""
    lines = [f"# {title}", "", "![](eval.svg)", "", "| measure | value |", "| --- | ---: |"]
    for name, value in measured.items():
        shown = f"{value:.3f}" if name == "MRR" else f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
        lines.append(f"| {name} | {shown} |")
    missed = [row for row in rows if row["page_rank"] >= 5]
    lines += ["", "## Not among the first five pages", ""] if missed else []
    lines += [f"- {row['filename']}, page {', '.join(map(str, row['pages']))}: {row['question'][:160]}" for row in missed]
    doubted = [(row, reason) for row in rows for reason in row.get("reasons", ())]
    lines += ["", "## Not verified", ""] if doubted else []
    lines += [f"- {row['question'][:100]}: {reason}" for row, reason in doubted]
    return "\n".join(lines) + "\n"


def plot(measured: dict[str, float]) -> str:
    """Return the shares as an SVG of bars."""
    bars = [(name.removesuffix(", %"), value) for name, value in measured.items() if name.endswith("%")]
    height = 28 * len(bars) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="720" height="{height}" fill="#fff"/>',
    ]
    for at, (name, value) in enumerate(bars):
        top = 16 + 28 * at
        parts.append(f'<text x="300" y="{top + 14}" text-anchor="end" fill="#222">{name}</text>')
        parts.append(f'<rect x="310" y="{top}" width="340" height="19" fill="#e8ecf1"/>')
        parts.append(f'<rect x="310" y="{top}" width="{3.4 * value:.1f}" height="19" fill="#2f6f9f"/>')
        parts.append(f'<text x="658" y="{top + 14}" fill="#222">{value:.1f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def evaluate(server: Server, questions: Sequence[dict[str, Any]], mode: str, record: pathlib.Path) -> list[dict[str, Any]]:
    """Ask every question and return one row for each, recorded as it comes; interrupted, those asked by then have answers."""
    rows = [{**asked, **searched(server, asked)} for asked in questions]
    with open(record, "w") as file, contextlib.suppress(KeyboardInterrupt):
        for at, row in enumerate(rows, 1):
            if mode != "none":
                row |= answered(server, row, mode)
                came = row.get("error") or f"{row['verified']} of {row['citations']} citations verified"
                print(f"{at}/{len(rows)} {came}", file=sys.stderr)
            file.write(json.dumps(row) + "\n")
            file.flush()
    return rows


def main() -> None:
    """Read the arguments, ask, and write the report."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("questions", type=pathlib.Path)
    arguments.add_argument("--url", default="")
    arguments.add_argument("--documents", type=pathlib.Path, help="the collection to serve (default: where the questions are)")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("var/eval"))
    arguments.add_argument("--mode", choices=("fast_chat", "chat", "none"), default="fast_chat", help="none: /search alone")
    arguments.add_argument("--header", action="append", default=[], help="'Name: value', for servers that authenticate")
    arguments.add_argument("--words-alone", action="store_true", help="do not wait for the vectors")
    asked = arguments.parse_args()
    questions = [json.loads(line) for line in asked.questions.read_text().splitlines() if line.strip()]
    headers = dict(header.split(": ", 1) for header in asked.header)
    with contextlib.ExitStack() as stack:
        url = asked.url
        if not url:
            data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jacie-eval-")))
            url = stack.enter_context(started((asked.documents or asked.questions.parent).resolve(), data))
        server = Server(url, headers)
        wait_until_indexed(server, vectors=not asked.url and not asked.words_alone)
        asked.out.mkdir(parents=True, exist_ok=True)
        rows = evaluate(server, questions, asked.mode, asked.out / "eval.jsonl")
    measured = figures_of(rows)
    report = table(measured, rows, f"Evaluation of {asked.questions.name}")
    (asked.out / "eval.md").write_text(report)
    (asked.out / "eval.svg").write_text(plot(measured))
    print(report)


if __name__ == "__main__":
    main()
