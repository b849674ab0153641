"""The seams between rooms: Protocols of one to five methods, the plain values that cross them, and ``Services``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from jacie_flask.errors import JacieError
from jacie_flask.events import Turn, Usage
from jacie_flask.facts.book import Book, Filing
from jacie_flask.facts.values import Table
from jacie_flask.retries import Budget

if TYPE_CHECKING:
    from jacie_flask.upstreams import Upstream  # children that read documents count nothing

T = TypeVar("T")

# ---------------------------------------------------------------------------------------------------------- documents


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object of a store: its key there, its size in bytes and its version (ETag, or size and time of change)."""

    key: str
    size: int
    version: str


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one object at one version."""

    data: bytes
    version: str


class CatalogDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog knows of a document. ``status``: pending, ready, rejected, unavailable or missing (``reason`` says why).

    ``notes`` are sentences on content of the document that was not read.
    """

    document_id: str
    filename: str
    key: str
    company: str = ""
    period: str = ""
    document_type: str = ""
    version: str = ""
    pages: int | None = None
    status: str = "pending"
    reason: str = ""
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A passage: at most 240 wordpieces of one page, whole lines, with the headings it stands under."""

    page: int
    text: str
    headings: tuple[str, ...] = ()


class Postings(msgspec.Struct, frozen=True, kw_only=True):
    """Term counts of one field: little-endian arrays ``terms`` u4 (hashed), ``rows`` u4, ``counts`` u2, sorted by row."""

    terms: bytes = b""
    rows: bytes = b""
    counts: bytes = b""


ANALYSIS_VERSION = 10
"""Grows when analysis gives other chunks, labels, terms, figures or tables for the same bytes: caches and ledgers of older ones are not used."""


class AnalysedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document after extraction: page texts, chunks, page labels (page number → labels), term counts per chunk, tables.

    ``figures`` are the line items in the tables of each page (terms of facts/page_figures.py), counted at the page's first chunk.
    ``notes`` are sentences, without a full stop, on content of the document that was not read or not read exactly.
    """

    content_hash: str
    pages: list[str]
    chunks: list[Chunk]
    labels: dict[int, list[str]]
    body: Postings
    heading: Postings
    guess: dict[str, str] = {}
    notes: list[str] = []
    tables: list[Table] = []
    figures: Postings = Postings()


class PagePicture(msgspec.Struct, frozen=True, kw_only=True):
    """A page drawn as PNG, how many pages there are, and its size in pixels.

    ``highlight`` says how much of the passage is marked: "found", "partial" or "missing", "" where none was asked for.
    ``areas`` are the marked rectangles: (left, top, right, bottom) in pixels from the top left corner.
    """

    png: bytes
    pages: int
    width: int = 0
    height: int = 0
    highlight: str = ""
    areas: list[tuple[int, int, int, int]] = []


class ServedFile(Protocol):
    """A file that was opened and checked: it can be read and sought, and its reader closes it."""

    name: str
    size: int
    modified_s: float
    version: str

    def readinto(self, buffer: Any, /) -> int:
        """Read on into a buffer."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a position."""

    def close(self) -> None:
        """Close it."""


class DocumentStore(Protocol):
    """Where the filings are; raises DocumentUnavailable for everything its SDK can say.

    ``left_out`` are sentences on what the last listing could not list.
    """

    label: str
    left_out: tuple[str, ...]

    def list(self) -> list[StoredObject]:
        """List every object below the root, metadata.json included."""

    def read(self, key: str, unless: str = "", budget: Budget | None = None) -> Blob | None:
        """Return the whole object, of one version, or None while it still has the version ``unless``."""

    def open(self, key: str, method: Literal["GET", "HEAD"] = "GET") -> ServedFile | str:
        """Return the local file, opened, or a short-lived URL that a browser can open by this method."""


# ---------------------------------------------------------------------------------------------------------- retrieval


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared question: ``terms`` hashed term → weight; ``labels`` page label → bonus; ``documents`` id → score 0-1.

    ``figures`` are the line items asked for (terms of facts/page_figures.py) with their shares, which add up to at most 1.
    An empty ``documents`` means all of the index. ``exclusive`` keeps the search inside ``documents``.
    ``vector`` is the question's embedding, or None where there is none.
    """

    text: str
    terms: dict[int, float]
    labels: dict[str, float] = {}
    figures: dict[int, float] = {}
    documents: dict[str, float] = {}
    exclusive: bool = False
    vector: Any = None
    top_k: int = 10


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A page found for a question: ``text`` is the page's passages in reading order, ``snippet`` the best of them.

    ``whole`` is all of the page's text, to check against; ``likeness`` its best cosine to the question, where that is known.
    """

    document_id: str
    page: int
    score: float
    text: str
    snippet: str
    whole: str = ""
    likeness: float | None = None


class DocumentTables(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of one document, and the hash of the bytes that they were read from."""

    content_hash: str
    tables: list[Table]


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far an index is: documents and chunks it holds, how many chunks have a dense vector, and the labels of its pages."""

    documents: int
    chunks: int
    vectors: int
    labels: frozenset[str] = frozenset()


class IndexedDocument(NamedTuple):
    """What an index has of a document: the hash of its bytes, "" where not all of it is there, its chunks and their vectors."""

    content_hash: str
    chunks: int
    vectors: int


class VectorIndex(Protocol):
    """Where passages are searched; raises RetrievalUnavailable for everything its SDK can say.

    ``eventual``: what was written shows only after a while, and a read that does not find it proves nothing.
    """

    label: str
    eventual: bool

    def put(self, document: CatalogDocument, analysed: AnalysedDocument) -> None:
        """Make a document answerable lexically, replacing what was there under its id."""

    def put_vectors(
        self, document: CatalogDocument, analysed: AnalysedDocument, start: int, vectors: NDArray[np.float32]
    ) -> bool:
        """Add dense vectors (n, dimension) for the chunks ``start`` to ``start + n``; False where they were not written.

        A document that is gone or has changed is left alone, and so is one that a read does not find.
        """

    def remove(self, document_id: str) -> None:
        """Forget a document; unknown ids are fine."""

    def search(self, query: SearchQuery, budget: Budget | None = None) -> list[Passage]:
        """Return the best pages, best first, at most ``query.top_k``."""

    def tables(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, DocumentTables]:
        """Return the tables of those documents that are here, by their ids."""

    def notes(self, document_ids: Sequence[str], budget: Budget | None = None) -> dict[str, list[str]]:
        """Return what was not read of those documents that are here and have notes, by their ids."""

    def held(self) -> Mapping[str, IndexedDocument]:
        """Return what the index has of each document, by id, to compare with what it should have."""

    def expire(self) -> None:
        """Answer from nothing that was read before this call: documents have become answerable."""

    def check(self) -> None:
        """Raise RetrievalUnavailable with the remedy where this index cannot store what Jacie writes."""

    def status(self, budget: Budget | None = None) -> IndexStatus:
        """Say how much the index holds."""

    def warm(self) -> None:
        """Make the first calls before the first question does: imports, connections, memory."""


class Embedder(Protocol):
    """Turns texts into unit vectors; those below the cosine ``unlike`` have nothing to do with each other, 0 if not known."""

    label: str
    dimension: int
    unlike: float

    def embed(self, texts: Sequence[str], budget: Budget | None = None) -> NDArray[np.float32]:
        """Return one row a text, shape (n, dimension), each of length 1; raise RetrievalUnavailable."""

    def warm(self) -> None:
        """Make the first calls before the first question does: imports, connections, memory."""


Offload = Callable[..., Any]
"""Called as (function, *arguments): runs C code that drops the GIL where it holds up nobody, and returns its value."""


def inline(function: Callable[..., Any], *args: Any) -> Any:
    """Run the function where it is called: the Offload of a process that serves nobody else."""
    return function(*args)


# ------------------------------------------------------------------------------------------------------------- models


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked: chat messages ({role, content}) and how long the answer may become, in tokens.

    ``patience_s`` bounds the wait for each read of the answer; None leaves it to the model's settings.
    """

    messages: list[dict[str, str]]
    max_tokens: int
    temperature: float = 0.0
    patience_s: float | None = None


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What one read of the model's stream brought; ``tokens`` counts the chunks joined into ``text``, ``reasoning`` those of its thoughts.

    ``void`` says that the text of all deltas before is no part of the answer. The last delta has the finish reason: ``confirmed`` says
    whether the server sent it, ``refused`` and ``called`` whether the model declined to answer or asked for a tool.
    """

    text: str = ""
    tokens: int = 0
    reasoning: int = 0
    void: bool = False
    finish_reason: str | None = None
    usage: Usage | None = None
    confirmed: bool = True
    refused: bool = False
    called: bool = False


class ChatModel(Protocol):
    """A language model, or the one that is ``absent``; raises LLMUnavailable, LLMTimeout, LLMIncomplete, LLMContextExceeded or ContentFiltered."""

    label: str
    context_tokens: int
    absent: bool

    def stream(self, prompt: Prompt, budget: Budget | None = None) -> Iterator[Delta]:
        """Yield deltas until one carries a finish reason; closing the iterator closes the upstream connection."""

    def ready(self) -> bool:
        """Say whether the model's server answers right now, within a second."""

    def warm(self) -> None:
        """Make the first calls before the first question does: imports, connections, memory."""


# --------------------------------------------------------------------------------------------------------------- runs


SCOPES = frozenset({"ask", "search", "ingest", "metrics"})
"""What a key can be allowed: questions and their runs and documents, retrieval alone, ingestion, figures for operators."""
DEFAULT_TENANT = "default"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a key's id and name (never the key), the tenant whose documents it sees and what it may do."""

    key_id: str
    name: str
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[str]


End = Callable[[JacieError], None]
"""Ends something for a reason; more than once is fine."""
Watch = Callable[[str, str, End], Callable[[], None]]
"""Has something of a caller in a tenant ended once it would not be let in any more; returns what stops watching."""


def unwatched(caller: str, tenant: str, end: End) -> Callable[[], None]:
    """Let everything go on, where nobody's right to it can end."""
    return lambda: None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A validated question; plain values, nothing of the request that carried it."""

    query: str
    mode: str
    tenant: str = DEFAULT_TENANT
    auto_load_documents: bool = True
    memory_enabled: bool = True
    history: tuple[Turn, ...] = ()
    filters: dict[str, str] = {}
    document_ids: tuple[str, ...] = ()
    on_disconnect: str = "continue"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A logged event: its id ``<attempt>.<offset>``, its event name, its one-line JSON and whether it ends the run."""

    attempt: int
    offset: int
    name: str
    data: bytes
    terminal: bool


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run beside its events; times are seconds since the epoch.

    ``question`` is what another worker needs to begin again, ``caller`` whom the run is counted for. ``resumable`` is False
    while the record is in one process only although it should be shared.
    """

    run_id: str
    request_id: str
    mode: str
    created_at: float
    updated_at: float
    cancel_requested: bool = False
    finished: bool = False
    question: Question | None = None
    caller: str = ""
    resumable: bool = True


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An idempotency key and the fingerprint of the body that came with it."""

    key: str
    fingerprint: str


class RunKeeper(Protocol):
    """What a log tells the process that works on runs; other workers and lost ones are heard of through it."""

    def stop(self, run_id: str, reason: JacieError) -> None:
        """End a run of this process, if it is one."""

    def polled(self, run_id: str) -> None:
        """Note that somebody elsewhere follows a run of this process."""

    def orphaned(self, info: RunInfo, entries: Sequence[Entry]) -> None:
        """Give a run whose worker is gone a new attempt or its terminal event, through ``RunLog.adopt``."""


class RunLog(Protocol):
    """The record of runs: append-only, readable from any position while it grows."""

    label: str

    def create(self, info: RunInfo, claim: Claim | None = None) -> str:
        """Open an empty log for a new run and return its id, or the id of the run that made the claim first.

        Raise Conflict when the key was claimed for another fingerprint, Overloaded when running answers fill the memory.
        """

    def append(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Add entries in order and wake the readers; raise StateLost when the log is gone.

        Raise LLMIncomplete when the run has become longer than a run may be; a terminal entry is always taken.
        """

    def read(self, run_id: str, after: tuple[int, int], wait_s: float) -> list[Entry]:
        """Return what follows ``after`` = (attempt, offset), waiting up to ``wait_s`` s for it; [] when nothing came.

        Raise NotFound for a run that is unknown or expired, StateLost when ``after`` is not in the log, nor to come while the run goes on.
        """

    def info(self, run_id: str) -> RunInfo:
        """Return what is known of the run; raise NotFound."""

    def cancel(self, run_id: str) -> None:
        """Ask the run's owner to stop it; idempotent; raise NotFound."""


class SharedRunLog(RunLog, Protocol):
    """A record that several workers may read: it knows them, and what happens to the runs of those that die."""

    @property
    def resumable(self) -> bool:
        """Whether answers can be read from every worker right now."""

    def attach(self, keeper: RunKeeper) -> None:
        """Join the workers; from now on ``keeper`` hears of cancels, of readers elsewhere and of orphans."""

    def adopt(self, info: RunInfo, entry: Entry) -> bool:
        """Continue an orphaned run with ``entry`` of a new attempt; False when somebody else was first."""

    def claimed(self, claim: Claim) -> str:
        """Return the run that the claim stands for, or "" where there is none yet; raise Conflict."""

    def count(self, name: str, amount: int, keep_s: int) -> int:
        """Add to a count of all workers that is kept ``keep_s`` seconds, and return what it is."""

    def occupy(self, caller: str, more: int, mine: int, most: int) -> bool:
        """Say that this worker has ``more`` runs of a caller, ``mine`` now; False when all workers would have more than ``most``."""

    def elsewhere(self, *, leaving: bool) -> bool:
        """Say whether another worker serves readers now; ``leaving`` tells the others that this one does not."""

    def close(self, wait_s: float) -> None:
        """Leave the workers: write what is not written yet, for at most ``wait_s`` s."""


@dataclass(frozen=True)
class Services:
    """One of each part, built once per process by services/ and handed to every step.

    ``upstreams`` are those of the parts that ask another server, with their breakers' states and counts. Where a question asks, it
    hands on its ``Budget``; a call without one stands for itself.
    """

    documents: DocumentStore
    catalog: "Catalog"
    reader: "DocumentReader"
    pictures: "PagePictures"
    index: VectorIndex
    embedder: Embedder
    model: ChatModel
    runs: SharedRunLog
    offload: Offload
    pool: Executor
    limits: "Limits"
    expectations: "Expectations"
    books: "BookShelf"
    upstreams: "tuple[Upstream, ...]" = ()


class BookShelf(Protocol):
    """The books of the companies that were asked about last."""

    def of(self, filings: Sequence[Filing], tables: Mapping[str, DocumentTables]) -> Book:
        """Return the book of the filings whose tables are here."""


class Catalog(Protocol):
    """The documents that exist; the only way from an id to an object.

    ``notes`` are sentences on what of the store, or of its metadata.json, could not be used.
    """

    notes: tuple[str, ...]

    def prepared(self, make: Callable[[Sequence[CatalogDocument]], T]) -> T:
        """Return what ``make`` makes of the documents, made once for each state of the catalog; always pass the same ``make``."""

    def documents(self) -> Sequence[CatalogDocument]:
        """Return all documents in a stable order; raise DocumentUnavailable when the store cannot be listed."""

    def get(self, document_id: str) -> CatalogDocument:
        """Return the document; raise NotFound."""


class DocumentReader(Protocol):
    """Reads documents whole: bytes from the store, text through the sandboxed extractor, both cached by content."""

    def read(self, document: CatalogDocument, budget: Budget | None = None) -> AnalysedDocument:
        """Return the document's text and terms; raise DocumentUnavailable, DocumentRejected or DocumentChanged."""

    def warm(self) -> None:
        """Make the first calls before the first question does: imports, connections, memory."""


class PagePictures(Protocol):
    """Shows pages of documents as pictures, drawn in a sandbox and cached by content."""

    def draw(self, document: CatalogDocument, page: int, highlight: str, scale: float) -> tuple[str, PagePicture]:
        """Return the name of what the picture shows and the picture, both of the same bytes of the document.

        Raise NotFound where there is no such page, DocumentUnavailable, DocumentRejected or Overloaded.
        """


Moment = tuple[str, bool]
"""A moment of a run: a step of it, and whether the step's work is done or only begins."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one finished answer took: its length, the pace it was written at, and from each moment to the result."""

    tokens: int
    token_ms: float | None
    rest_ms: dict[Moment, float]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A time that is not over yet: the median of what was seen, and how far apart its quartiles are."""

    ms: float
    spread: float


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of an answer: the ``lengths`` of those before it, sorted, their pace, and what is left at each moment."""

    lengths: tuple[float, ...] = ()
    token_ms: float | None = None
    rest_ms: dict[Moment, Estimate] = {}


class Expectations(Protocol):
    """What the last answers of each mode and model took, and so what the next one will take."""

    def of(self, mode: str, model: str) -> Forecast:
        """Return what is expected of the next answer; an empty forecast before the first."""

    def learn(self, mode: str, model: str, taken: Taken) -> None:
        """Remember an answer that came to its end."""


@dataclass(frozen=True)
class Limits:
    """Bounds that pipelines keep; seconds, bytes and counts.

    ``retries``: how often all upstreams together may be asked again for one question.
    ``guard``: sentences of the model are checked before they go out.
    ``model_for_words``: the model is asked only where no exact answer was computed.
    ``refine_selection``: a capable model is asked which of the documents that fit best a question is about.
    """

    deadline_s: float = 300.0
    retries: int = 6
    max_documents: int = 6
    max_passages: int = 8
    max_history_turns: int = 20
    max_history_chars: int = 24_000
    answer_tokens: int = 800
    guard: bool = False
    refine_selection: bool = False
    model_for_words: bool = False
