"""HTML as a browser shows it: raised marks, inline elements, hidden parts, styles, rows and their cells, inline XBRL."""

import pytest

from jacie_flask.evidence.proof.readings import read
from tests.support.reading import case, lines_of, read_here


def page(body, head=""):
    """Return the lines of a page with this body."""
    return lines_of(f"<!doctype html><html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>", ".html")


def test_the_report_with_raised_marks():
    """96 with note 4 is 96, in tables and in prose."""
    (text,) = read_here(case("Corvane annual report 2024.html"), ".html").pages
    assert "Dividend per share (cents) 96⁴ 88" in text
    rows = {unit.label: [figure.value for figure in unit.figures] for unit in read(text).units if unit.row}
    assert rows["Dividend per share (cents)"] == [96, 88]
    assert rows["Headline earnings"] == [1284, 1102]
    assert [[f.value for f in unit.figures] for unit in read(text).units if not unit.row][-2:] == [[5120], [8400]]


def test_the_filing_with_inline_xbrl():
    """Tags break no sentence; what they say of a figure is beside the cell; hidden parts of the header are not shown."""
    reading = read_here(case("Brightwater 10-K 2023.htm"), ".htm")
    (text,) = reading.pages
    assert "borrowings of up to $750 million and matures on June 30, 2027, and we had $120 million drawn on it" in text
    assert "Net cash used in investing activities $(318) $(274)" in text
    assert "0000999001" not in text
    assert not reading.notes
    (grid,) = reading.grids
    goodwill = grid.rows[2].cells
    assert (goodwill[0].text, goodwill[0].marks) == ("Goodwill", ("1",))
    assert [(cell.text, cell.fact.value, cell.fact.scale) for cell in goodwill[1:]] == [
        ("1,905", 1905e6, 6),
        ("1,888", 1888e6, 6),
    ]
    assert [cell.fact.value for cell in grid.rows[1].cells[1:]] == [-318e6, -274e6]
    assert text.split("\n")[grid.rows[2].line].startswith("Goodwill")


RAISED = [
    "<sup>4</sup>", "<sup> 4 </sup>", "<SUP STYLE='font-size:85%; vertical-align:top'>4</SUP>", "<sup><a href='#n4'>4</a></sup>",
    "<a href='#n4'><sup>4</sup></a>", "<span style='vertical-align: super'>4</span>", "<span style='vertical-align:super;font-size:6pt'>4</span>",
    "<span style='font-size:6.5pt;position:relative;top:-3.35pt;vertical-align:baseline'>4</span>",
    "<font size=1 style='position:relative;bottom:4px'>4</font>", "<span style='vertical-align:5px'>4</span>",
    "<span style='vertical-align:30%'>4</span>", "<span style='font-size:60%;vertical-align:text-top'>4</span>",
    "<span class=note>4</span>", "<b><i><sup>4</sup></i></b>", "<sup><span style='vertical-align:super'>4</span></sup>",
    "<small class='x note'>4</small>", "<sup>note 4</sup>",
]  # fmt: skip
SHEET = "<style>p{margin:0} .note, sup.other { vertical-align: super; font-size: smaller } /* } */ .x{color:red}</style>"


@pytest.mark.parametrize("mark", RAISED)
def test_raised_marks_however_they_are_raised(mark):
    """By element, by style or by stylesheet: apart from the figure, in a cell, in a cell of their own and in prose."""
    body = (
        f"<table><tr><td>Dividend</td><td>96{mark}</td><td>88</td></tr><tr><td>Loss</td><td>(318{mark}</td><td>)</td>"
        f"<td>{mark}</td><td>274</td></tr></table><p>We employ 5,120{mark} people.</p>"
    )
    assert page(body, SHEET) == ["Dividend 96⁴ 88", "Loss (318⁴)⁴ 274", "We employ 5,120⁴ people."]


NOT_RAISED = {
    "an area of 40 m<sup>2</sup> in all": "an area of 40 m² in all",
    "the 1<sup>st</sup> and 22<sup>nd</sup> of May": "the 1st and 22nd of May",
    "CO<sub>2</sub> and CO<span style='vertical-align:sub'>2</span>e": "CO₂ and CO₂e",
    "CO₂, m² and 1st": "CO₂, m² and 1st",
    "6<sup>7</sup>/<sub>8</sub>% notes": "6 7/8% notes",
    "5<sup>1/2</sup>% notes": "5 1/2% notes",
    "Acme<sup>TM</sup> and Bolt<sup>®</sup>": "Acme™ and Bolt®",
    "<span style='vertical-align:top'>1,284</span> people": "1,284 people",
    "<span style='vertical-align:baseline'>96</span>4 is 964": "964 is 964",
    "up <sup>from the year before</sup> again": "up from the year before again",
    "<td style='vertical-align:top'>5</td>": "5",
    "1.2 × 10<sup>6</sup> units": "1.2 × 10⁶ units",
    "<span style='position:relative;top:0pt'>96</span>4": "964",
}


@pytest.mark.parametrize(("body", "shown"), NOT_RAISED.items(), ids=list(NOT_RAISED.values()))
def test_units_ordinals_formulas_and_fractions_stay(body, shown):
    """They are no marks."""
    assert page(f"<p>{body}</p>") == [shown]


INLINE = [
    "ix:nonFraction name='x' scale='6'", "ix:nonNumeric", "ix:continuation id=c", "ix:fraction", "custom-figure", "acme:term", "font", "blink",
    "slot", "output", "ruby", "math", "button", "td-like", "dfn", "div style='display:inline'", "p style='display: INLINE'", "mark", "bdi",
]  # fmt: skip


@pytest.mark.parametrize("element", INLINE)
def test_inline_and_unknown_elements_break_no_sentence(element):
    """Whatever is no block is part of its line."""
    name = element.split()[0]
    if name in ("p", "div"):
        assert page(f"<div>up to $<{element}>750</{name}> million and</div>") == ["up to $750 million and"]
    else:
        assert page(f"<p>up to $<{element}>750</{name}> million and</p>") == ["up to $750 million and"]


@pytest.mark.parametrize(
    "element",
    [
        "div",
        "p",
        "section",
        "li",
        "h3",
        "blockquote",
        "span style='display:block'",
        "figcaption",
        "dd",
        "x-y style='display:flex'",
    ],
)
def test_blocks_end_a_line(element):
    """Blocks stand apart, also those that a style makes."""
    assert page(f"<div>One<{element}>Two</{element.split()[0]}>Three</div>") == ["One", "Two", "Three"]


HIDDEN = [
    "<div style='display:none'>X</div>", "<span style='DISPLAY : none !important'>X</span>", "<p hidden>X</p>", "<span hidden>X</span>", "<span class=gone>X</span>",
    "<div id=secret>X</div>", "<div style='visibility:hidden'>X</div>", "<span style='font-size:0'>X</span>", "<template>X</template>",
    "<ix:header><ix:hidden><ix:nonNumeric name=a>X</ix:nonNumeric></ix:hidden></ix:header>", "<script>X</script>", "<tr hidden><td>X</td></tr>",
    "<ul class=menu><li>X</li></ul>", "<span style='mso-hide:all'>X</span>", "<table><tr style='display:none'><td>X</td></tr></table>",
]  # fmt: skip


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_a_browser_hides_is_not_read(hidden):
    """By element, attribute, style or stylesheet; what stands around it is whole."""
    sheet = "<style>.gone{display:none} #secret{display:none} @media print{p{display:none}} body ul.menu li{display:none}</style>"
    lines = page(f"<p>Before</p>{hidden}<p>After 1 <span style='display:none'>X</span>sentence.</p>", sheet)
    assert lines == ["Before", "After 1 sentence."]


def test_a_hidden_element_leaves_rows_whole():
    """A hidden row or cell in a table costs nothing else."""
    body = "<table><tr><td>A</td><td style='display:none'>9</td><td>1</td></tr><tr hidden><td>B</td></tr><tr><td>C</td><td>3</td></tr></table>"
    assert page(body) == ["A 1", "C 3"]


def test_struck_out_text_pictures_and_frames_are_noted():
    """What is not read is said."""
    reading = read_here(
        "<html><body><p>Revenue <del>1,200</del> 1,300 <s>x</s><span style='text-decoration: line-through'>y</span></p>"
        "<img src=a.png width=600 height=400><img src=dot.gif width=1 height=1><img src=b.png style='width:20px;height:20px'>"
        "<svg><text>Chart 5</text></svg><iframe src=x></iframe></body></html>",
        ".html",
    )
    assert reading.pages == ["Revenue 1,300"]
    assert reading.notes == [
        "pictures that may hold text were not read: 2", "embedded pages and objects were not read: 1",
        "text that is struck out was not read, in 3 places",
    ]  # fmt: skip


def test_lines_as_written_stay_lines():
    """A table of plain text keeps its rows; text around it flows."""
    body = "<p>one\ntwo</p><pre>Revenue   1,234\nCosts       900\n</pre><div style='white-space:pre-wrap'>a\nb</div>"
    assert page(body) == ["one two", "Revenue 1,234", "Costs 900", "a", "b"]


def test_boxes_side_by_side_stay_apart():
    """Items of a flexible box and boxes within a line are no one word; a table of styled boxes has rows."""
    body = (
        "<div style='display:flex'><span>Revenue</span><span>42</span></div><p><b style='display:inline-block'>A</b><b>B</b></p>"
    )
    assert page(body) == ["Revenue 42", "A B"]
    body = "<div style='display:table'><div style='display:table-row'><div style='display:table-cell'>Cost</div><i style='display:table-cell'>7</i></div></div>"
    assert page(body) == ["Cost 7"]


def test_cells_have_columns_spans_and_headers():
    """Cells below spans stand in their columns, and signs in cells of their own belong to their figure."""
    reading = read_here(
        "<html><body><table><caption>Results</caption><tr><th rowspan=2>R million</th><th colspan=2>Year</th></tr>"
        "<tr><th>2024</th><th>2023</th></tr><tr><td>Profit</td><td>96<sup>4</sup></td><td>88</td></tr></table>"
        "<table><tr><td>Loss</td><td>$</td><td>(5</td><td>)</td><td></td><td>7</td><td>%</td></tr></table></body></html>",
        ".html",
    )
    first, second = reading.grids
    assert first.title == "Results"
    shown = [[(cell.text, cell.column, cell.columns, cell.rows, cell.header) for cell in row.cells] for row in first.rows]
    assert shown[0] == [("R million", 0, 1, 2, True), ("Year", 1, 2, 1, True)]
    assert shown[1] == [("2024", 1, 1, 1, True), ("2023", 2, 1, 1, True)]
    assert first.rows[2].cells[1].marks == ("4",)
    assert [(cell.text, cell.column, cell.columns) for cell in second.rows[0].cells] == [
        ("Loss", 0, 1),
        ("$(5)", 1, 3),
        ("7%", 5, 2),
    ]
    lines = reading.pages[0].split("\n")
    assert [lines[row.line] for row in first.rows] == ["R million Year", "2024 2023", "Profit 96⁴ 88"]


def test_rows_know_their_page_and_line_over_many_pages():
    """A long table is one grid; each row's place is where its line stands after tidying."""
    rows = "".join(f"<tr><td>Item {n} of a long list of things</td><td>{n * 7:,}</td></tr>" for n in range(400))
    reading = read_here(f"<html><body><h1>List</h1><p>Words.</p><table>{rows}</table><p>End</p></body></html>", ".html")
    (grid,) = reading.grids
    assert len(reading.pages) > 3
    assert len(grid.rows) == 400
    for row in grid.rows:
        line = reading.pages[row.page - 1].strip("\n").split("\n")[row.line]
        assert line == " ".join(cell.text for cell in row.cells)


def test_tables_that_lay_things_out_are_no_grids():
    """Their inner tables are."""
    reading = read_here(
        "<table><tr><td>Head</td><td><table><tr><td>A</td><td>1</td></tr></table></td><td>tail</td></tr></table>", ".html"
    )
    assert reading.pages == ["Head\nA 1\ntail"]
    assert [[cell.text for cell in row.cells] for grid in reading.grids for row in grid.rows] == [["A", "1"]]


def test_inline_xbrl_says_period_unit_and_members():
    """Contexts and units of the hidden header belong to the tags; formats of numbers are read, words are not."""
    header = (
        "<div style='display:none'><ix:header><ix:resources><xbrli:context id=c1><xbrli:entity><xbrli:segment>"
        "<xbrldi:explicitMember dimension='us-gaap:SegmentAxis'>x:RetailMember</xbrldi:explicitMember></xbrli:segment></xbrli:entity>"
        "<xbrli:period><xbrli:startDate>2023-01-01</xbrli:startDate><xbrli:endDate>2023-12-31</xbrli:endDate></xbrli:period></xbrli:context>"
        "<xbrli:context id=c2><xbrli:period><xbrli:instant>2023-12-31</xbrli:instant></xbrli:period></xbrli:context>"
        "<xbrli:unit id=u><xbrli:measure>iso4217:EUR</xbrli:measure></xbrli:unit></ix:resources></ix:header></div>"
    )
    tag = "<td><ix:nonFraction name='x:A' unitRef=u contextRef={} {}>{}</ix:nonFraction></td>"
    cells = (
        tag.format("c1", "scale=3 format='ixt:num-comma-decimal'", "1.234,5")
        + tag.format("c2", "format='ixt:fixed-zero'", "—")
        + tag.format("c2", "format='ixt-sec:numwordsen'", "two")
        + tag.format("c2", "scale=-2 format='ixt:num-dot-decimal'", "12.5")
    )
    reading = read_here(f"<html><body>{header}<table><tr><td>A</td>{cells}</tr></table></body></html>", ".html")
    assert reading.pages == ["A 1.234,5 — two 12.5"]
    facts = [cell.fact for cell in reading.grids[0].rows[0].cells[1:]]
    assert [fact.value for fact in facts] == [1234500.0, 0.0, None, 0.125]
    assert (facts[0].start, facts[0].end, facts[0].unit) == ("2023-01-01", "2023-12-31", "iso4217:EUR")
    assert facts[0].dimensions == ("us-gaap:SegmentAxis=x:RetailMember",)
    assert (facts[1].start, facts[1].end) == ("", "2023-12-31")


@pytest.mark.parametrize(
    "sheet",
    [
        "{",
        "a{",
        "@media{",
        "a:b::c{display:none}",
        "*{" + "x:y;" * 1000,
        ".a" * 5000 + "{display:none}",
        "\\",
        "p:hover{display:none}",
    ],
)
def test_broken_stylesheets_cost_nothing(sheet):
    """A sheet that nobody can read hides nothing."""
    assert page("<p>Text</p>", f"<style>{sheet}</style>") == ["Text"]


@pytest.mark.parametrize(
    ("media", "hides"),
    [("screen", True), ("all", True), ("only screen and (min-width: 600px)", True), ("(min-width: 40em)", True), ("print, screen", True),
     ("print", False), ("screen and (max-width: 600px)", False), ("(max-width:37.5em)", False), ("not screen", False), ("speech", False),
     ("(prefers-color-scheme: dark)", False), ("(orientation: portrait)", False), ("screen and (max-width: 2000px)", True)],
)  # fmt: skip
def test_rules_of_a_usual_window_apply(media, hides):
    """What is hidden on paper or on a telephone is shown; what a wide window hides is not."""
    sheet = f"<style>@media {media} {{ .x {{ display: none }} }}</style>"
    assert page("<p>Text<span class=x> more</span></p>", sheet) == (["Text"] if hides else ["Text more"])
    assert page("<p>Text<span class=x> more</span></p>", f"<style media='{media}'>.x{{display:none}}</style>") == (
        ["Text"] if hides else ["Text more"]
    )
