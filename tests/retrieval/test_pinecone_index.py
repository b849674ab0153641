"""PineconeIndex through the real SDK against a real server: what it writes, what it asks, and every fault."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from jacie_flask.documents.analysis import analyse
from jacie_flask.errors import RetrievalUnavailable
from jacie_flask.interfaces import CatalogDocument, SearchQuery
from jacie_flask.retries import Patience
from jacie_flask.retrieval.pinecone_index import PineconeIndex
from jacie_flask.text.terms import term_counts
from jacie_flask.upstreams import Upstream
from tests.support.pinecone_server import Fault, PineconeServer
from tests.support.ports import free_port

DIMENSION = 8
DOCUMENT = CatalogDocument(
    document_id="a1b2", filename="mill.pdf", key="k", company="Mill plc", period="2023", document_type="10-K"
)
ANALYSED = analyse(["The mill burns bark for steam.", "Bark prices rose 12 in spring."], "hash")
QUERY = SearchQuery(text="bark prices", terms=dict.fromkeys(term_counts("bark prices"), 1.0))


@pytest.fixture
def server():
    """Serve an empty index."""
    with PineconeServer(DIMENSION) as running:
        yield running


def quick():
    """Return an upstream whose pauses suit a test."""
    return Upstream("index", RetrievalUnavailable, Patience(backoff_s=0.01))


@pytest.fixture
def index_of():
    """Return what opens a server's index, with more patience than it needs; all are closed at the end."""
    opened = []

    def open_index(server, **changes):
        settings = {"read_timeout_s": 10, "upstream": quick(), "namespace": "n", "dimension": DIMENSION}
        host = {"host": server.origin} if "controller" not in changes else {}
        opened.append(PineconeIndex("jacie", api_key="secret-key", **host, **(settings | changes)))
        return opened[-1]

    yield open_index
    for index in opened:
        index.close()


def paths(server):
    """Return the paths asked so far."""
    return [request.path for request in server.requests]


def test_a_chunk_is_written_with_all_that_ranking_needs(server, index_of):
    """Ids say where the chunk is; words are sparse values; a placeholder stands for the vector; metadata is whole."""
    index_of(server).put(DOCUMENT, ANALYSED)
    record = server.namespaces["n"].records["a1b2:2:1"]
    assert sorted(record["sparseValues"]["indices"]) == sorted(term_counts("Bark prices rose 12 in spring."))
    assert 0 < np.linalg.norm(record["values"]) < 1e-3
    metadata = record["metadata"]
    assert metadata["text"] == "Bark prices rose 12 in spring."
    assert (metadata["document_id"], metadata["page"], metadata["position"], metadata["dense"]) == ("a1b2", 2, 1, False)
    described = (metadata["filename"], metadata["company"], metadata["period"], metadata["document_type"])
    assert described == ("mill.pdf", "Mill plc", "2023", "10-K")


def test_vectors_take_the_placeholders_place(server, index_of):
    """The dense values that were given are the ones stored, and the words stay."""
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    vectors = np.eye(DIMENSION, dtype=np.float32)[:2]
    index.put_vectors(DOCUMENT, ANALYSED, 0, vectors)
    record = server.namespaces["n"].records["a1b2:2:1"]
    assert record["values"] == vectors[1].tolist()
    assert record["metadata"]["dense"] is True
    assert record["sparseValues"]["indices"]


def test_large_documents_are_written_in_requests_that_pinecone_takes(index_of):
    """Neither bytes nor records of a request are over the limits, at the dimension of OpenAI's vectors."""
    pages = [" ".join(f"word{page}x{number}" for number in range(400)) for page in range(60)]
    analysed = analyse(pages, "large")
    with PineconeServer(1536) as server:
        index = index_of(server, dimension=1536, read_timeout_s=10)
        index.put(DOCUMENT, analysed)
        vectors = np.random.default_rng(1).normal(size=(len(analysed.chunks), 1536)).astype(np.float32)
        index.put_vectors(DOCUMENT, analysed, 0, vectors)
        assert index.status().vectors == len(analysed.chunks) > 150
        assert max(len(request.body) for request in server.requests) < 2 * 1024 * 1024
        index.remove(DOCUMENT.document_id)
        assert not any(space.records for space in server.namespaces.values())


def test_long_pages_come_back_whole(server, index_of):
    """Pages whose chunks are more than one answer holds are asked for in parts: citations are checked against all of them."""
    pages = ["\n".join(f"Bark of tree {tree} on hill {hill}" for tree in range(1200)) for hill in range(28)]
    analysed = analyse(pages, "long")
    index = index_of(server, read_timeout_s=10)
    index.put(DOCUMENT, analysed)
    found = index.search(SearchQuery(text="bark hill 3", terms=dict.fromkeys(term_counts("bark hill 3"), 1.0), top_k=28))
    assert len(analysed.chunks) > 1000
    assert {passage.page: passage.whole for passage in found} == dict(enumerate(pages, 1))


def test_an_unchanged_document_is_not_written_again(server, index_of):
    """A second put writes nothing; that of another process asks for the head."""
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    before = len(server.requests)
    index.put(DOCUMENT, ANALYSED)
    assert paths(server)[before:] == []
    index_of(server).put(DOCUMENT, ANALYSED)
    assert paths(server)[before:] == ["/vectors/fetch"]


def test_collections_do_not_meet(server, index_of):
    """Two namespaces of one index hold two collections."""
    index_of(server).put(DOCUMENT, ANALYSED)
    assert index_of(server, namespace="other").search(QUERY) == []
    assert index_of(server, namespace="other").status().documents == 0


def test_a_search_sees_what_another_process_wrote(server, index_of):
    """A reader without any state of its own finds the pages, with the statistics from the index."""
    index_of(server).put(DOCUMENT, ANALYSED)
    reader = index_of(server)
    assert [(passage.document_id, passage.page) for passage in reader.search(QUERY)] == [("a1b2", 2), ("a1b2", 1)]
    before = len(server.requests)
    reader.search(QUERY)
    assert paths(server)[before:] == ["/query", "/query"]


def test_the_host_is_looked_up_by_name(server, index_of):
    """Without a host the control plane is asked once."""
    index = index_of(server, controller=server.origin)
    index.warm()
    index.status()
    assert paths(server).count("/indexes/jacie") == 1


def test_another_dimension_is_named(server, index_of):
    """An index made for other embeddings is found out when the worker warms up."""
    index = index_of(server, dimension=DIMENSION + 1)
    with pytest.raises(RetrievalUnavailable, match="dimension 8, the embeddings have 9"):
        index.warm()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_an_index_without_sparse_values_is_refused(index_of, metric):
    """Words could not be stored in it: the check says so and names the remedy, and so does the first write."""
    with PineconeServer(DIMENSION, metric=metric) as server:
        for ask in (lambda: index_of(server).check(), lambda: index_of(server).warm()):
            with pytest.raises(RetrievalUnavailable, match=r"(cannot store sparse values|has the metric).*create the index anew"):
                ask()
        with pytest.raises(RetrievalUnavailable, match="does not support sparse values"):
            index_of(server).put(DOCUMENT, ANALYSED)


def test_own_writes_are_known_before_they_show(server, index_of):
    """Vectors of a document that a read does not find yet are written, and nothing of it is written twice."""
    server.lag = 1000
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    before = len(server.requests)
    index.put(DOCUMENT, ANALYSED)
    assert len(server.requests) == before
    assert index.put_vectors(DOCUMENT, ANALYSED, 0, np.eye(DIMENSION, dtype=np.float32)[:2])
    assert not index_of(server).put_vectors(DOCUMENT, ANALYSED, 0, np.eye(DIMENSION, dtype=np.float32)[:2])
    assert index.held() == {}
    server.settle()
    assert index.held() == {"a1b2": ("hash", 2, 2)}


def test_what_is_put_after_a_removal_is_written_whole(server, index_of):
    """A head that still shows although it was deleted does not pass for the new one."""
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    server.lag = 1000
    index.remove(DOCUMENT.document_id)
    index.put(DOCUMENT, ANALYSED)
    server.settle()
    assert index.held() == {"a1b2": ("hash", 2, 0)}


@pytest.mark.parametrize(("space", "record"), [("n", "a1b2:2:1"), ("n-documents", "a1b2:head")])
def test_a_lost_record_is_seen(server, index_of, space, record):
    """What is held is counted record by record once the totals do not add up."""
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    server.namespaces[space].remove(record)
    assert index.held()["a1b2"] != ("hash", 2, 0)


def test_expired_statistics_are_read_again_before_the_next_search(server, index_of):
    """A reader that knew an older collection ranks with the new one once it is announced."""
    index_of(server).put(DOCUMENT, ANALYSED)
    reader = index_of(server)
    reader.search(QUERY)
    index_of(server).put(CatalogDocument(document_id="c3", filename="c", key="c"), analyse(["Coal and bark."], "other"))
    reader.expire()
    before = len(server.requests)
    assert {one.document_id for one in reader.search(QUERY)} == {"a1b2", "c3"}
    assert "/vectors/list" in paths(server)[before:]
    assert reader.status().documents == 2


FAULTS = [
    ("refused key", Fault(status=401), 1),
    ("forbidden", Fault(status=403), 1),
    ("no index", Fault(status=404), 1),
    ("bad request", Fault(status=400), 1),
    ("rate limited", Fault(status=429), 3),
    ("broken", Fault(status=500), 3),
    ("overloaded", Fault(status=503), 3),
    ("silent", Fault(kind="hang"), 1),
    ("cut", Fault(kind="cut"), 3),
    ("reset", Fault(kind="rst"), 3),
    ("not JSON", Fault(kind="bad_json"), 3),
]


@pytest.mark.parametrize(("fault", "requests"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_every_fault_is_retrieval_unavailable(server, index_of, fault, requests):
    """The SDK's exceptions stay inside, retries are bounded, no key is in the text."""
    index = index_of(server, read_timeout_s=1.0)
    server.fault = fault
    with pytest.raises(RetrievalUnavailable) as caught:
        index.status()
    assert len(server.requests) == requests
    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize("path", ["/query", "/vectors/list", "/vectors/fetch"])
def test_a_fault_anywhere_in_a_search_is_retrieval_unavailable(server, index_of, path):
    """Whichever of a search's requests breaks, the search says so."""
    index_of(server).put(DOCUMENT, ANALYSED)
    server.fault = Fault(status=500, path=path)
    with pytest.raises(RetrievalUnavailable):
        index_of(server).search(QUERY)


def test_nobody_listening_is_retrieval_unavailable():
    """A refused connection is our error, soon."""
    host = f"http://127.0.0.1:{free_port()}"
    index = PineconeIndex("jacie", api_key="k", host=host, dimension=DIMENSION, upstream=quick())
    with pytest.raises(RetrievalUnavailable):
        index.search(QUERY)


def test_a_retry_can_succeed(server, index_of):
    """Two failures cost a moment, not the search."""
    index = index_of(server)
    index.put(DOCUMENT, ANALYSED)
    server.fault = [Fault(status=503), Fault(status=429, retry_after="0.01"), Fault()]
    assert index.status().documents == 1


def test_a_long_retry_after_is_passed_on_at_once(server, index_of):
    """A wait beyond the budget is the asker's decision: no sleep, the seconds in the error."""
    index = index_of(server)
    server.fault = Fault(status=429, retry_after="3600")
    with pytest.raises(RetrievalUnavailable) as caught:
        index.status()
    assert caught.value.retry_after_s == 3600


def test_searches_are_cooperative_under_gevent():
    """The index answers none of ten searches before it has a request of each."""
    program = textwrap.dedent(
        """
        from gevent import monkey; monkey.patch_all()
        import threading
        import gevent
        from jacie_flask.interfaces import SearchQuery
        from jacie_flask.retrieval.pinecone_index import PineconeIndex
        from tests.support.pinecone_server import PineconeServer
        class Together(PineconeServer):
            all_are_here, warm = threading.Barrier(10, timeout=60), False
            def answer(self, request, connection):
                if self.warm and request.path == "/query":
                    self.all_are_here.wait()
                super().answer(request, connection)
        with Together(8) as server:
            index = PineconeIndex("jacie", api_key="k", host=server.origin, dimension=8)
            index.warm()
            server.warm = True
            gevent.joinall([gevent.spawn(index.search, SearchQuery(text="a", terms={1: 1.0})) for _ in range(10)], raise_error=True)
        print("cooperative")
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "cooperative\n", done.stderr
