"""The completeness report: notes are bounded and harmless, and each document has one sentence."""

from jacie_flask.text.completeness import bounded_notes, sentences


def test_notes_are_kept_once_on_one_line_without_a_full_stop():
    """Names of sheets and attachments are text of strangers: no line break, no control character, no endless one."""
    notes = ["2 cells were never calculated.", "2 cells were never calculated", " ", "sheet\n\x1b[31mSecret", "x" * 1000]
    clean = bounded_notes(notes)
    assert clean[0] == "2 cells were never calculated"
    assert len(clean) == 3
    assert all("\n" not in note and "\x1b" not in note and len(note) <= 300 for note in clean)


def test_many_notes_are_counted():
    """Twenty lines at the most, the last says how many are not shown."""
    clean = bounded_notes(f"page {number} is a picture" for number in range(50))
    assert len(clean) == 20
    assert clean[-1] == "31 more notes of this kind"
    assert len(bounded_notes(f"page {number} is a picture" for number in range(20))) == 20


def test_a_document_has_one_sentence_of_at_most_three_notes():
    """Documents without notes have none; the same document twice is named once."""
    told = sentences([("a.xlsx", ["one", "two", "three", "four", "five"]), ("b.txt", []), ("c.pdf", ["six"]), ("c.pdf", ["six"])])
    assert told == ["a.xlsx: one; two; three; and 2 more.", "c.pdf: six."]


def test_of_many_documents_the_first_are_named():
    """A question that uses fifty documents does not end in fifty sentences."""
    told = sentences((f"{number}.pdf", ["a picture"]) for number in range(50))
    assert len(told) == 7
    assert told[-1].startswith("Parts of 44 more documents")
