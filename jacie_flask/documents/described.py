"""The catalog of a store with metadata.json: each entry beside its object, and what does not fit together in words."""

from collections.abc import Mapping

from jacie_flask.documents.keys import document_id
from jacie_flask.documents.metadata import Listing, Match, Objects, parse
from jacie_flask.interfaces import CatalogDocument, StoredObject

_NAMED = 20


def from_metadata(data: bytes, objects: Mapping[str, StoredObject]) -> tuple[list[CatalogDocument], list[str]]:
    """Return one document an entry, none in the place of another, and notes on entries that share or lack an object.

    Raise MetadataError. A document without an object has no key: nothing can be read through it.
    """
    known = Objects(objects)
    owners: dict[str, str] = {}
    documents: list[CatalogDocument] = []
    notes: list[str] = []
    for number, (company, entry) in enumerate(parse(data), 1):
        match = known.match(entry)
        name = f"entry {number} ({company}: {entry.filename})"[:200]
        if match.key in owners:
            notes.append(f"metadata.json: {name} is the same file as {owners[match.key]}: {match.key}")
            match = Match("", f"the same file is listed as {owners[match.key]} already")
        elif match.key:
            owners[match.key] = name
        elif match.ambiguous:
            notes.append(f"{name}: {match.reason}")
        documents.append(_document(company, entry, match, objects, number))
    more = [f"metadata.json: {len(notes) - _NAMED} more of this kind"] if len(notes) > _NAMED else []
    return documents, [*notes[:_NAMED], *more]


def _document(company: str, entry: Listing, match: Match, objects: Mapping[str, StoredObject], number: int) -> CatalogDocument:
    stored = objects.get(match.key)
    return CatalogDocument(
        document_id=document_id(match.key if stored else f"\0{number}\0{company}\0{entry.filename}"),
        filename=entry.filename,
        key=match.key,
        company=company,
        period=str(entry.period if entry.period is not None else ""),
        document_type=entry.document_type or "",
        version=stored.version if stored else "",
        status="pending" if stored else "missing",
        reason=match.reason,
    )
