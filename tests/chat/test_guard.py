"""The guard: no sentence gets out whose figures no page proves, and how the model's text was cut does not matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.chat.guard import FigureGuard
from tests.support.pages import PAGES, page

PROSE = page(3, "Revenue\nRevenue grew by 1.1% to EUR 1,299,420 thousand in 2024, driven by higher volumes.")


def guarded(*pieces, pages=PAGES):
    """Return what the guard lets out of an answer that comes in pieces, and the guard."""
    guard = FigureGuard(pages)
    return "".join(map(guard.feed, pieces)) + guard.end(), guard


@given(st.lists(st.text(st.sampled_from("ab1 .,!?\n[]%”"), max_size=12), max_size=12))
@settings(max_examples=300)
def test_without_evidence_nothing_is_changed(pieces):
    """With no page to check against, the pieces joined are what the model wrote."""
    assert guarded(*pieces, pages=[])[0] == "".join(pieces)


def test_proved_sentences_pass_as_they_are():
    """Sentences without figures, with proved ones, and the model's own markers are not changed."""
    answer = (
        "Here is what the report says.\n\n- Net sales were $32.8 billion [1].\n- Staff: 93,516 employees. [2] I cannot say why."
    )
    assert guarded(*answer)[0] == answer
    assert guarded("As I said: 12,345.", pages=[])[0] == "As I said: 12,345."


@pytest.mark.parametrize(
    "wrong",
    ["Net sales were 32,756 [1]. ", "Net sales were 32,7650 [9]. ", "It says “net sales fell to 5” [1]. "],
)
def test_a_sentence_that_no_page_proves_is_left_out(wrong):
    """What is around it stays."""
    shown, guard = guarded("Listen. ", wrong, "That is all.")
    assert (guard.replaced, guard.quotes) == (1, 0)
    assert shown == "Listen. That is all."


def test_a_statement_of_the_page_takes_its_place():
    """Where the page has a sentence about the same, it is quoted with its source."""
    shown, guard = guarded("Revenue grew by 9.9% to EUR 1,299,420 thousand in 2024 [3]. ", "That is all.", pages=[PROSE])
    assert (guard.replaced, guard.quotes) == (1, 1)
    assert shown == "“Revenue grew by 1.1% to EUR 1,299,420 thousand in 2024, driven by higher volumes.” [3] That is all."


ANSWERS = st.lists(
    st.sampled_from(
        [
            "Net sales were 32,765 in all.",
            "Net sales were 32,756 in all.",
            "Sales of Contoso Inc. rose 3.5%.",
            "It bought property, plant and equipment for 1,577 [1].",
            "“Quite so,” he said.",
            "e.g. (1,577)",
            "Yes.",
        ]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@st.composite
def cut_answers(draw):
    """Draw an answer in the pieces that a model's tokens may come in."""
    pieces, left = [], draw(ANSWERS)
    while left:
        size = draw(st.integers(1, 9))
        pieces.append(left[:size])
        left = left[size:]
    return pieces


@given(cut_answers())
@settings(max_examples=200)
def test_how_the_text_is_cut_does_not_matter(pieces):
    """Whatever pieces come, the same sentences go out."""
    whole, one = guarded("".join(pieces))
    cut, other = guarded(*pieces)
    assert cut.split() == whole.split()
    assert other.replaced == one.replaced


def test_sentences_leave_as_they_end():
    """The reader does not wait for the end of the answer."""
    guard = FigureGuard(PAGES)
    assert guard.feed("Net sales were 32,765 in all. ") == ""
    assert guard.feed("And so on. ") == "Net sales were 32,765 in all. "
