"""Documents loaded side by side from a store that has its troubles: who lands, who is left out, and why."""

import pytest

from jacie_flask.config import Settings
from jacie_flask.errors import Cancelled, DocumentUnavailable
from jacie_flask.evidence import loader
from jacie_flask.retries import Budget
from tests.support.parts import built
from tests.support.s3_faults import S3Fault, S3Faults
from tests.support.site import BUCKET, YEARS, name_of, objects


@pytest.fixture
def store():
    """Serve four reports."""
    with S3Faults(objects()) as running:
        yield running


@pytest.fixture
def parts(store, tmp_path, monkeypatch):
    """Build the real parts over the store; five failures open its breaker."""
    for name, value in {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        documents=f"s3://{BUCKET}",
        s3_endpoint=store.origin,
        data=tmp_path,
        index=f"sqlite:{tmp_path}/index.db",
        model="scripted",
        background="parent",
    )
    with built(settings) as parts:
        yield parts


def load(parts, budget):
    """Load all documents and return what landed, what was said of the others, and what was told meanwhile."""
    told = []
    landed, left_out = loader.load(parts.catalog.documents(), parts, budget, lambda *args: told.append(args))
    return landed, left_out, told


def test_documents_keep_their_order_and_each_is_told(parts):
    """Whichever comes first, the order is the catalog's; the shares end at 1."""
    landed, left_out, told = load(parts, Budget(6))
    assert [document.filename for document, _ in landed] == [name_of(year) for year in YEARS]
    assert left_out == []
    assert [share for share, _, _ in told] == [0.25, 0.5, 0.75, 1.0]
    assert told[-1][1] == "Loaded 4 of 4 documents from S3..."


def test_what_is_not_there_in_time_is_left_out(parts, store):
    """One document that drips in has 60 % of the question's time; then the others make the answer."""
    load(parts, Budget(6))
    store.objects = objects(edition=1)
    store.fault = S3Fault(kind="slow", seconds=3600, on="2023")
    budget = Budget(6, deadline_s=4)
    landed, left_out, _ = load(parts, budget)
    assert len(landed) == 3
    assert left_out == [f"{name_of(2023)} was left out: it could not be loaded in time."]
    budget.end(Cancelled())


def test_nothing_at_all_says_when_to_come_back(parts, store):
    """A store that fails for every document opens its breaker, and the error carries the time until it is asked again."""
    parts.catalog.documents()
    store.fault = S3Fault(status=500)
    with pytest.raises(DocumentUnavailable) as caught:
        load(parts, Budget(6))
    assert 0 < caught.value.retry_after_s <= 10
    asked = len(store.requests)
    with pytest.raises(DocumentUnavailable):
        load(parts, Budget(6))
    assert len(store.requests) == asked
