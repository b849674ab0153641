"""Measure how the selection of documents grows with the catalog: python bench/selection.py [--rounds 7].

A catalog of 500 documents is ten times one of 50. The ratio of their times per question is taken in each round, one after the
other, so that a busy machine slows both; up to ten is linear.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.append(str(pathlib.Path(__file__).parents[1]))

from jacie_flask.evidence.entries import KnownCatalog
from jacie_flask.evidence.selection import select_from
from jacie_flask.interfaces import CatalogDocument

QUESTION = "What was Company004's revenue in FY2020 compared to its peers and the year before?"
QUESTIONS = 20


def catalog(companies: int) -> KnownCatalog:
    """Return a prepared catalog of five annual reports of each company."""
    entries = []
    for number in range(companies):
        for year in range(2018, 2023):
            filename, company = f"C{number}_{year}_10K.pdf", f"Company{number:03d} Works"
            entries.append(
                CatalogDocument(
                    document_id=filename, filename=filename, key=filename, company=company, document_type="10k", period=str(year)
                )
            )
    return KnownCatalog(entries)


def seconds_for(known: KnownCatalog) -> float:
    """Return the seconds that a question takes on average."""
    began = time.perf_counter()
    for _ in range(QUESTIONS):
        select_from(known, QUESTION)
    return (time.perf_counter() - began) / QUESTIONS


def main() -> None:
    """Print both times and their ratio: the median of the rounds, with the smallest and the largest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    small, large = catalog(10), catalog(100)
    pairs = [(seconds_for(small), seconds_for(large)) for _ in range(parser.parse_args().rounds)]
    ratios = sorted(much / little for little, much in pairs)
    middle = [1000 * statistics.median(times) for times in zip(*pairs, strict=True)]
    print(f"a question over 50 documents {middle[0]:.2f} ms, over 500 {middle[1]:.2f} ms")
    print(f"ratio {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
