"""The catalog, the documents themselves, and their pages as text and as pictures."""

import io
import re
from pathlib import Path
from typing import Any, cast

import msgspec
from flask import Blueprint, Response, redirect, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response as AnyResponse
from werkzeug.wsgi import FileWrapper

from jacie_flask.errors import DocumentUnavailable, InvalidRequest, NotFound
from jacie_flask.interfaces import CatalogDocument, PagePicture, ServedFile
from jacie_flask.text.hostile import one_line
from jacie_flask.web import limits
from jacie_flask.web.context import jacie
from jacie_flask.web.watching import Download, watched

blueprint = Blueprint("documents", __name__)

_HIGHLIGHT_CHARS = 1000
_LONGEST_FILENAME = 255
_PIECE = 1 << 16
_LIMIT = re.compile(r"[0-9]{1,4}")
_SCALE = re.compile(r"[0-4](?:\.[0-9]{1,2})?")
_SHOWN = {".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/plain"}  # the rest is saved: none of it is a page of ours


@blueprint.get("/documents")
def listing() -> Response:
    """Return the catalog, a page of it at a time."""
    limits.ask("polls")
    limit = _limit(request.args.get("limit", "100"))
    catalog = jacie().services.catalog
    notes, documents = catalog.notes, list(catalog.documents())
    start = _after(documents, request.args.get("cursor", ""))
    page = documents[start : start + limit]
    more = start + limit < len(documents)
    body: dict[str, Any] = {"documents": [_shown(document) for document in page]}
    body["next_cursor"] = page[-1].document_id if more and page else None
    if notes:
        body["notes"] = list(notes)
    return Response(msgspec.json.encode(body), content_type="application/json")


@blueprint.get("/documents/<document_id>")
def file(document_id: str) -> AnyResponse:
    """Return the file with Range support, or send the browser to a short-lived URL of the store."""
    limits.ask("pages")
    parts = jacie()
    document = parts.services.catalog.get(document_id)
    if not document.key:
        raise DocumentUnavailable(f"{document.filename} has no object", reason=document.reason)
    opened = parts.services.documents.open(document.key, "HEAD" if request.method == "HEAD" else "GET")
    if isinstance(opened, str):
        response: AnyResponse = redirect(opened, code=307)
        response.headers["Cache-Control"] = "no-store"
        return response
    return _sent(opened, document)


@blueprint.get("/documents/<document_id>/pages/<int:number>")
def page_text(document_id: str, number: int) -> Response:
    """Return the text of one page, counted from 1."""
    limits.ask("pages")
    parts = jacie()
    document = parts.services.catalog.get(document_id)
    with limits.turn():
        pages = parts.services.reader.read(document).pages
    if not 1 <= number <= len(pages):
        raise NotFound(f"{document.filename} has {len(pages)} pages")
    body = {
        "document_id": document_id,
        "filename": document.filename,
        "page": number,
        "pages": len(pages),
        "text": pages[number - 1],
    }
    response = Response(msgspec.json.encode(body), content_type="application/json")
    response.add_etag()
    return _revalidated(response)


@blueprint.get("/documents/<document_id>/pages/<int:number>.png")
def page_picture(document_id: str, number: int) -> Response:
    """Return one page as a picture, with the passage ``highlight`` marked in place."""
    limits.ask("pages")
    highlight, scale = _highlight(request.args.get("highlight", "")), _scale(request.args.get("scale", "2"))
    parts = jacie()
    document = parts.services.catalog.get(document_id)
    with limits.turn():
        name, picture = parts.services.pictures.draw(document, number, highlight, scale)
    response = Response(picture.png, content_type="image/png")
    response.headers["X-Pages"] = str(picture.pages)
    if highlight:
        response.headers["X-Highlight"] = picture.highlight
    if picture.areas:
        response.headers["X-Highlight-Box"] = _box(picture)
    response.set_etag(name)
    return _revalidated(response)


def _revalidated(response: Response) -> Response:
    """Let browsers keep the response, and ask each time whether its tag still stands."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def _box(picture: PagePicture) -> str:
    """Return the box around all marks: left, top, right, bottom as shares of the picture's width and height."""
    left, top, right, bottom = zip(*picture.areas, strict=True)
    sides = (min(left) / picture.width, min(top) / picture.height, max(right) / picture.width, max(bottom) / picture.height)
    return ", ".join(f"{side:.4f}" for side in sides)


def _sent(file: ServedFile, document: CatalogDocument) -> Response:
    """Answer with a file that is open already: what stands at its path by now is not looked at."""
    shown_as = _SHOWN.get(Path(file.name).suffix.lower())
    reader = io.BufferedReader(cast(io.RawIOBase, file), _PIECE)
    response = send_file(
        reader,
        mimetype=shown_as or "application/octet-stream",
        as_attachment=shown_as is None,
        download_name=_saved_as(document.filename),
        conditional=False,
        etag=file.version,
        last_modified=file.modified_s,
        max_age=0,
    )
    response.response = FileWrapper(reader, _PIECE)
    response.content_length = file.size
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=file.size)
    except RequestedRangeNotSatisfiable:
        reader.close()
        raise
    response.response = Download(response.response, watched())
    return response


def _saved_as(filename: str) -> str:
    """Return a file's name on one line, without what would disguise its ending on the reader's disk."""
    return one_line(Path(filename).name, _LONGEST_FILENAME) or "document"


def _shown(document: CatalogDocument) -> dict[str, Any]:
    shown = {
        "document_id": document.document_id,
        "filename": document.filename,
        "company": document.company,
        "period": document.period,
        "document_type": document.document_type,
        "pages": document.pages,
        "status": document.status,
        "notes": document.notes,
    }
    return {**shown, "reason": document.reason} if document.reason else shown


def _highlight(text: str) -> str:
    if len(text) > _HIGHLIGHT_CHARS:
        raise InvalidRequest(errors=(("highlight", f"must be at most {_HIGHLIGHT_CHARS} characters"),))
    return " ".join(text.split())


def _scale(text: str) -> float:
    if not _SCALE.fullmatch(text) or not 0.5 <= float(text) <= 4:
        raise InvalidRequest(errors=(("scale", "must be a number from 0.5 to 4, pixels a point"),))
    return round(float(text), 2)


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= 500:
        raise InvalidRequest(errors=(("limit", "must be a whole number from 1 to 500"),))
    return int(text)


def _after(documents: list[CatalogDocument], cursor: str) -> int:
    if not cursor:
        return 0
    for place, document in enumerate(documents):
        if document.document_id == cursor:
            return place + 1
    raise InvalidRequest(errors=(("cursor", "is not a cursor of this catalog"),))
