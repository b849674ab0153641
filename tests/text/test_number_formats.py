"""Number formats of spreadsheets against what they show: sections, conditions, scales, literals, fractions, exponents, dates."""

import random

import pytest

from jacie_flask.text.number_formats import BUILT_IN, shown

SHOWN = [
    (42280000000, '#,##0,,;(#,##0,,)', '42,280'),
    (-1318000000, '#,##0,,;(#,##0,,)', '(1,318)'),
    (1234.5, '0.0,', '1.2'),
    (1234567, '0.0,,', '1.2'),
    (1234567, '0.0,,"M"', '1.2M'),
    (0.256, '0.0%', '25.6%'),
    (0.256, '0%', '26%'),
    (-0.256, '0.0%;(0.0%)', '(25.6%)'),
    (1234567, '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0', '1.2M'),
    (12345, '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0', '12.3K'),
    (123, '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0', '123'),
    (0, '0;(0);"-"', '-'),
    (0, '#,##0;(#,##0);–', '–'),
    (5, '"R "#,##0', 'R 5'),
    (-5, '"$"0', '-$5'),
    (1234, '_($* #,##0_);_($* (#,##0);_($* "-"??_);_(@_)', '$ 1,234'),
    (-1234, '_($* #,##0_);_($* (#,##0);_($* "-"??_);_(@_)', '$ (1,234)'),
    (0, '_($* #,##0_);_($* (#,##0);_($* "-"??_);_(@_)', '$ -'),
    (1234.5, '[$€-407] #,##0.00', '€ 1,234.50'),
    (1234.5, '#,##0.00 [$€-1]', '1,234.50 €'),
    (5.25, '# ?/?', '5 1/4'),
    (0.333, '# ??/??', '1/3'),
    (5.3, '# ?/8', '5 2/8'),
    (2, '# ?/?', '2'),
    (0.5, '?/?', '1/2'),
    (1.5, '?/?', '3/2'),
    (12345, '0.00E+00', '1.23E+04'),
    (0.00012, '0.0E+0', '1.2E-4'),
    (12345, '##0.0E+0', '12.3E+3'),
    (12345, '0.00E-00', '1.23E04'),
    (45291, 'yyyy-mm-dd', '2023-12-31'),
    (45291, 'd mmm yyyy', '31 Dec 2023'),
    (45291, 'mmmm yyyy', 'December 2023'),
    (45291.75, 'h:mm AM/PM', '6:00 PM'),
    (45291.5, 'dddd, mmmm dd, yyyy', 'Sunday, December 31, 2023'),
    (1.5, '[h]:mm', '36:00'),
    (0.0006944, 'mm:ss', '01:00'),
    (45291.75, 'dd/mm/yyyy hh:mm:ss', '31/12/2023 18:00:00'),
    (60, 'd-m-yyyy', '29-2-1900'),
    (1, 'yyyy-mm-dd', '1900-01-01'),
    (43829, 'yyyy-mm-dd', '2019-12-30'),
    (1234567.891, '#,##0.00', '1,234,567.89'),
    (0.5, '#.##', '.5'),
    (0, '#.##', '.'),
    (5, '#.##', '5.'),
    (1.5, '0.0#', '1.5'),
    (1.256, '0.0#', '1.26'),
    (123456789, '000-00-0000', '123-45-6789'),
    (5551234, '(###) ###-####', '() 555-1234'),
    (5, '000', '005'),
    (2.5, '0', '3'),
    (1.005, '0.00', '1.01'),
    (-0.3, '0', '-0'),
    (1234567, 'General', '1234567'),
    (0.1, 'General', '0.1'),
    (0.3333333333333333, 'General', '0.333333333'),
    (1000000000000.0, 'General', '1E+12'),
    (12345678901, 'General', '12345678901'),
    (123456789012, 'General', '1.23457E+11'),
    (1e-05, 'General', '0.00001'),
    (42, 'General" units"', '42 units'),
    (-42, 'General" units"', '-42 units'),
    (3.7, '0.0"x"', '3.7x'),
    (250, '0" bps"', '250 bps'),
    (-5, '0;;', ''),
    (0, '0;-0;;@', ''),
    (5, '0;-0;;@', '5'),
    (-5, '0;-0;;@', '-5'),
    (12345678, '[>=10000000]##\\,##\\,##\\,##0;[>=100000]##\\,##\\,##0;##,##0', '1,23,45,678'),
    (123456, '[>=10000000]##\\,##\\,##\\,##0;[>=100000]##\\,##\\,##0;##,##0', '1,23,456'),
    (1234, '[>=10000000]##\\,##\\,##\\,##0;[>=100000]##\\,##\\,##0;##,##0', '1,234'),
    (-5, '[<0]0.0;0', '5.0'),
    (-5, '[<100]0.0;0', '-5.0'),
    (150, '[<100]0.0;0', '150'),
    (-7, '[>=0]0;(0)', '(7)'),
    (5, '[Red]0;[Blue](0)', '5'),
    (5, '[Red][>3]0.0;0', '5.0'),
    (1000000000.0, '#,##0.0,,," bn"', '1.0 bn'),
    (1234, '0,', '1'),
    (1234567, '#,##0.00,', '1,234.57'),
    (1500, '0.0,%', '150.0%'),
    ('abc', '@', 'abc'),
    ('abc', '0;0;0;"<"@">"', '<abc>'),
    ('abc', '0', 'abc'),
    (5, '@', '5'),
    ('abc', '0;"x"@', 'xabc'),
    (1, '[=1]"Yes";[=0]"No";General', 'Yes'),
    (0, '[=1]"Yes";[=0]"No";General', 'No'),
    (7, '[=1]"Yes";[=0]"No";General', '7'),
    (0.0, '0.0%', '0.0%'),
    (1234.567, '#,##0.0##', '1,234.567'),
    (1234.5, '#,##0.???', '1,234.5'),
    (12, '0 "million"', '12 million'),
    (45291, 'mmm-yy', 'Dec-23'),
    (45291, 'yyyy', '2023'),
    (45291, '"FY"yy', 'FY23'),
    (45291, '"Q4 "yyyy', 'Q4 2023'),
    (-3, '0_);(0)', '(3)'),
    (3, '0_);(0)', '3'),
    (1e-10, '0.00E+00', '1.00E-10'),
    (9.999, '0.0E+0', '1.0E+1'),
    (5, '€#,##0', '€5'),
    (1234.5, '#,##0.00\\ "kr"', '1,234.50 kr'),
    (1234, '£#,##0;-£#,##0', '£1,234'),
    (-1234, '£#,##0;-£#,##0', '-£1,234'),
    (-1234, '£#,##0;[Red]-£#,##0', '-£1,234'),
    (12.5, '0.0" %"', '12.5 %'),
    (45291.4, 'hh:mm:ss.00', '09:36:00.00'),
    (0, 'General;General;"nil"', 'nil'),
    (1000000000000000.0, '#,##0', '1,000,000,000,000,000'),
    (5, '', ''),
    (1.0, '0.0;(0.0);\\–', '1.0'),
    (0, '0.0;(0.0);\\–', '–'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "code", "text"), SHOWN)
def test_a_value_as_its_cell_shows_it(value, code, text):
    """Each line is what a spreadsheet program shows."""
    assert shown(value, code) == text


@pytest.mark.parametrize(
    ("number", "value", "text"),
    [(0, 1234.5, "1234.5"), (3, 1234.5, "1,235"), (4, -1234.5, "-1,234.50"), (5, -1234, "($1,234)"), (9, 0.256, "26%"), (10, 0.2564, "25.64%"),
     (11, 12345, "1.23E+04"), (12, 5.25, "5 1/4"), (14, 45291, "2023-12-31"), (17, 45291, "Dec-23"), (22, 45291.5, "2023-12-31 12:00"),
     (37, -1234, "(1,234)"), (41, 0, "-"), (44, -1234.5, "$ (1,234.50)"), (46, 1.5, "36:00:00"), (49, 5, "5")],
)  # fmt: skip
def test_built_in_formats(number, value, text):
    """Files name them by number alone."""
    assert shown(value, BUILT_IN[number]) == text


def test_dates_from_1904():
    """A workbook of old Macintosh programs counts from another day."""
    assert shown(43829, "yyyy-mm-dd", epoch_1904=True) == "2023-12-31"


@pytest.mark.parametrize("value", [-1, 2_958_466, 1e300, -1e300])
def test_what_is_no_date_is_a_number(value):
    """Spreadsheets show hashes there; the number says more."""
    assert float(shown(value, "yyyy-mm-dd")) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("decimals", range(5))
@pytest.mark.parametrize("scale", range(4))
def test_scaled_numbers_round_half_up_from_what_is_stored(decimals, scale):
    """Thousands of random amounts agree with decimal arithmetic."""
    from decimal import ROUND_HALF_UP, Decimal

    generator = random.Random(f"{decimals} {scale}")
    code = "#,##0" + ("." + "0" * decimals if decimals else "") + "," * scale
    for _ in range(300):
        value = round(generator.uniform(-1, 1) * 10 ** generator.randint(0, 12), generator.randint(0, 3))
        exact = (Decimal(str(abs(value))) / 1000**scale).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        assert shown(value, code) == f"{'-' if value < 0 else ''}{exact:,}"


def test_no_format_is_too_odd():
    """Whatever a file calls a format, a cell shows something and nothing is raised."""
    generator = random.Random(7)
    pieces = ["0", "#", "?", ",", ".", "%", ";", "E+", "/", '"x"', "\\\\", "_", "*", "[", "]", "[Red]", "[>5]", "[h]", "y", "m", "d", "h", "s", "AM/PM",
              "@", "General", " ", "-", "(", ")", "$", "€", "[$-409]", "0", "0", "b", "e", "g"]  # fmt: skip
    for _ in range(20_000):
        code = "".join(generator.choices(pieces, k=generator.randint(1, 9)))
        for value in (0, 1, -1, 0.5, 1234567.891, -1e-7, 1e15, 45291.75, "text"):
            assert isinstance(shown(value, code), str), code
