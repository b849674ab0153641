"""Extractive answers: the statements that answer a question, quoted with their source, or nothing."""

import pytest

from jacie_flask.answer.extracts.answers import Page, extractive_answer

YEARS = frozenset({2022})
MARGIN = Page(
    1,
    "Results\nGross profit decreased to 37.6% of net sales in the fourth quarter. As a percentage of net sales, SG&A expenses decreased to "
    "23.5% compared to 23.9% in 2021, primarily due to lower marketing expenses. Store payroll expenses went up.",
    YEARS,
)
RISKS = Page(
    2,
    "Principal risks\nOur principal risks are:\n• Drought in the growing regions.\n• Wages of pickers.\nOther\nWe are fine as we are.",
    YEARS,
)
PAGES = [MARGIN, RISKS]


def answer(question, *texts, years=YEARS, names=()):
    """Return the paragraphs that answer a question over pages, or over the usual ones."""
    pages = [Page(number, text, years, "report") for number, text in enumerate(texts, start=1)] or PAGES
    return extractive_answer(question, pages, names)


def test_the_sentence_with_the_cause_answers_why():
    """It is quoted whole, with its source."""
    (quoted,) = answer("Why did SG&A expenses decrease as a percentage of net sales?")
    assert quoted.startswith("“As a percentage of net sales, SG&A expenses decreased to 23.5%")
    assert quoted.endswith("lower marketing expenses.” [1]")


@pytest.mark.parametrize(
    "text",
    [
        "Gross margin was 30% in 2022.",
        "The fall was smaller than that of the gross margin, because selling expenses grew less.",
        "Northern Shops gross margin fell due to higher rents.",
        "Gross margin rose because prices went up.",
        "Gross margin fell in 2019 because of rents.",
        "Adjusted gross margin fell in 2022 because of rents.",
        "The fall of gross margin in 2022 was partly offset by lower rents.",
        "Gross margin rose to 5% in 2022 from a lower level because of rents.",
        "Expenses fell because of the lower gross margin.",
    ],
)
def test_no_cause_of_what_is_asked_is_no_reason(text):
    """No cause, a comparison, a part of the business, the other direction, another year, an effect: none answers."""
    assert answer("Why did gross margin fall in 2022?", text) == []


def test_a_cause_in_the_next_sentence_counts():
    """It goes on about the movement of the sentence before."""
    page = "Inventories rose 7% to $5 million compared to $4 million in 2021. The increase was due to new shops. The rest is as before."
    assert answer("What drove the increase in inventories in 2022?", page) == [
        "“Inventories rose 7% to $5 million compared to $4 million in 2021. The increase was due to new shops.” [1]"
    ]


def test_a_cause_under_the_heading_of_what_is_asked_counts():
    """ "Increases were due to" speaks of its heading; a title in front of a sentence is no other subject."""
    page = (
        "Cost of Sales:\nIt went up as a percent of sales in 2022. Increases were primarily due to higher freight costs in 2022."
    )
    assert answer("Why did cost of sales change in 2022?", page) == [
        "“Increases were primarily due to higher freight costs in 2022.” [1]"
    ]
    titled = "Year 2022 Compared to Year 2021: Net sales decreased 4.9% to $5 million in 2022 due to frost."
    assert answer("What caused the decline in net sales in 2022?", titled) == [f"“{titled}” [1]"]


def test_a_figure_at_the_end_of_a_line_goes_on_with_its_sentence():
    """A line of prose that ends with a percentage is no row of a table."""
    page = "Results were as planned. As a percentage of net sales, gross profit decreased to 39.3%\ncompared to 40.4% in 2021, primarily due to frost."
    (quoted,) = answer("Why did gross profit decrease in 2022?", page)
    assert quoted.startswith("“As a percentage of net sales, gross profit decreased to 39.3% compared to 40.4%")


def test_a_segment_does_not_count_for_the_company():
    """How many the company has is not said by a sentence about one of its segments."""
    part = "As of June 30, 2022, the Rigid segment employed approximately 5,000 employees at 52 facilities."
    assert answer("How many employees were there in 2022?", part) == []


def test_the_duration_of_the_question_is_preferred():
    """A sentence about a quarter does not stand for the year, nor the other way round."""
    page = "Margin fell to 5% in the fourth quarter of 2022 due to rain. Margin fell to 6% in 2022 due to frost."
    assert answer("Why did margin fall in 2022?", page) == ["“Margin fell to 6% in 2022 due to frost.” [1]"]
    assert answer("Why did margin fall in the fourth quarter of 2022?", page) == [
        "“Margin fell to 5% in the fourth quarter of 2022 due to rain.” [1]"
    ]


def test_a_list_is_answered_with_its_lead_and_all_items():
    """Items answer by the heading and the sentence above them."""
    assert answer("What are the principal risks?") == [
        "Our principal risks are:\n- Drought in the growing regions. [2]\n- Wages of pickers. [2]"
    ]


def test_points_that_are_set_as_text_are_a_list():
    """Points begin with their titles; a sentence about the list does not answer."""
    page = (
        "Risk factors\nThe board reviews the main risks twice a year.\nWeather. Dry years reduce\nthe harvest.\n"
        "Wages of pickers. They may rise.\nSale of land. Prices could fall.\nShares\nThere is one class of shares."
    )
    assert answer("What are the main risks?", page) == [
        "Risk factors:\n- Weather. Dry years reduce the harvest. [1]\n- Wages of pickers. They may rise. [1]\n"
        "- Sale of land. Prices could fall. [1]"
    ]


def test_headlines_of_risks_are_a_list():
    """A paragraph of one sentence with text below it heads a risk."""
    below = (
        "Sentences about it follow here and fill the line to its end, as they do in filings of many pages. They go on for\nlong. "
    )
    page = (
        f"RISK FACTORS\nDry years could reduce our harvest.\n{below}So it goes.\nWe depend on a few buyers.\n{below}So it goes."
    )
    assert answer("What are the main risks?", page) == [
        "- Dry years could reduce our harvest. [1]\n- We depend on a few buyers. [1]"
    ]


def test_a_sentence_that_enumerates_answers_which():
    """Its subject is what is asked for; a sentence that only has the word does not answer."""
    page = "Costs of each brand include wages, rents and energy. Our brands are Alder, Birch and Cedar. Brands matter."
    assert answer("What are the main brands?", page) == ["“Our brands are Alder, Birch and Cedar.” [1]"]
    assert answer("What are the main brands?", "Costs of each brand include wages, rents and energy.") == []


def test_acquisitions_are_told_one_by_one():
    """Sentences whose subject is the company answer; those on how acquisitions are booked do not."""
    page = (
        "Acquisitions\nOn May 3, 2022, the Company completed the acquisition of a mill in Leeds. The price was $5 million.\n"
        "The assets acquired are recognized at fair value. On June 1, 2022, we acquired a bakery in Hull."
    )
    assert answer("Which acquisitions were made in 2022?", page) == [
        "- On May 3, 2022, the Company completed the acquisition of a mill in Leeds. [1]\n"
        "- On June 1, 2022, we acquired a bakery in Hull. [1]"
    ]


def test_items_of_a_current_report_are_its_agenda():
    """Each item has its title and its first sentence; exhibits are left out."""
    page = (
        "Item 5.02 Departure of Directors; Appointment of Officers.\nOn August 1, 2022, the board appointed Anna Bell as chief "
        "executive officer of the Company.\nShe is 50.\nItem 9.01 Financial Statements and Exhibits.\n(d) Exhibits are attached to this "
        "report and are listed here."
    )
    assert answer("What was the agenda of the 8-K of August 2022?", page) == [
        "- Item 5.02 Departure of Directors; Appointment of Officers: On August 1, 2022, the board appointed Anna Bell as chief "
        "executive officer of the Company. [1]"
    ]


def test_what_a_company_does_is_a_sentence_about_its_trade():
    """Sentences about its legal form or its competitors do not answer."""
    page = (
        "Business\nAlder plc is a public limited company incorporated in Jersey. We face competition in the industries in which we operate.\n"
        "Today, we are a global leader in making wooden toys for schools. We believe that toys matter."
    )
    for question in ("What does do?", "What industry does it primarily operate in?", "What business is it in?"):
        assert answer(question, page, names=("Alder",)) == [
            "“Today, we are a global leader in making wooden toys for schools.” [1]"
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We pay a dividend each quarter.", ["Yes: “We pay a dividend each quarter.” [1]"]),
        ("On May 5, 2022, the Board paid a dividend of $1.", ["Yes: “On May 5, 2022, the Board paid a dividend of $1.” [1]"]),
        ("We have never paid any dividends on our stock.", ["No: “We have never paid any dividends on our stock.” [1]"]),
        ("We have not paid dividends, except for one in 2022.", ["“We have not paid dividends, except for one in 2022.” [1]"]),
        ("We may pay dividends if results allow.", []),
        ("We announced our intention to pay dividends.", []),
        ("We invested in growth, including plans that attract buyers, win orders and pay dividends.", []),
        ("We intend to pay out half of profit as dividends.", []),
        ("Loans could limit our ability to pay dividends.", []),
        ("The dividends are paid by the bank.", ["“The dividends are paid by the bank.” [1]"]),
        ("In 2019 we paid a dividend.", []),
    ],
)
def test_yes_and_no_are_said_only_of_what_is_stated_outright(text, expected):
    """Hedges, plans, other years and other subjects settle nothing."""
    assert answer("Did the company pay dividends in 2022?", text) == expected


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("We employed approximately 1,250 people in 2022.", False),
        ("At year end we had approximately 1,250 full-time employees.", True),
        ("The number of employees grew to 1,250 in 2022.", True),
        ("Costs rose by 900 million, which our employees regret.", False),
        ("We paid USD 1,250 employees can share.", False),
        ("In 2022 employees moved.", False),
    ],
)
def test_how_many_wants_the_number_of_what_is_counted(text, answers):
    """The number belongs to the noun; other numbers of the sentence do not answer."""
    assert bool(answer("How many employees are there?", text)) == answers


@pytest.mark.parametrize(
    "question", ["Who painted the gallery of Delft?", "What is the depreciation of vessels?", "", "Where?", "Who is it?"]
)
def test_what_no_statement_answers_is_not_answered(question):
    """A shared word or two is no answer, and no words are none."""
    assert answer(question) == []


def test_who_has_an_office_is_named():
    """The office is written out."""
    assert answer("Who is the CEO?", "Anna Bell\nChief Executive Officer") == [
        "Anna Bell is named as chief executive officer [1]."
    ]


def test_who_did_something_is_answered_by_a_sentence():
    """An office alone does not answer who was appointed to it."""
    page = "Anna Bell has been appointed Chief Executive Officer of the Company. Tom Harrow, Chief Executive Officer, leaves."
    assert answer("Who was appointed CEO?", page) == [
        "“Anna Bell has been appointed Chief Executive Officer of the Company.” [1]"
    ]


def test_a_number_in_the_question_chooses_the_statement():
    """Equal sentences about other numbers do not answer."""
    texts = [f"Shops\nThe price of a bowl in shop {n} is {n}12.50." for n in (1, 2, 3)]
    assert answer("What is the price of a bowl in shop 3?", *texts) == ["“The price of a bowl in shop 3 is 312.50.” [3]"]


def test_the_newest_filing_answers_where_no_year_is_asked():
    """Equal statements of an older filing give way."""
    old, new = (Page(n, f"The mill in Leeds has {n} wheels.", frozenset({2020 + n}), str(n)) for n in (1, 2))
    assert extractive_answer("What wheels does the mill in Leeds have?", [old, new]) == ["“The mill in Leeds has 2 wheels.” [2]"]


def test_what_came_or_went_is_not_how_many_there_are():
    """Shops that opened are counted only where the question asks for them."""
    opened = "In 2022 we opened 47 new stores."
    assert answer("How many stores were there in 2022?", opened) == []
    assert answer("How many stores were opened in 2022?", opened) == [f"“{opened}” [1]"]


def test_the_largest_is_named_only_where_a_sentence_says_so():
    """A sentence that enumerates does not say which is the largest."""
    page = "Our brands are Alder, Birch and Cedar. Our largest brand is Birch."
    assert answer("What is the largest brand?", "Our brands are Alder, Birch and Cedar.") == []
    assert answer("What is the largest brand?", page) == ["“Our largest brand is Birch.” [1]"]


def test_the_cause_of_a_quarter_is_none_of_the_year():
    """A sentence on a quarter, or on the same period of the year before, does not say why the year moved."""
    page = "Margin fell to 5% in the fourth quarter of 2022, compared to the same period of 2021, due to rain."
    assert answer("Why did margin fall in 2022?", page) == []
