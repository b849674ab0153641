"""Who has an office: from tables of officers, signatures and sentences; nobody where pages disagree."""

import pytest

from jacie_flask.answer.extracts.people import auditor_of, holder_of, role_of

CHIEF = "chief executive officer"


@pytest.mark.parametrize(
    "text",
    [
        "Name Role Since\nIlse van der Grootveen Chief executive officer, executive board 2017\nBo Lindqvist Chief financial officer 2020",
        "On behalf of the board\nIlse van der Grootveen\nChief executive officer",
        "“We did well,” said Ilse van der Grootveen, chief executive officer of the Company.",
        "Ilse van der Grootveen, 58, is our President and Chief Executive Officer.",
        "/s/ ILSE VAN DER GROOTVEEN\nIlse van der Grootveen\nPresident and Chief Executive Officer\nDate: May 5, 2024",
    ],
)
def test_the_name_before_the_office_is_found(text):
    """A list, a signature and a sentence name the same person."""
    assert holder_of(CHIEF, [(3, text, 2024)]) == ("Ilse van der Grootveen", 3)


@pytest.mark.parametrize(
    "text",
    [
        "The Chief Executive Officer reviews the plan.",
        "Tom Harrow, former Chief Executive Officer, left in 2020.",
        "Tom Harrow served as Chief Executive Officer until 2020.",
        "Tom Harrow Executive Vice President and Chief Executive Officer, Northern Shops",
        "Tom Harrow, Chief Executive Officer of Another Company, joined the board.",
        "Anna Bell, Chief Executive Officer\nTom Harrow, Chief Executive Officer",
        "Anna B. Bell Tom C. Harrow\nChief Executive Officer",
        "Anna Bell Tom Harrow\nChairman and\nChief Executive Officer Chief Financial Officer",
    ],
)
def test_no_name_is_guessed(text):
    """Offices of the past, of other companies and of parts, and two names for one office give nobody."""
    assert holder_of(CHIEF, [(1, text, 2024)]) is None


def test_the_newest_filing_decides():
    """A person who was named in an older filing gives way."""
    pages = [(1, "Tom Harrow\nChief Executive Officer", 2022), (2, "Anna Bell\nChief Executive Officer", 2024)]
    assert holder_of(CHIEF, pages) == ("Anna Bell", 2)
    assert holder_of(CHIEF, [*pages, (3, "Offices changed.", 2025)]) is None


def test_an_office_has_several_spellings():
    """Questions name it short or long."""
    assert role_of("Who is the CEO?") == role_of("who's the chief executive?") == CHIEF
    assert role_of("Who painted it?") == ""


def test_the_firm_that_signed_is_the_auditor():
    """The signature counts where the page is an auditor's report."""
    page = (
        "Report of Independent Registered Public Accounting Firm\nWe have audited the statements.\n/s/ Marlow & Finch LLP\nLeeds"
    )
    assert auditor_of([(4, page, 2023)]) == ("Marlow & Finch LLP", 4)
    assert auditor_of([(4, "/s/ Anna Bell\nDirector", 2023)]) is None
