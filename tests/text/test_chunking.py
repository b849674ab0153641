"""Chunks: whole lines of one page, bounded, under their headings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.text.chunking import MAX_PIECES, chunk_pages, heading_level, pieces

PROSE = "The group sold its packaging plant in March and booked a small gain on it.\n" * 40


def test_chunks_never_cross_pages():
    """Each page starts a chunk of its own."""
    assert [chunk.page for chunk in chunk_pages(["one line", "another line"])] == [1, 2]


def test_empty_pages_give_no_chunks():
    """A page without text has no chunk but keeps its number for the next one."""
    assert [chunk.page for chunk in chunk_pages(["", "  \n ", "text here"])] == [3]


def test_chunks_stand_under_section_title_and_subtitle():
    """A chunk knows the numbered section, the capital title and the subtitle above it."""
    page = f"Item 7. Management’s Discussion\nLIQUIDITY AND CAPITAL\nCash Position\n{PROSE}"
    chunks = chunk_pages([page])
    assert len(chunks) > 1
    assert chunks[-1].headings == ("Item 7. Management’s Discussion", "LIQUIDITY AND CAPITAL", "Cash Position")


def test_a_section_reaches_over_pages_until_the_next_one():
    """The next page without a heading is still in the section; a new section ends it."""
    chunks = chunk_pages(["Item 1. Business\nwe make paper.", "and more of it.", "Item 2. Properties\ntwo mills."])
    assert [chunk.headings[0] for chunk in chunks] == ["Item 1. Business", "Item 1. Business", "Item 2. Properties"]


def test_running_titles_are_no_headings():
    """A line at the head of every page says nothing about its chunk."""
    pages = [f"Northwind Annual Review {number}\nplain text about item {number} follows here.\n" for number in range(12)]
    assert all(chunk.headings == () for chunk in chunk_pages(pages))


def test_rows_of_figures_are_no_headings():
    """A table row is text, whatever its capitals."""
    assert heading_level("Total Net Sales 1,200 1,100 900") == 0
    assert heading_level("Purchases of inventory grew in line with sales.") == 0
    assert heading_level("NOTES TO THE FINANCIAL STATEMENTS") == 2


@settings(max_examples=60)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=1500), max_size=3))
def test_no_text_is_lost_and_no_chunk_is_too_large(pages):
    """All that is printed ends up in exactly one chunk of its page, and each chunk keeps the limit."""
    chunks = chunk_pages(pages)
    assert all(pieces(chunk.text) <= MAX_PIECES for chunk in chunks)
    for number, page in enumerate(pages, start=1):
        kept = "".join("".join(chunk.text.split()) for chunk in chunks if chunk.page == number)
        assert kept == "".join(page.split())
