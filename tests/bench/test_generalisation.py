"""bench/generalisation.py: every company is left out once, and what was chosen without it is put back."""

import json

from bench import generalisation
from jacie_flask.evidence import query
from jacie_flask.retrieval import ranking
from tests.support.parts import built, index, over_texts

TEXTS = {
    "Alder-2022-annual-report.txt": "Alder annual report 2022\fLegal proceedings\nA lawsuit was filed against Alder in 2022.",
    "Birch-2022-annual-report.txt": "Birch annual report 2022\fEmployees\nBirch has 1,200 employees in 2022.",
}
QUESTIONS = [
    {
        "question": "Which lawsuits does Alder face in 2022?",
        "company": "Alder",
        "filename": "Alder-2022-annual-report.txt",
        "pages": [2],
    },
    {
        "question": "How many employees has Birch in 2022?",
        "company": "Birch",
        "filename": "Birch-2022-annual-report.txt",
        "pages": [2],
    },
    {"question": "Which page is not known?", "company": "Birch", "filename": "Birch-2022-annual-report.txt", "pages": []},
]


def test_every_company_is_left_out_once(tmp_path):
    """Its questions are asked without the pointers that only they match; lexicon and weights are as before then."""
    settings = over_texts(tmp_path, TEXTS)
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    before = query.TOPIC_POINTERS, {name: getattr(ranking, name) for name in generalisation.WEIGHTS}
    with built(settings) as parts:
        index(parts, TEXTS)
        asked = generalisation.questions_of(tmp_path / "questions.jsonl", parts, dense=False)
        alder, birch = asked
        _, (left,) = generalisation.without([birch], [alder], parts, dense=False)
        assert left.query.labels.keys() < alder.query.labels.keys()
        query.TOPIC_POINTERS = before[0]
        query._pointers.cache_clear()
        found = generalisation.one_left_out(asked, parts, dense=False)
    assert found == {"Alder": [0], "Birch": [0]}
    assert before == (query.TOPIC_POINTERS, {name: getattr(ranking, name) for name in generalisation.WEIGHTS})


def test_what_is_counted():
    """Places count from 0."""
    assert generalisation.line("x", [0, 2, 99]).split()[1:] == [
        "n",
        "3",
        "hit@1",
        "33.3",
        "hit@3",
        "66.7",
        "hit@5",
        "66.7",
        "hit@10",
        "66.7",
        "MRR",
        "0.444",
    ]
