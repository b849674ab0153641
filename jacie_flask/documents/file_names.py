"""The catalog of a store without metadata.json: company, period and type as names of files and folders tell them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from jacie_flask.documents.keys import document_id, is_hidden
from jacie_flask.interfaces import CatalogDocument, StoredObject

# Types that are not read are listed too, so that ingestion names them instead of passing over them in silence.
_DOCUMENTS = (".pdf", ".txt", ".md", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".htm", ".html", ".rtf", ".odt", ".epub")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
_QUARTER = re.compile(r"(?<![a-z])q[1-4](?!\d)", re.IGNORECASE)
_TYPES = (
    ("10k", r"10-?k(?![a-z])"),
    ("10q", r"10-?q(?![a-z])"),
    ("8k", r"8-?k(?![a-z])"),
    ("earnings", r"earnings|results"),
    ("annual_report", r"annual|integrated"),
    ("notice", r"notice|(?<![a-z])agm(?![a-z])|circular"),
)


def from_listing(objects: Mapping[str, StoredObject]) -> list[CatalogDocument]:
    """Return the documents among the objects of a store: those of a type that documents have, hidden ones left out."""
    found = []
    for key, stored in objects.items():
        path = PurePosixPath(key)
        if path.suffix.lower() not in _DOCUMENTS or is_hidden(key):
            continue
        company, period, kind = _read_name(path)
        found.append(
            CatalogDocument(
                document_id=document_id(key),
                filename=path.name,
                key=key,
                company=company,
                period=period,
                document_type=kind,
                version=stored.version,
            )
        )
    return found


def _read_name(path: PurePosixPath) -> tuple[str, str, str]:
    """Return (company, period, document type) as a file's name tells them; empty where it does not.

    The company stands before the others: a name that has none of them is a title.
    """
    stem = path.stem.replace("_", " ")
    year = _YEAR.search(stem)
    kind = next((name for name, pattern in _TYPES if re.search(pattern, stem, re.IGNORECASE)), "")
    cuts = [match.start() for match in (year, _QUARTER.search(stem)) if match]
    cuts += [m.start() for _, pattern in _TYPES if (m := re.search(pattern, stem, re.IGNORECASE))]
    company = stem[: min(cuts)].strip(" -.") if cuts else ""
    if cuts and not company and len(path.parts) > 1:
        company = path.parts[-2].replace("_", " ")
    return company, year.group() if year else "", kind
