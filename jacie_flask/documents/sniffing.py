"""What a file is, from its bytes: its name only decides where they leave it open."""

import re
import zipfile
from pathlib import Path

from jacie_flask.errors import DocumentRejected

_HEAD = 4_096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_FOREIGN = (
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"BM", "a picture"),
    (b"RIFF", "a media file"),
    (b"\x1f\x8b", "an archive"),
    (b"BZh", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"Rar!", "an archive"),
    (b"\xfd7zXZ", "an archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
    (b"%!PS", "PostScript"),
)
_MEMBERS = (("word/document.xml", "docx"), ("xl/workbook.xml", "xlsx"), ("ppt/presentation.xml", "pptx"))
_OFFICE = {".docx": "DOCX", ".xlsx": "XLSX", ".pptx": "PPTX"}
_NAMED = {".pdf": "PDF", **_OFFICE}
_NOT_READ = {".doc", ".xls", ".ppt", ".rtf", ".odt", ".epub"}
HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<body[\s>]", re.IGNORECASE)
SUBMISSION_DOCUMENT = re.compile(rb"^[ \t]*<DOCUMENT>[ \t]*\r?\n[ \t]*<TYPE>", re.IGNORECASE | re.MULTILINE)
_SUBMISSION = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:-----BEGIN PRIVACY-ENHANCED MESSAGE-----|<(?:SEC-DOCUMENT|SEC-HEADER|IMS-DOCUMENT|IMS-HEADER|SUBMISSION|DOCUMENT)>)",
    re.IGNORECASE,
)
_LONGEST_HEADER = 4_000_000
_MARKDOWN = {".md", ".markdown"}
_NOT_ASCII = re.compile(rb"[^\t\n\r\f\x20-\x7e]")
_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_MEMBERS = 20_000
_MOST_UNPACKED = 1_000_000_000
_MOST_XML = 250_000_000


def kind_of(path: Path, suffix: str) -> str:
    """Return pdf, docx, xlsx, pptx, html, submission, markdown or text; raise DocumentRejected for what is not read."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise DocumentRejected(reason="it is empty")
    if head.lstrip().startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(path, suffix)
    if head.startswith(_OLE):
        raise DocumentRejected(reason=_why_not_ole(path, suffix))
    if suffix not in _NAMED and (SUBMISSION_DOCUMENT.search(head) or (_SUBMISSION.match(head) and _is_submission(path))):
        return "submission"
    return _kind_of_text(head, suffix)


def _is_submission(path: Path) -> bool:
    """Say whether a file is an EDGAR full submission: documents follow its header, however long that is."""
    with path.open("rb") as file:
        return SUBMISSION_DOCUMENT.search(file.read(_LONGEST_HEADER)) is not None


def _kind_of_text(head: bytes, suffix: str) -> str:
    foreign = next(((magic, name) for magic, name in _FOREIGN if head.startswith(magic)), None)
    if foreign and (_NOT_ASCII.search(foreign[0]) or b"\0" in head[:64]):  # a text may begin with BM as well
        raise DocumentRejected(reason=f"wrong type: it is {foreign[1]}")
    if head.startswith(b"{\\rtf"):
        raise DocumentRejected(reason="files of type .rtf are not read")
    html = HTML.search(head) is not None or suffix in (".htm", ".html")
    if suffix in _NAMED:
        if is_binary(head):
            raise DocumentRejected(reason=f"it is not a readable {_NAMED[suffix]}")
        raise DocumentRejected(reason=f"wrong type: it is named {suffix} but holds {'HTML' if html else 'plain text'}")
    if suffix in _NOT_READ and not html:  # many programs save HTML as .xls or .doc
        raise DocumentRejected(reason=f"files of type {suffix} are not read")
    if is_binary(head):
        raise DocumentRejected(reason="wrong type: it is not text")
    return "html" if html else "markdown" if suffix in _MARKDOWN else "text"


def is_binary(head: bytes) -> bool:
    """Say whether these bytes are no text in any encoding: too many control characters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")) or utf16_without_mark(head):
        return False
    controls = sum(byte < 32 and byte not in b"\0\t\n\v\f\r\x1b" for byte in head)
    return controls > len(head) // 20 or head.count(0) > len(head) // 3


def utf16_without_mark(head: bytes) -> str:
    """Return the byte order of UTF-16 text that has no mark, or nothing: Latin letters leave every other byte zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(head) >= 8 and max(even, odd) > len(head) // 5 and min(even, odd) < len(head) // 50 + 1:
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


def _kind_of_zip(path: Path, suffix: str) -> str:
    """Return the kind of an Office file whose members can be unpacked within bounds."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        reason = f"it is not a readable {_OFFICE[suffix]}" if suffix in _OFFICE else "wrong type: it is a damaged archive"
        raise DocumentRejected(str(error), reason=reason) from error
    names = {member.filename for member in members}
    kind = next((kind for name, kind in _MEMBERS if name in names), "")
    if not kind:
        if suffix in _NOT_READ:
            raise DocumentRejected(reason=f"files of type {suffix} are not read")
        raise DocumentRejected(reason="wrong type: it is an archive, not a document")
    if any(member.flag_bits & 1 for member in members):
        raise DocumentRejected(reason="it is protected by a password")
    xml = sum(member.file_size for member in members if member.filename.lower().endswith((".xml", ".rels")))
    unpacked = sum(member.file_size for member in members)  # a member is never unpacked beyond what it declares
    if len(members) > _MOST_MEMBERS or unpacked > _MOST_UNPACKED or xml > _MOST_XML:
        raise DocumentRejected(reason="it unpacks to more than this server reads")
    if any(member.compress_type not in _DEFLATED for member in members):
        raise DocumentRejected(reason=f"it is not a readable {kind.upper()}")
    return kind


def _why_not_ole(path: Path, suffix: str) -> str:
    """Return why a compound file is not read: an encrypted Office file is one, and so are those of before 2007."""
    with path.open("rb") as file:
        if _ENCRYPTED in file.read(8_000_000):
            return "it is protected by a password"
    if suffix in _NAMED:
        return f"wrong type: it is named {suffix} but is an Office file of before 2007"
    return f"files of type {suffix or '(none)'} are not read"
