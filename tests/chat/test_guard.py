"""The guard: no figure gets out that no page holds, and how the model's text was cut does not matter."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jacie_flask.chat.guard import QUOTES, FigureGuard, Guard
from jacie_flask.chat.query import weigh
from jacie_flask.text.terms import term_counts
from tests.support.pages import PAGES, SALES, page

QUESTION = "What were net sales?"
TERMS = dict.fromkeys(term_counts(QUESTION), 1.0)


def guarded(*pieces, pages=PAGES):
    """Return what the guard lets out of an answer that comes in pieces, and the guard."""
    guard = Guard(QUESTION, TERMS, pages)
    return "".join(map(guard.feed, pieces)) + guard.end(), guard


@given(st.lists(st.text(st.sampled_from("ab1 .,!?\n[]%”"), max_size=12), max_size=12))
@settings(max_examples=300)
def test_without_evidence_nothing_is_changed(pieces):
    """With no page to check against, the pieces joined are what was said."""
    assert guarded(*pieces, pages=[])[0] == "".join(pieces)


def test_a_figure_of_the_page_passes_with_its_number():
    """A proved sentence is marked with its source, before its stop, and only once."""
    assert guarded("Net sales were 32,765 in the year.")[0] == "Net sales were 32,765 in the year [1]."
    assert guarded("Net sales were 32,765 in the year [1].")[0] == "Net sales were 32,765 in the year [1]."
    assert guarded("Net sales were 32,765 in the year. [1] ")[0] == "Net sales were 32,765 in the year. [1] "
    assert guarded("Net sales were $32.8 billion in the year.")[0] == "Net sales were $32.8 billion in the year [1]."


WRONG = [
    "Net sales were 32,756 million.",
    "Net sales were 999 dollars in all.",
    "Net sales were $32.5 billion.",
    "Net sales were 32,765 and 7,777 cents.",
    "Purchases of property were 1,757 in total.",
    "Net sales grew by 35% in the year.",
    "Net sales were 32,765 and purchases 4,444.",
    "The answer to that is 93,516 then.",
]


@pytest.mark.parametrize("answer", WRONG)
def test_a_planted_figure_does_not_get_out(answer):
    """The pages' own words take the place of a sentence whose figures stand nowhere, or on a line about something else."""
    shown, guard = guarded(answer)
    assert guard.replaced == 1
    planted = set(re.findall(r"\d[\d,.]*\d", answer)) - set(re.findall(r"\d[\d,.]*\d", SALES))
    assert planted
    assert not any(figure in shown for figure in planted)
    assert "“" in shown
    assert "[1]" in shown


def test_fragments_do_not_get_out():
    """A figure without a sentence around it proves nothing."""
    shown, _ = guarded("12345678\n3\nwere exactly 555")
    assert not any(figure in shown for figure in ("12345678", "555"))


def test_nothing_is_said_twice():
    """A small model that says the same again and again is heard once, and the pages are quoted a few times at most."""
    assert guarded("Net sales were 32,765 in all. " * 5)[0].count("32,765") == 1
    shown, guard = guarded(*(f"Net sales were {number} in all. " for number in range(500, 530)))
    assert guard.replaced == 30
    quotes = re.findall("“[^”]*”", shown)
    assert 1 <= len(quotes) <= QUOTES
    assert len(set(quotes)) == len(quotes)


def test_quotes_stand_on_their_pages():
    """What the guard quotes is what a page says, with that page's number."""
    shown, _ = guarded("Net sales were 999 dollars in all.")
    for quote, n in re.findall(r"“([^”]*)” \[(\d)\]", shown):
        assert quote in PAGES[int(n) - 1].text


def test_an_answer_without_a_word_to_show_is_replaced_by_the_pages():
    """Silence is answered by what the pages say."""
    shown, _ = guarded("3")
    assert "32,765" in shown


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
    """Whatever pieces the model's tokens come in, the same sentences come out."""
    whole, one = guarded("".join(pieces))
    cut, other = guarded(*pieces)
    assert cut.split() == whole.split()
    assert other.replaced == one.replaced


def test_sentences_leave_as_they_end():
    """The reader does not wait for the whole answer."""
    guard = Guard(QUESTION, TERMS, PAGES)
    assert guard.feed("Net sales were 32,765 in all.") == ""
    assert guard.feed(" Before") == "Net sales were 32,765 in all [1]. "
    assert guard.feed(" that they were 31,657\n") == "Before that they were 31,657 [1]\n"
    assert guard.end() == ""


TABLE = page(
    1, "USD millions 2023 2022\nOperating income 176.3 113.7\nGross profit 900.0 800.0\nNet debt (net cash) (216.9) (297.0)"
)


def about(question, answer):
    """Return what the guard lets out of an answer about the table."""
    guard = Guard(question, dict.fromkeys(term_counts(question), 1.0), [TABLE])
    return guard.feed(answer) + guard.end()


@pytest.mark.parametrize(
    ("question", "answer", "passes"),
    [
        ("What was operating income in 2023?", "Operating income in 2023 was 176.3.", True),
        ("What was operating income in 2023?", "Operating income in 2023 was 113.7.", False),
        ("What was operating income in 2022?", "Operating income was 113.7.", True),
        ("What was operating income in 2023?", "Operating income in 2023 was 900.0.", False),
        ("What was net debt in 2023?", "Net debt in 2023 was USD 216.9.", False),
        ("Why did operating income change in 2023?", "Operating income changed to 900.0, driven by gross profit.", False),
    ],
)
def test_a_figure_needs_its_row_its_column_and_its_sign(question, answer, passes):
    """A figure of another row or year, or one that lost its brackets, is not an answer though it stands on the page."""
    shown = about(question, answer)
    assert (answer.rstrip(".") in shown) == passes, shown


def test_a_quoted_row_brings_the_heading_of_its_columns():
    """A row without its years and unit says nothing."""
    shown = about("What was operating income in 2023?", "I do not know at all.")
    assert "“Operating income 176.3 113.7” (USD millions 2023 2022) [1]" in shown


def test_an_overview_is_the_first_rows_of_the_pages():
    """Asked for highlights, the pages' own first rows answer, one company as much as the other."""
    guard = Guard("What are the main highlights?", {}, [TABLE])
    assert guard.end().splitlines()[0] == "“Operating income 176.3 113.7” (USD millions 2023 2022) [1]"


BOARD = page(
    1, "Risk factors\nWeather. Fields need rain.\nWages. Pickers are scarce.\nThe board\nBo Ferreira Chief executive officer 2018"
)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("Bo Ferreira is the chief executive officer.", "Bo Ferreira is the chief executive officer [1]."),
        ("Ada Ferreira is the chief executive officer.", "“Bo Ferreira Chief executive officer 2018” [1]\n"),
        ("Contoso is the chief executive officer of Contoso.", "“Bo Ferreira Chief executive officer 2018” [1]\n"),
        ("is the chief executive officer.", "“Bo Ferreira Chief executive officer 2018” [1]\n"),
    ],
)
def test_a_person_is_named_as_the_page_names_them(answer, shown):
    """A name that the page does not have beside the role does not get out, nor a sentence that names nobody, or is torn."""
    guard = Guard("Who is the chief executive officer of Contoso?", weigh("chief executive officer"), [BOARD])
    assert guard.feed(answer) + guard.end() == shown


def test_points_follow_what_the_model_said_of_them():
    """Where points are asked for, all that the page has stand below the sentence that passed, none twice."""
    guard = Guard("What are the risks?", weigh("risks"), [BOARD])
    said = "Weather: fields need rain. Sharks."
    assert guard.feed(said) + guard.end() == "Weather: fields need rain [1]. \n“Wages. Pickers are scarce.” [1]\n"


def watched(*pieces, pages=PAGES):
    """Return what the guard over a capable model lets out, and the guard."""
    guard = FigureGuard(pages)
    return "".join(map(guard.feed, pieces)) + guard.end(), guard


def test_a_capable_model_keeps_its_words_where_the_pages_prove_them():
    """Sentences without figures, with proved ones, and its own markers pass as they are."""
    answer = (
        "Here is what the report says.\n\n- Net sales were $32.8 billion [1].\n- Staff: 93,516 employees. [2] I cannot say why."
    )
    assert watched(*answer)[0] == answer
    assert watched("As I said: 12,345.", pages=[])[0] == "As I said: 12,345."


@pytest.mark.parametrize(
    "wrong",
    ["Net sales were 32,756 [1]. ", "Net sales were 32,765 thousand dollars [9]. ", "It says “net sales fell to 5” [1]. "],
)
def test_a_capable_models_wrong_sentence_gives_way(wrong):
    """The page's own words, quoted and cited, stand where the sentence stood; what is around it stays."""
    shown, guard = watched("Listen. ", wrong.replace(" thousand dollars", "0"), "That is all.")
    assert guard.replaced == guard.quotes == 1
    assert shown == "Listen. “Net sales $ 32,765 $ 31,657” [1] That is all."


@given(cut_answers())
@settings(max_examples=100)
def test_how_a_capable_models_text_is_cut_does_not_matter(pieces):
    """Whatever pieces come, the same sentences go out."""
    assert watched(*pieces)[0].split() == watched("".join(pieces))[0].split()


@pytest.mark.parametrize(("year", "shown"), [("2024", True), ("2027", False)])
def test_a_figure_under_another_year_does_not_get_out(year, shown):
    """What a page says of one year a model may not say of another; the page's own sentence comes instead."""
    said = "Revenue grew by 1.1% to EUR 1,299,420 thousand in 2024, driven by higher volumes."
    pages = [page(1, said)]
    guard = Guard("Will revenue grow?", dict.fromkeys(term_counts("revenue grow"), 1.0), pages)
    claim = f"The revenue grew by 1.1% to EUR 1,299,420 thousand in {year}, driven by higher volumes."
    out = guard.feed(claim) + guard.end()
    assert (claim[:-1] in out) is shown
    assert shown or out.startswith(f"“{said}”")


def test_a_currency_without_the_tables_unit_does_not_get_out():
    """$10,705 is no amount of a table in millions."""
    pages = [page(1, "(Amounts in millions) 2020 2019\nPayments for property and equipment 10,705 10,344")]
    terms = dict.fromkeys(term_counts("payments property equipment"), 1.0)
    for claim, right in (("$10,705", False), ("$10,705 million", True), ("$10.7 billion", True)):
        guard = Guard("payments?", terms, pages)
        out = guard.feed(f"The payments for property and equipment were {claim}.") + guard.end()
        assert ("The payments" in out) is right, claim
        assert right or "(Amounts in millions; 2020 2019)" in out
