"""The pipeline's promises, the same for folder + SQLite + built-in encoder and for S3 + Pinecone + OpenAI-compatible upstreams."""

import urllib.request

import pytest

from tests.support.backends import Backend, embedded, sample_questions, shared
from tests.support.jacie import ask

MODES = ["chat", "fast_chat"]
REVENUE = "What was Zanobela's revenue in 2024?"
ASKED = [
    q for q in sample_questions() if q["id"].rsplit("_", 1)[-1] in {"01", "05", "08", "12", "15", "20", "24"}
] or sample_questions()[:7]


@pytest.fixture(scope="module", params=[embedded, shared], ids=["embedded", "shared"])
def backend(request, tmp_path_factory):
    """A whole Jacie with everything indexed."""
    with request.param(tmp_path_factory.mktemp("pipeline")) as found:
        found.running.wait_until_indexed(90, vectors=True)
        yield found


def stream(backend: Backend, mode: str, query: str, **fields):
    """Ask and return what was received."""
    return ask(backend.running.url, f"/{mode}/stream", {"query": query, **fields})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("question", ASKED, ids=lambda q: q["id"])
def test_sources_name_the_page_that_holds_the_answer(backend: Backend, mode: str, question: dict):
    """A question about a known figure names its page among the sources, and cites only pages of its sources."""
    result = stream(backend, mode, question["question"]).terminal.data
    pages = {(source["filename"], source["page"]) for source in result["sources"]}
    assert pages & {(question["filename"], page) for page in question["pages"]}, pages
    numbers = {source["n"] for source in result["sources"]}
    assert result["citations"]
    assert {citation["n"] for citation in result["citations"]} <= numbers
    assert question["filename"] in result["documents_loaded"]


def test_documents_are_loaded_from_their_store_one_by_one(backend: Backend):
    """The loading step names the store and counts k of n as each document lands."""
    received = stream(backend, "chat", "Compare the revenue of Zanobela in 2023 and 2024.")
    loading = [event for event in received.named("progress") if event["step"] == "doc_loading"]
    assert loading[0]["message"] == f"Loading documents from {backend.store_label}..."
    assert loading[0]["progress"] == 20
    assert loading[-1]["progress"] == 60
    total = loading[0]["details"]["total"]
    assert total >= 2
    assert [event["details"]["loaded"] for event in loading] == list(range(total + 1))
    assert f"Loaded {total} of {total} documents from {backend.store_label}" in loading[-1]["message"]


@pytest.mark.parametrize("mode", MODES)
def test_the_twin_answers_the_same(backend: Backend, mode: str):
    """Without streaming the same question gives the same result, but for ids and times."""
    streamed = stream(backend, mode, REVENUE).terminal.data
    status, plain = backend.running.post(f"/{mode}", {"query": REVENUE})
    assert status == 200
    for field in ("run_id", "timings_ms"):
        streamed.pop(field), plain.pop(field)
    assert plain == streamed


@pytest.mark.parametrize("mode", MODES)
def test_no_matching_document_is_said_plainly(backend: Backend, mode: str):
    """Filters that match nothing give an honest sentence, no sources and no model call."""
    before = len(backend.model.chats)
    received = stream(backend, mode, "What was the revenue?", filters={"company": "Nowhere Mining"})
    result = received.terminal.data
    assert received.terminal.name == "result"
    assert "No document in the collection matches" in result["response"]
    assert "Zanobela" in result["response"]
    assert result["sources"] == result["citations"] == []
    assert "".join(token["text"] for token in received.named("token")) == result["response"]
    assert len(backend.model.chats) == before


@pytest.mark.parametrize("mode", MODES)
def test_document_ids_and_filters_are_kept_to(backend: Backend, mode: str):
    """Sources come only from the documents that the request names."""
    documents = backend.running.get("/documents")["documents"]
    one = next(d for d in documents if d["company"].startswith("Averlinde") and d["period"] == "2023")
    result = stream(backend, mode, REVENUE, document_ids=[one["document_id"]]).terminal.data
    assert {source["document_id"] for source in result["sources"]} == {one["document_id"]}
    result = stream(backend, mode, "What was the revenue?", filters={"company": one["company"], "period": 2024}).terminal.data
    assert {(source["company"], source["period"]) for source in result["sources"]} == {(one["company"], "2024")}


def test_an_unknown_document_id_is_refused_before_the_stream(backend: Backend):
    """An id that is not in the catalog is a 400 that names the field."""
    received = stream(backend, "chat", REVENUE, document_ids=["../../etc/passwd"])
    assert received.status == 400
    assert received.frames[0].data["errors"] == [{"field": "document_ids.0", "message": "no such document"}]


@pytest.mark.parametrize("mode", MODES)
def test_the_conversation_is_remembered_and_followed(backend: Backend, mode: str):
    """The history comes back with the turn added, and a follow-up is understood from it."""
    first = stream(backend, mode, REVENUE).terminal.data
    history = first["conversation_history"]
    assert [turn["role"] for turn in history] == ["user", "assistant"]
    second = stream(backend, mode, "And the year before?", conversation_history=history).terminal.data
    top = second["sources"][0]
    assert top["company"].startswith("Zanobela")
    assert any(source["period"] == "2023" for source in second["sources"])
    assert len(second["conversation_history"]) == 4


@pytest.mark.parametrize("mode", MODES)
def test_without_memory_no_history_is_used_or_returned(backend: Backend, mode: str):
    """memory_enabled false: the model sees no earlier turn and the result holds no history."""
    history = [{"role": "user", "content": "XYZZY-SECRET-TURN"}, {"role": "assistant", "content": "noted"}]
    result = stream(backend, mode, REVENUE, memory_enabled=False, conversation_history=history).terminal.data
    assert result["conversation_history"] is None
    assert "XYZZY" not in backend.model.chats[-1].body.decode()


@pytest.mark.parametrize("mode", MODES)
def test_without_documents_the_conversation_alone_answers(backend: Backend, mode: str):
    """auto_load_documents false: nothing is selected, loaded or cited, and the model is told so."""
    received = stream(backend, mode, "Say hello.", auto_load_documents=False)
    result = received.terminal.data
    assert result["sources"] == []
    assert result["documents_loaded"] == []
    assert "doc_loading" not in {event["step"] for event in received.named("progress")}
    assert any("No documents" in note for note in result["degraded"])


def test_long_conversations_are_cut_at_their_oldest_turns(backend: Backend):
    """A history over the bounds loses its oldest turns, never the newest."""
    turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": f"turn {n} " + "x" * 2000} for n in range(100)]
    history = stream(backend, "fast_chat", REVENUE, conversation_history=turns).terminal.data["conversation_history"]
    assert len(history) <= 20
    assert sum(len(turn["content"]) for turn in history) <= 24_000
    assert history[-2]["content"] == REVENUE
    assert history[0]["content"].startswith("turn ")


def test_the_catalog_is_listed_page_by_page(backend: Backend):
    """Walking the cursor gives each document once, all of them readable."""
    seen, cursor = [], ""
    while True:
        page = backend.running.get(f"/documents?limit=4{'&cursor=' + cursor if cursor else ''}")
        assert len(page["documents"]) <= 4
        seen += page["documents"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(seen) == len({document["document_id"] for document in seen}) == 6
    assert {document["status"] for document in seen} == {"ready"}
    assert all(document["pages"] == 15 for document in seen)


def test_a_source_opens_its_document(backend: Backend):
    """The URL of a source gives the PDF: the file with ranges, or a short-lived link of the store."""
    source = stream(backend, "fast_chat", REVENUE).terminal.data["sources"][0]
    path, fragment = source["url"].split("#")
    assert fragment == f"page={source['page']}"
    with urllib.request.urlopen(backend.running.url + path) as answer:
        assert answer.read(5) == b"%PDF-"
        assert answer.headers["Content-Type"] == "application/pdf"
    if backend.name == "embedded":
        request = urllib.request.Request(backend.running.url + path, headers={"Range": "bytes=0-3"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 206
            assert answer.read() == b"%PDF"
    page = backend.running.get(f"{path}/pages/{source['page']}")
    first_line = source["snippet"].splitlines()[0][:40]
    assert first_line in page["text"]


def test_search_gives_documents_with_reasons_and_pages(backend: Backend):
    """POST /search ranks pages without a model and says why each document was chosen."""
    before = len(backend.model.chats)
    status, found = backend.running.post("/search", {"query": REVENUE, "top_k": 5})
    assert status == 200
    assert found["documents"][0]["company"].startswith("Zanobela")
    assert found["documents"][0]["period"] == "2024"
    assert found["documents"][0]["reason"]
    assert 1 <= len(found["results"]) <= 5
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert set(found["results"][0]) == {"document_id", "filename", "page", "score", "snippet"}
    assert len(backend.model.chats) == before


def test_a_document_that_vanished_costs_only_itself(backend: Backend):
    """One document deleted from the store after it was indexed: the others answer and the loss is named."""
    backend.delete_document("zanobela_telecom_2023_annual_report.pdf")
    received = stream(backend, "chat", "Compare the revenue of Zanobela in 2023 and 2024.")
    result = received.terminal.data
    assert received.terminal.name == "result"
    assert any("zanobela_telecom_2023" in note and "no longer in the store" in note for note in result["degraded"])
    assert any(name.startswith("zanobela_telecom_2024") for name in result["documents_loaded"])


@pytest.mark.parametrize("mode", MODES)
def test_words_that_no_page_has_are_answered_by_saying_so(backend: Backend, mode: str):
    """Nonsense finds nothing, cites nothing and asks no model."""
    before = len(backend.model.chats)
    result = stream(backend, mode, "flurb wibble zorp?").terminal.data
    assert "No document in the collection matches" in result["response"]
    assert result["sources"] == []
    assert len(backend.model.chats) == before


@pytest.mark.parametrize("mode", MODES)
def test_a_company_that_is_not_here_is_told(backend: Backend, mode: str):
    """A question about another company says that it is not in the collection."""
    result = stream(backend, mode, "What was the revenue of Globex Corporation in 2024?").terminal.data
    assert any("No company in the collection matches “Globex" in note for note in result["degraded"])
