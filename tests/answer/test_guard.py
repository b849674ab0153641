"""The guard: what no page proves is marked, what a page contradicts is replaced, and how the model's text was cut does not matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.answer.model.guard import FigureGuard
from tests.support.pages import PAGES, page

STATEMENT = page(
    3,
    "Consolidated statement of income\n(in millions, except per share amounts) 2023 2022\nNet sales $ 32,765 $ 31,657\n"
    "Operating income 5,963 5,097\nOperating margin 18.2% 16.1%\nBasic earnings per share $ 2.41 $ 2.30",
)


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
    ("wrong", "marked"),
    [
        ("Net sales were 32,756 [1]. ", "Net sales were 32,756 (not verified) [1]. "),
        ("Net sales were 32,7650. [9] ", "Net sales were 32,7650 (not verified). [9] "),
        ("It says “net sales fell to 5” [1]. ", "It says “net sales fell to 5” (not verified) [1]. "),
    ],
)
def test_a_sentence_that_no_page_proves_is_marked(wrong, marked):
    """It stays, with the mark before its sources; what is around it stays as it is."""
    shown, guard = guarded("Listen. ", wrong, "That is all.")
    assert (guard.marked, guard.replaced) == (1, 0)
    assert shown == f"Listen. {marked}That is all."


@pytest.mark.parametrize(
    ("wrong", "stated"),
    [
        ("Net sales were $31,000 million in 2023 [3].", "Net sales were $32,765 million in 2023 [3]."),
        ("Net sales were $31,657 million in 2023 [3].", "Net sales were $32,765 million in 2023 [3]."),
        ("Net sales increased by 4.5% in 2023 [3].", "Net sales were $32,765 million in 2023 and $31,657 million in 2022 [3]."),
        ("The operating margin was 19.1% in 2023 [3].", "Operating margin was 18.2 % in 2023 [3]."),
        ("Basic earnings per share were $2.30 in 2023 [3].", "Basic earnings per share were $2.41 in 2023 [3]."),
    ],
)
def test_a_sentence_that_a_row_contradicts_gives_way_to_it(wrong, stated):
    """The row is written as a sentence with its unit and period."""
    shown, guard = guarded("Listen. ", f"{wrong} ", "That is all.", pages=[STATEMENT])
    assert (guard.marked, guard.replaced) == (0, 1)
    assert shown == f"Listen. {stated} That is all.".replace("$", "USD ")


@pytest.mark.parametrize("doubted", ["Net sales were $31,000 million in 2019 [3].", "Goodwill was $31,000 million in 2023 [3]."])
def test_what_the_page_does_not_state_contradicts_nothing(doubted):
    """Another year, or a row that is not there: the sentence is marked only."""
    _, guard = guarded(f"{doubted} ", pages=[STATEMENT])
    assert (guard.marked, guard.replaced) == (1, 0)


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
