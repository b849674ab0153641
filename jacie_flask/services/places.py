"""Where the files of a collection are: documents of two stores never meet in one."""

import hashlib
from pathlib import Path

from jacie_flask.config import Settings
from jacie_flask.documents.ledger import FORMAT, Ledger
from jacie_flask.interfaces import ANALYSIS_VERSION

TENANTS = "tenants"
"""The folder in JACIE_DATA that holds a folder for each tenant."""


def collection(settings: Settings) -> str:
    """Return a short name of the collection: documents of two stores never meet in one index."""
    place = str(settings.documents_folder.resolve()) if settings.documents_folder else settings.documents
    return hashlib.blake2b(place.encode(), digest_size=6).hexdigest()


def index_file(path: Path, settings: Settings) -> Path:
    """Return where the index of this collection and these embeddings is, beside those of others."""
    return path.with_name(f"{path.stem}-{collection(settings)}-{settings.embeddings}{path.suffix}")


def ingestion_mark(settings: Settings) -> Path:
    """Return the file that says that the ingestion beside the server has nothing left to do, the same for all tenants."""
    data = settings.data.parent.parent if settings.data.parent.name == TENANTS else settings.data
    return data / "ingestion.done"


def ledger_of(settings: Settings) -> Ledger:
    """Return the ledger of this collection in this index."""
    index = hashlib.blake2b(f"{settings.index} {settings.embeddings}".encode(), digest_size=4).hexdigest()
    return Ledger(settings.data / f"ledger-{collection(settings)}-{index}-v{ANALYSIS_VERSION}-{FORMAT}.db")
