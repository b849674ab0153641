"""Audit the facts of a folder of PDFs: python bench/facts.py PDF_FOLDER [--pairs] [--missing] [--rows CONCEPT].

Prints which filings have the concepts that statements should have, and compares each concept and period that several filings of
one company state. Pairs that differ are restatements or faults: read the pages.
"""

import argparse
import json
import multiprocessing
import pathlib
import pickle
import re
import sys
import time
from collections import Counter, defaultdict
from itertools import combinations

import pypdfium2

sys.path.append(str(pathlib.Path(__file__).parents[1]))

from jacie_flask.documents.formats.pdf import page_text
from jacie_flask.documents.guess import guess_document
from jacie_flask.facts.book import Filing, Found, equal
from jacie_flask.facts.extraction import tables_of
from jacie_flask.facts.packing import packed
from jacie_flask.facts.values import Table, facts_of
from jacie_flask.text.labels import STATEMENTS, label_pages
from jacie_flask.text.lines import tidy

WANTED = (
    "revenue", "net_income", "total_assets", "operating_cash_flow", "capex", "current_assets", "current_liabilities", "cost_of_sales",
    "gross_profit", "operating_income", "pretax_income", "income_tax", "net_income_attributable", "eps_basic", "eps_diluted", "shares_basic",
    "shares_diluted", "sga", "research_and_development", "marketing", "operating_expenses", "interest_expense", "cash",
    "short_term_investments", "receivables", "inventory", "prepaid", "ppe_net", "goodwill", "intangibles", "payables", "short_term_debt",
    "current_debt", "deferred_revenue", "accrued_liabilities", "long_term_debt", "total_liabilities", "equity", "total_equity", "retained_earnings",
    "investing_cash_flow", "financing_cash_flow", "depreciation_amortization", "stock_compensation", "dividends_paid", "buybacks", "acquisitions",
)  # fmt: skip
_PERIODIC = re.compile(r"10-?[KQ]|EARNINGS|annual|interim", re.IGNORECASE)


def read(path: pathlib.Path) -> tuple[str, list[Table], float]:
    """Return a document's name, its tables and the CPU seconds that finding them took."""
    document = pypdfium2.PdfDocument(path)
    pages = [tidy(page_text(page)) for page in document]
    labels = label_pages(pages)
    began = time.process_time()
    tables = tables_of(pages, labels, guess_document(pages))
    return path.name, tables, time.process_time() - began


def shared(entry: tuple[str, tuple[list[str], dict[int, list[str]], dict[str, str]]]) -> tuple[str, list[Table], float]:
    """Return the same for a document that was analysed before."""
    began = time.process_time()
    tables = tables_of(*entry[1])
    return entry[0], tables, time.process_time() - began


def company_of(folder: pathlib.Path) -> dict[str, str]:
    """Return the company of each file of a folder, by its catalog."""
    catalog = folder / "metadata.json"
    if not catalog.exists():
        return {}
    return {entry["filename"]: company for company, entries in json.loads(catalog.read_text()).items() for entry in entries}


def stated(tables: list[Table], name: str) -> dict[str, list[Found]]:
    """Return the facts of primary statements by concept."""
    filing = Filing(name, name, 0)
    facts: dict[str, list[Found]] = defaultdict(list)
    for table in tables:
        if table.statement in STATEMENTS:
            for fact in facts_of(table):
                if fact.row.concept:
                    facts[fact.row.concept].append(Found(fact, filing))
    return facts


def main() -> None:
    """Print the audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pickle", type=pathlib.Path, help="analysed pages by file name, instead of the folder's")
    parser.add_argument("--missing", action="store_true", help="name the filings that lack a wanted concept")
    parser.add_argument("--pairs", action="store_true", help="print every pair that differs")
    parser.add_argument("--rows", default="", help="print the rows of a concept in all filings")
    options = parser.parse_args()
    with multiprocessing.Pool(2) as pool:
        if options.pickle:
            documents = pool.map(shared, pickle.loads(options.pickle.read_bytes()).items(), chunksize=2)
        else:
            documents = pool.map(read, sorted(options.folder.glob("*.pdf")), chunksize=2)
    facts = {name: stated(tables, name) for name, tables, _ in documents}
    summary(documents)
    coverage(facts, missing=options.missing)
    suspects(documents)
    agreement(facts, company_of(options.folder), pairs=options.pairs)
    if options.rows:
        for name, by_concept in facts.items():
            for row in {one.fact.row.text: one for one in by_concept.get(options.rows, ())}.values():
                print(f"{name} p{row.page}: {row.fact.row.label} | {[cell.text for cell in row.fact.row.cells]}")


def summary(documents: list[tuple[str, list[Table], float]]) -> None:
    """Print what was found in all, and what it cost."""
    rows = sum(len(table.rows) for _, tables, _ in documents for table in tables)
    cpu = sum(seconds for _, _, seconds in documents)
    size = sum(len(packed(tables)) for _, tables, _ in documents)
    print(f"{len(documents)} documents, {sum(len(t) for _, t, _ in documents)} tables, {rows} rows, {cpu:.1f} CPU s")
    print(f"{size / max(1, len(documents)) / 1000:.1f} kB packed a document")


def coverage(facts: dict[str, dict[str, list[Found]]], *, missing: bool) -> None:
    """Print how many filings state each concept."""
    periodic = [name for name in facts if _PERIODIC.search(name)]
    print(f"\nConcepts in {len(periodic)} annual, quarterly and earnings filings")
    for concept in WANTED:
        lacking = [name for name in periodic if concept not in facts[name]]
        print(
            f"  {concept:28s} {len(periodic) - len(lacking):3d}"
            + (f"  without: {', '.join(lacking)}" if missing and lacking else "")
        )
    others = {name: sorted(found) for name, found in facts.items() if name not in periodic and found}
    for name, found in others.items():
        print(f"  other document {name}: {', '.join(found)}")


def suspects(documents: list[tuple[str, list[Table], float]]) -> None:
    """Print the rows that failed a check."""
    failed = [(name, table, row) for name, tables, _ in documents for table in tables for row in table.rows if row.suspect]
    print(f"\n{len(failed)} rows failed a check")
    for name, table, row in failed[:60]:
        print(f"  {name} p{table.page} {row.concept}: {row.suspect}: {row.text[:80]}")


def agreement(facts: dict[str, dict[str, list[Found]]], companies: dict[str, str], *, pairs: bool) -> None:
    """Compare the facts of the same concept and period in two filings of one company."""
    groups: dict[tuple[str, str, int, int, int], list[Found]] = defaultdict(list)
    for name, by_concept in facts.items():
        for concept, found in by_concept.items():
            for one in found:
                column = one.fact.column
                if column.year:
                    groups[companies.get(name, ""), concept, column.year, column.quarter, column.months].append(one)
    compared: Counter[bool] = Counter()
    for key, group in groups.items():
        for one, other in combinations(group, 2):
            if one.filing.filename == other.filing.filename:
                continue
            same = equal(one.fact, other.fact)
            compared[same] += 1
            if pairs and not same:
                print(
                    f"  {key}: {one.fact.amount:.10g} ({one.filing.filename} p{one.page} {one.fact.row.label[:50]})"
                    f" {other.fact.amount:.10g} ({other.filing.filename} p{other.page} {other.fact.row.label[:50]})"
                )
    total = compared.total()
    print(f"\n{total} pairs of the same concept and period in two filings, {compared[True] / max(1, total):.2%} equal")


if __name__ == "__main__":
    main()
