"""The golden set: of the mistakes that are planted all are flagged, of the right sentences none."""

import os
from collections import Counter
from pathlib import Path

import pytest

from jacie_flask.evidence.citations import cite
from tests.support.golden import Case, cases, collection_pages, sample_pages
from tests.support.pages import page

FLAGGED, MISJUDGED = 1.0, 0.0
"""The least share of planted mistakes and the largest of right sentences that are flagged, measured 2026-12-01 on the samples and on 52 filings."""
LEAST = 200
COLLECTION = os.environ.get("JACIE_FILINGS", "")


def flagged(case: Case) -> bool:
    """Say whether the sentence's citation is not verified."""
    return not all(citation.verified for citation in cite(case.sentence, [page(1, case.page)]))


def judge(name: str, golden: list[Case]) -> tuple[int, int, float, float]:
    """Print the rates by kind; return how many are wrong and right, and which share of each is flagged."""
    judged = [(case, flagged(case)) for case in golden]
    wrong = [hit for case, hit in judged if not case.right]
    right = [hit for case, hit in judged if case.right]
    print(f"\n{name}: {sum(wrong)} of {len(wrong)} planted flagged, {sum(right)} of {len(right)} right ones flagged")
    total, hits = Counter((c.right, c.kind) for c, _ in judged), Counter((c.right, c.kind) for c, hit in judged if hit)
    for (is_right, kind), count in sorted(total.items()):
        print(f"  {'right' if is_right else 'wrong'}  {kind:32} flagged {hits[is_right, kind]:4} of {count}")
    if os.environ.get("JACIE_GOLDEN_MISSES"):
        for case, hit in judged:
            if hit == case.right:
                print("   ", "FLAGGED" if hit else "MISSED ", case.kind, "|", case.sentence[:200])
                if hit:
                    print("        ", [citation.reason for citation in cite(case.sentence, [page(1, case.page)])])
    return len(wrong), len(right), sum(wrong) / max(1, len(wrong)), sum(right) / max(1, len(right))


def expect(name: str, golden: list[Case]) -> None:
    """Fail where there are too few sentences or too many are misjudged."""
    wrong, right, caught, misjudged = judge(name, golden)
    assert wrong >= LEAST
    assert right >= LEAST
    assert caught >= FLAGGED
    assert misjudged <= MISJUDGED


def test_planted_mistakes_in_the_sample_documents():
    """Swapped digits, units, signs, rows, years and quotes of the sample reports."""
    expect("sample documents", cases(sample_pages(Path("sample_documents"))))


@pytest.mark.skipif(
    not COLLECTION, reason="JACIE_FILINGS names no collection (pdfs/ and questions.jsonl): real filings not judged"
)
def test_planted_mistakes_in_a_real_collection():
    """The same over the pages of real filings."""
    expect("the collection", cases(collection_pages(Path(COLLECTION))))
