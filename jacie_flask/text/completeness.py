"""The completeness report: sentences on what a document contains that was not read, bounded and safe to show."""

from collections.abc import Iterable, Sequence
from itertools import islice

from jacie_flask.text.hostile import one_line

_NOTE_CHARS = 300
_NOTES = 20
_NOTES_SHOWN = 3
_DOCUMENTS_SHOWN = 6
_NAME_CHARS = 120


def bounded_notes(notes: Iterable[str]) -> list[str]:
    """Return each note once, on one line of at most 300 characters and without a full stop; at most 20, and how many more."""
    clean = list(dict.fromkeys(filter(None, (one_line(note, _NOTE_CHARS).rstrip(" .") for note in notes))))
    if len(clean) <= _NOTES:
        return clean
    return [*clean[: _NOTES - 1], f"{len(clean) - _NOTES + 1} more notes of this kind"]


def sentences(documents: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a sentence for each (file name, notes) that has notes: at most three notes each, of at most six documents."""
    noted = {name: notes for name, notes in documents if notes}
    shown = [_sentence(name, notes) for name, notes in islice(noted.items(), _DOCUMENTS_SHOWN)]
    more = len(noted) - len(shown)
    if more:
        shown.append(f"Parts of {more} more documents were not read; the list of documents names them.")
    return shown


def _sentence(name: str, notes: Sequence[str]) -> str:
    more = len(notes) - _NOTES_SHOWN
    shown = "; ".join(notes[:_NOTES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return f"{one_line(name, _NAME_CHARS)}: {shown}."
