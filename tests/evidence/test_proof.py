"""Proof in its parts: what counts as a figure, which row and period it is of, and whether a statement answers the question."""

import pytest

from jacie_flask.evidence.citations import Asked, cite, unproved
from jacie_flask.question.plan import Item, Measure, Plan, Span
from tests.support.pages import page

INCOME = page(
    1,
    "Consolidated statements of income\n(in millions, except per share amounts)\nYears ended December 31, 2023 2022\n"
    "Net sales $ 32,765 $ 31,657\nCost of sales 17,100 16,900\nResearch and development 1,560 1,530\nNet income 5,349 4,858\n"
    "Diluted earnings per share $ 8.89 $ 7.93",
    company="Contoso",
)
QUARTER = page(
    2,
    "Condensed statements of income\n(in millions)\nThree months ended June 30, Six months ended June 30,\n2023 2022 2023 2022\n"
    "Net sales 8,100 7,900 16,050 15,600\nNet income 1,300 1,210 2,540 2,400",
    company="Contoso",
)
OTHER = page(3, "Our stores\nWe have 5,349 parking lots near our stores, and 1,560 of them are lit at night.", company="Contoso")


def verdicts(answer, *pages, asked=None):
    """Return (state, reason) of each citation."""
    found = cite(answer, pages, asked) if asked else cite(answer, pages)
    return [(citation.state, citation.reason) for citation in found]


@pytest.mark.parametrize(
    "answer",
    [
        "1. Net sales were $32,765 million in 2023 [1].",
        "- **2.** Net sales were $32,765 million in 2023 [1].",
        "3) Net sales were $32,765 million in 2023 [1].",
        "## 4.2 Net sales were $32,765 million in 2023 [1].",
        "`x = 17 * 4` gives nothing: net sales were $32,765 million in 2023 [1].",
    ],
)
def test_numbers_of_lists_and_headings_and_code_are_no_figures(answer):
    """What stands before a sentence to count it is not part of what it states."""
    assert verdicts(answer, INCOME) == [("found", "")]


@pytest.mark.parametrize(
    ("answer", "figure"),
    [
        ("Marketing moved from FY2016 to $999,999 million [1].", "999,999"),
        ("See note 5: net sales were $99,999 million in 2023 [1].", "99,999"),
        ("Net sales of the year 2023 were J$99,999 million [1].", "99,999"),
        ("In Q2 and $77,777 million later nothing changed [1].", "77,777"),
        ("Net sales rose from FY2022 to 44.4% more [1].", "44.4"),
    ],
)
def test_no_figure_escapes(answer, figure):
    """A currency, a unit or thousands make a figure of what follows a note, a quarter or a fiscal year."""
    ((state, reason),) = verdicts(answer, INCOME)
    assert state == "not_found"
    assert figure in reason


@pytest.mark.parametrize(
    "answer",
    [
        "Diluted earnings per share were 8.89% in 2023 [1].",
        "Net income was 5,349% in 2023 [1].",
        "The company had 1,560 [1].",
        "In 2023 the dividend was 5,349 million [1].",
    ],
)
def test_another_unit_or_no_name_of_the_row_proves_nothing(answer):
    """A percentage is no amount, and a bare figure belongs to the row that is named."""
    assert [state for state, _ in verdicts(answer, INCOME)] == ["not_found"]


def test_an_unrelated_page_with_the_digits_proves_nothing():
    """The page counts parking lots."""
    assert [state for state, _ in verdicts("Net income was 5,349 million in 2023 [3].", OTHER)] == ["not_found"]
    assert [state for state, _ in verdicts("Research and development came to 1,560 million [3].", OTHER)] == ["not_found"]


def test_a_sentence_may_leave_out_what_the_one_before_or_the_question_named():
    """ "It was ..." is about the row before; an answer of a figure alone about what was asked."""
    answer = "Net income was $5,349 million in 2023 [1]. In 2022, it was $4,858 million [1]."
    assert [state for state, _ in verdicts(answer, INCOME)] == ["found", "found"]
    asked = Asked("What was net income in 2023?")
    assert verdicts("$5,349 million [1].", INCOME, asked=asked) == [("found", "")]
    assert [state for state, _ in verdicts("$1,560 million [1].", INCOME, asked=asked)] == ["not_found"]


def test_a_sentence_without_figures_and_quotations_is_not_checked_and_no_doubt():
    """There is nothing in it that a page could prove."""
    found = cite("No, there was none [1]. Net sales were $32,765 million in 2023 [1].", [INCOME])
    assert [(citation.state, citation.verified) for citation in found] == [("not_checked", False), ("found", True)]
    assert unproved(found) == []


@pytest.mark.parametrize(
    ("answer", "derivation"),
    [
        ("Net sales grew by 3.5% in 2023 [1].", "32,765 against 31,657"),
        ("Net sales were on average $32,211 million in 2022 and 2023 [1].", "average of Net sales 2022 (31,657), 2023 (32,765)"),
        ("Research and development was 4.8% of net sales in 2023 [1].", "Research and development 2023 (1,560) / Net sales 2023"),
        ("The net margin was 16.3% in 2023 [1].", "net margin 2023 = Net income / Net sales (Net income 2023: 5,349, Net sales"),
    ],
)
def test_the_derivation_is_shown(answer, derivation):
    """The reason names the rows, the years and the figures that a computed figure follows from."""
    ((state, reason),) = verdicts(answer, INCOME)
    assert state == "computed"
    assert derivation in reason


def test_the_direction_follows_the_years_whatever_the_order_of_the_columns():
    """The older year may stand first."""
    turned = page(1, "Summary (in millions)\n2022 2023\nNet sales 31,657 32,765\nNet income 4,858 5,349")
    for source in (INCOME, turned):
        assert [state for state, _ in verdicts("Net sales grew by 3.5% in 2023 [1].", source)] == ["computed"]
        assert [state for state, _ in verdicts("Net sales fell by 3.5% in 2023 [1].", source)] == ["not_found"]
        assert [state for state, _ in verdicts("Net sales fell to $32,765 million in 2023 [1].", source)] == ["not_found"]


# ------------------------------------------------------------------------------------------------- what was asked for

SALES = Measure("net sales", Item("revenue"))
PER_SHARE = Measure("diluted earnings per share", Item("eps_diluted"), unit="per_share")
ANNUAL = Plan(("Contoso",), (SALES,), (Span("year", 2023),))
ADDRESSED = [
    (ANNUAL, "Net sales were $32,765 million in 2023 [1].", "yes", ""),
    (ANNUAL, "Net sales were $31,657 million in 2022 [1].", "no", "it is of 2022, not of 2023"),
    (ANNUAL, "Net sales were $8,100 million in the second quarter of 2023 [2].", "no", "it is of 3 months, not of 12"),
    (ANNUAL, "Diluted earnings per share were $8.89 in 2023 [1].", "no", "it is an amount per share, not a total"),
    (ANNUAL, "Research and development was $1,560 million in 2023 [1].", "unknown", ""),
    (ANNUAL, "Net sales were $39,999 million in 2023 [1].", "unknown", ""),
    (Plan(("Contoso",), (SALES,), (Span("quarter", 2023, 2),)), "Net sales were $8,100 million in Q2 2023 [2].", "yes", ""),
    (
        Plan(("Contoso",), (PER_SHARE,), (Span("year", 2023),)),
        "Net income was $5,349 million in 2023 [1].",
        "no",
        "it is a total",
    ),
    (
        Plan(("Fabrikam",), (SALES,), (Span("year", 2023),)),
        "Net sales were $32,765 million in 2023 [1].",
        "no",
        "not of Fabrikam",
    ),
    (Plan(), "Net sales were $32,765 million in 2023 [1].", "unknown", ""),
]


@pytest.mark.parametrize(("plan", "answer", "answers", "reason"), ADDRESSED, ids=[f"{row[1][:40]} {row[2]}" for row in ADDRESSED])
def test_whether_a_statement_answers_the_question(plan, answer, answers, reason):
    """The period, its length, the company, total or per share have to be those of the plan; a proof alone is no answer."""
    (citation,) = cite(answer, [INCOME, QUARTER], Asked("", plan))
    assert citation.answers == answers
    assert reason in citation.answers_reason
    assert bool(citation.answers_reason) == (answers == "no")


def test_a_part_of_the_company_is_no_answer_about_the_whole():
    """The column is a segment's."""
    parts = page(1, "Segments (in millions)\n2023 Cloud Devices Games Group\nRevenue 500 300 200 1,000", company="Contoso")
    (citation,) = cite("Cloud revenue was $500 million in 2023 [1].", [parts], Asked("", ANNUAL))
    assert (citation.verified, citation.answers) == (True, "no")
    assert citation.answers_reason == "it is of a part of the company (Cloud)"


TAXES = page(
    1,
    "Consolidated statements of income\n(in millions)\nYears ended December 31, 2023 2022\n"
    "Income before income tax provision $ 8,637 $ 8,268\nIncome tax provision 2,569 2,522\nNet income 6,068 5,746",
    company="Contoso",
)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("Income tax provision was 2,569 million in 2023 [1].", "found"),
        ("Income before income tax provision was 8,637 million in 2023 [1].", "found"),
        ("The income tax provision was 8,637 million in 2023 [1].", "not_found"),
        ("Income before income tax provision was 2,569 million in 2023 [1].", "not_found"),
        ("Income before the provision for income tax was 8,637 million in 2023 [1].", "found"),
        ("It had 2,569 million in income tax provision in 2023 [1].", "found"),
    ],
)
def test_labels_that_differ_in_small_words_are_two_rows(answer, state):
    """The row whose label the sentence spells out longest is the one that it means."""
    assert [one for one, _ in verdicts(answer, TAXES)] == [state]


def test_a_label_of_another_table_is_another_word_for_the_row():
    """What a quarter's table calls the line says nothing against the year's row."""
    quarter = page(
        2,
        "Condensed results\n(in millions)\nThree months ended December 31, 2023 2022\nNet sales 8,100 7,900\n"
        "Provision for income tax 640 610\nNet income 1,300 1,210",
        company="Contoso",
    )
    assert verdicts("The provision for income tax was 2,569 million in 2023 [1] [2].", TAXES, quarter)[0] == ("found", "")


BALANCES = page(
    1,
    "Consolidated balance sheets\n(in thousands)\nDecember 31, 2023 2022\n"
    "Accrued transaction losses $ 20,064 $ 17,176\nAllowance for credit losses 3,140 2,870\nAccounts payable 5,410 5,120\n"
    "Long-term debt, less current portion 6,340 6,110",
    company="Contoso",
)
FLOWS = page(
    2,
    "Consolidated statements of cash flows\n(in thousands)\nYears ended December 31, 2023 2022\n"
    "Net income (loss) $ 12,400 $ 11,300\nSettlements receivable (248,271) 245,795\nSettlement of swaps (4,410) (3,120)\n"
    "Net cash provided by operating activities 61,300 58,200",
    company="Contoso",
)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("Accrued transaction losses were 20,064 thousand in 2023 [1].", "found"),
        ("Accrued transaction losses were (20,064) thousand in 2023 [1].", "not_found"),
        ("The allowance for credit losses was -3,140 thousand in 2023 [1].", "not_found"),
        ("Long-term debt, less current portion was (6,340) thousand in 2023 [1].", "not_found"),
        ("Settlements receivable amounted to 248,271 thousand in 2023 [2].", "not_found"),
        ("Settlements receivable amounted to (248,271) thousand in 2023 [2].", "found"),
        ("Settlement of swaps took 4,410 thousand in 2023 [2].", "found"),
    ],
)
def test_balances_of_losses_and_receivables_have_their_own_sign(answer, state):
    """Only words for a loss or a payment stand for a minus, not those of what is set aside or still to be received."""
    assert [one for one, _ in verdicts(answer, BALANCES, FLOWS)] == [state]


@pytest.mark.parametrize(
    ("figure", "state"), [("31,657", "found"), ("32,765", "not_found")], ids=["of the year before", "of the year that is named"]
)
def test_a_figure_of_the_year_before_is_looked_for_in_that_year(figure, state):
    """Words such as "the year before" move a figure to the column before the one that the sentence names."""
    answer = f"Net sales were $32,765 million in 2023, compared with ${figure} million the year before [1]."
    assert [found for found, _ in verdicts(answer, INCOME)] == [state]


def test_a_change_of_a_percentage_in_a_table_of_millions_is_in_points():
    """The scale of the table is not that of its percentages."""
    margins = page(
        1,
        "Segment results\n(in millions)\nYears ended December 31, 2023 2022\nNet sales $ 32,765 $ 31,657\n"
        "Gross margin 47.8 % 46.6 %",
        company="Contoso",
    )
    assert verdicts("Gross margin rose by 1.2 percentage points in 2023 [1].", margins) == [
        ("computed", "1.2 percentage points: computed: 47.8% less 46.6% (Gross margin, 2023 and 2022)")
    ]
