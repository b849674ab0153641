"""Both embedders: unit vectors of the promised size, texts of a kind near each other, every fault as our own error."""

import threading

import numpy as np
import pytest

from jacie_flask.errors import ConfigurationError, RetrievalUnavailable
from jacie_flask.retries import Patience
from jacie_flask.retrieval import embedded_embedder
from jacie_flask.retrieval.embedded_embedder import EmbeddedEmbedder
from jacie_flask.retrieval.openai_embedder import OpenAIEmbedder
from jacie_flask.upstreams import Upstream
from tests.support.openai_server import OpenAIServer, Script
from tests.support.ports import free_port

NEAR = "Capital expenditures of the company in 2018"
NEARER = "The company's capital expenditures, 2018"
FAR = "A recipe with onions and butter"


@pytest.fixture(scope="module")
def built_in():
    """The built-in embedder, loaded once."""
    return EmbeddedEmbedder()


@pytest.fixture
def server():
    """Serve embeddings of 64 numbers."""
    with OpenAIServer(dimension=64) as running:
        yield running


def remote(server, **changes):
    """Connect to the server with more patience than it needs, and short pauses."""
    settings = {"model": "test-embedding", "dimension": 64, "read_timeout_s": 10, **changes}
    settings["upstream"] = Upstream("embeddings", RetrievalUnavailable, Patience(backoff_s=0.01))
    return OpenAIEmbedder(base_url=server.url, api_key="secret-key", **settings)


@pytest.fixture(params=["built-in", "openai"])
def embedder(request, built_in, server):
    """Each embedder in turn."""
    return built_in if request.param == "built-in" else remote(server)


def test_every_text_has_a_unit_vector(embedder):
    """Whatever the text, there is one row of length 1 for it; no texts are no rows."""
    texts = [NEAR, "", " ", "\ud800", "\x00", "x" * 20_000, "word " * 3000, "₹ 12,345 – नमस्ते"]
    rows = embedder.embed(texts)
    assert rows.shape == (len(texts), embedder.dimension)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_texts_of_a_kind_are_near(embedder):
    """The same words in another order are nearer than other words."""
    near, nearer, far = embedder.embed([NEAR, NEARER, FAR])
    assert near @ nearer > 0.8 > 0.4 > near @ far


def test_a_text_has_one_vector_in_any_company(embedder):
    """Order and batch do not change what a text's vector is."""
    texts = [f"text number {number} " * (number % 7 + 1) for number in range(11)]
    together = embedder.embed(texts)
    alone = np.vstack([embedder.embed([text]) for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_many_threads_share_one_embedder():
    """The first calls of many threads load the model once and all get their vectors."""
    embedder = EmbeddedEmbedder()
    rows = []
    threads = [threading.Thread(target=lambda: rows.append(embedder.embed([NEAR])[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array(rows) @ rows[0] == pytest.approx(1, abs=1e-4)


def test_missing_wheels_are_named(monkeypatch):
    """One line says what to install."""
    monkeypatch.setattr(embedded_embedder, "_MODEL_FILE", ("no_such_package", "model.onnx"))
    with pytest.raises(ConfigurationError, match=r"no-such-package.*requirements-models\.txt") as caught:
        EmbeddedEmbedder()
    assert "\n" not in str(caught.value)


def test_large_inputs_go_in_batches(server):
    """200 texts are three requests of at most 96, in the order given."""
    texts = [f"text {number}" for number in range(200)]
    embedder = remote(server)
    rows = embedder.embed(texts)
    assert [len(request.json["input"]) for request in server.requests] == [96, 96, 8]
    assert rows[150] @ embedder.embed(["text 150"])[0] == pytest.approx(1, abs=1e-5)


FAULTS = [
    ("refused key", Script(status=401), 1),
    ("rate limited", Script(status=429), 3),
    ("out of quota", Script(status=429, error_code="insufficient_quota"), 1),
    ("broken", Script(status=500), 3),
    ("silent", Script(fault="hang_headers"), 1),
    ("not JSON", Script(fault="bad_json"), 1),
]


@pytest.mark.parametrize(("script", "requests"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_every_fault_is_retrieval_unavailable(server, script, requests):
    """The SDK's exceptions stay inside, retries are bounded, no key is in the text."""
    server.script = script
    with pytest.raises(RetrievalUnavailable) as caught:
        remote(server, read_timeout_s=1.0).embed([NEAR])
    assert len(server.requests) == requests
    assert "secret-key" not in str(caught.value)


def test_a_retry_can_succeed(server):
    """A moment's failure costs a moment."""
    server.script = [Script(status=503), Script()]
    assert remote(server).embed([NEAR]).shape == (1, 64)


def test_nobody_listening_is_retrieval_unavailable():
    """A refused connection is our error, soon."""
    patient = Upstream("embeddings", RetrievalUnavailable, Patience(backoff_s=0.01))
    embedder = OpenAIEmbedder(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="", model="m", dimension=8, upstream=patient)
    with pytest.raises(RetrievalUnavailable):
        embedder.embed(["a"])


def test_a_model_of_one_size_is_asked_without_a_size(server):
    """A server that refuses ``dimensions`` is asked again without, and not told again."""
    server.script = [Script(status=400, message="Model does not support matryoshka representation, dimensions"), Script()]
    embedder = remote(server)
    for _ in range(2):
        embedder.embed([NEAR])
    assert ["dimensions" in request.json for request in server.requests] == [True, False, False]


def test_vectors_of_another_size_are_refused(server):
    """A model whose vectors do not fit the index is found out here, not in the index."""
    server.script = [Script(status=400, message="dimensions are not supported"), Script()]
    with pytest.raises(RetrievalUnavailable, match="shape"):
        remote(server, dimension=32).embed([NEAR])
