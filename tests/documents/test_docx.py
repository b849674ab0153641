"""DOCX as its pages show it: raised marks, notes, margins, boxes, tracked changes, charts, cells, and what is not read."""

import io
import zipfile

import docx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Inches
from PIL import Image

from tests.support.reading import read_here

W = nsdecls("w")
CONTENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
CHART = """<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">
<c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Revenue by </a:t></a:r><a:r><a:t>year</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart>
<c:ser><c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>Retail</c:v></c:pt></c:strCache></c:strRef></c:tx>
<c:cat><c:strRef><c:strCache><c:pt idx="0"><c:v>2023</c:v></c:pt><c:pt idx="1"><c:v>2024</c:v></c:pt></c:strCache></c:strRef></c:cat>
<c:val><c:numRef><c:numCache><c:formatCode>0.0</c:formatCode><c:pt idx="0"><c:v>11.25</c:v></c:pt><c:pt idx="1"><c:v>12</c:v></c:pt></c:numCache></c:numRef></c:val>
</c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"""


def saved(document):
    """Return the bytes of a document."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def of(*paragraphs):
    """Return a document whose body is these elements."""
    document = docx.Document()
    for xml in paragraphs:
        end = document.element.body.find(qn("w:sectPr"))
        end.addprevious(parse_xml(xml.replace(">", f" {W}>", 1) if "xmlns:w" not in xml else xml))
    return document


def run(text, properties=""):
    """Return a run of XML."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def add_part(document, name, kind, xml):
    """Add a part that the document refers to."""
    part = Part(PackURI(f"/word/{name}.xml"), CONTENT.format(name), xml.encode(), document.part.package)
    return document.part.relate_to(part, f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}")


def lines(document):
    """Return the lines of all pages."""
    return [line for page in read_here(saved(document), ".docx").pages for line in page.split("\n") if line]


DOWN = '<w:vertAlign w:val="subscript"/>'
NOT_HIDDEN = '<w:vanish w:val="0"/>'
UP = ['<w:vertAlign w:val="superscript"/>', '<w:position w:val="8"/><w:sz w:val="12"/>', '<w:rStyle w:val="Raised"/>']


@pytest.mark.parametrize("up", UP)
def test_raised_marks_in_prose_and_cells(up):
    """By alignment, by position or by style, also when the mark comes in several runs."""
    cell = f"<w:tc><w:p>{run('96')}{run('4', up)}</w:p></w:tc>"
    document = of(
        f"<w:p>{run('Dividend 96')}{run('(', up)}{run('4', up)}{run(')', up)}{run(' cents for 5,120')}{run('2', up)}{run(' people')}</w:p>",
        f"<w:tbl><w:tr><w:tc><w:p>{run('Dividend')}{run('3', up)}</w:p></w:tc>{cell}<w:tc><w:p>{run('88')}</w:p></w:tc></w:tr></w:tbl>",
        f"<w:p>{run('The 1')}{run('st', up)}{run(' of May, 40 m')}{run('2', up)}{run(', CO')}{run('2', DOWN)}</w:p>",
    )
    style = '<w:style w:type="character" w:styleId="Raised"><w:name w:val="Raised"/><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style>'
    document.styles.element.append(parse_xml(style.replace(">", f" {W}>", 1)))
    assert lines(document) == ["Dividend 96⁽⁴⁾ cents for 5,120² people", "Dividend³ 96⁴ 88", "The 1st of May, 40 m², CO₂"]
    cells = read_here(saved(document), ".docx").grids[0].rows[0].cells
    assert [(one.text, one.marks) for one in cells] == [("Dividend", ("3",)), ("96", ("4",)), ("88", ())]


def test_footnotes_follow_their_paragraph_and_endnotes_the_document():
    """Each with its mark; the lines that part notes from pages are none."""
    document = of(
        f"<w:p>{run('Revenue was 1,284')}<w:r><w:footnoteReference w:id='2'/></w:r>{run(' million')}<w:r><w:endnoteReference w:id='5'/></w:r></w:p>",
        f"<w:p>{run('After')}<w:r><w:footnoteReference w:id='3' w:customMarkFollows='1'/></w:r>{run('*', UP[0])}</w:p>",
    )
    note = "<w:{0} w:id='{1}' {3}><w:p><w:r><w:{0}Ref/></w:r>" + run(" {2}") + "</w:p></w:{0}>"
    separator = note.format("footnote", 0, "-----", "w:type='separator'")
    footnotes = separator + note.format("footnote", 2, "Restated.", "") + note.format("footnote", 3, "* Unaudited.", "")
    add_part(document, "footnotes", "footnotes", f"<w:footnotes {W}>{footnotes}</w:footnotes>")
    add_part(document, "endnotes", "endnotes", f"<w:endnotes {W}>{note.format('endnote', 5, 'See annex.', '')}</w:endnotes>")
    assert lines(document) == ["Revenue was 1,284¹ millionⁱ", "¹ Restated.", "After*", "* Unaudited.", "ⁱ See annex."]


def test_headers_and_footers_stand_around_their_section():
    """Once each; a page number alone says nothing."""
    document = docx.Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = "Corvane Limited, R million"
    section.footer.paragraphs[0].text = "Unaudited"
    section.footer.add_paragraph("12")
    document.add_paragraph("Body")
    document.add_section().header.is_linked_to_previous = False
    document.sections[1].header.paragraphs[0].text = "Annex"
    document.add_paragraph("Second body")
    assert lines(document) == ["Corvane Limited, R million", "Body", "Annex", "Second body", "Unaudited"]


def test_text_boxes_break_no_sentence_and_keep_their_tables():
    """A box stands behind the paragraph that anchors it, once, though the file has it twice."""
    box = f"<w:txbxContent><w:p>{run('Boxed text')}</w:p><w:tbl><w:tr><w:tc><w:p>{run('Cost')}</w:p></w:tc><w:tc><w:p>{run('7')}</w:p></w:tc></w:tr></w:tbl></w:txbxContent>"
    anchored = (
        '<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice Requires="wps">'
        f'<w:drawing><x:txbx xmlns:x="urn:x">{box}</x:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>'
    )
    document = of(f"<w:p>{run('Revenue was ')}{anchored}{run('5,120 million')}</w:p>")
    assert lines(document) == ["Revenue was 5,120 million", "Boxed text", "Cost 7"]
    in_cell = of(f"<w:tbl><w:tr><w:tc><w:p>{run('A')}{anchored}</w:p></w:tc><w:tc><w:p>{run('1')}</w:p></w:tc></w:tr></w:tbl>")
    assert lines(in_cell) == ["A 1", "Boxed text", "Cost 7"]


def test_tracked_changes_read_as_accepted():
    """Deleted and moved text, deleted rows, cells and ends of paragraphs are gone; insertions stay."""
    mark = "<w:pPr><w:rPr><w:del w:id='9' w:author='a'/></w:rPr></w:pPr>"
    deleted = "<w:del w:id='1' w:author='a'><w:r><w:delText>1,200</w:delText></w:r></w:del>"
    document = of(
        f"<w:p>{run('Revenue was ')}{deleted}<w:ins w:id='2' w:author='a'>{run('1,300')}</w:ins>{run(' million')}</w:p>",
        f"<w:p><w:moveFrom w:id='3' w:author='a'>{run('Moved 55')}</w:moveFrom>{run('Kept')}</w:p>",
        f"<w:p><w:moveTo w:id='4' w:author='a'>{run('Moved 55')}</w:moveTo></w:p>",
        f"<w:p>{mark}{run('One sentence in ')}</w:p>", f"<w:p>{run('two paragraphs')}</w:p>",
        f"<w:tbl><w:tr><w:trPr><w:del w:id='5' w:author='a'/></w:trPr><w:tc><w:p>{run('Old')}</w:p></w:tc></w:tr>"
        f"<w:tr><w:tc><w:p>{run('New')}</w:p></w:tc><w:tc><w:tcPr><w:cellDel w:id='6' w:author='a'/></w:tcPr><w:p>{run('8')}</w:p></w:tc></w:tr></w:tbl>",
        f"<w:p>{mark}{run('Last')}</w:p>",
    )  # fmt: skip
    assert lines(document) == ["Revenue was 1,300 million", "Kept", "Moved 55", "One sentence in two paragraphs", "New", "Last"]


def test_charts_diagrams_and_equations_are_read():
    """Their figures and words stand behind their paragraph."""
    document = docx.Document()
    chart = add_part(document, "charts/chart1", "chart", CHART)
    words = '<d:dataModel xmlns:d="urn:d" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p><a:r><a:t>Strategy</a:t></a:r></a:p></d:dataModel>'
    diagram = add_part(document, "diagrams/data1", "diagramData", words)
    relation = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    document.element.body.insert(
        0,
        parse_xml(
            f"<w:p {W}>{run('Before ')}<w:r><w:drawing><c:chart xmlns:c='http://schemas.openxmlformats.org/drawingml/2006/chart' {relation} r:id='{chart}'/>"
            f"<d:relIds xmlns:d='http://schemas.openxmlformats.org/drawingml/2006/diagram' {relation} r:dm='{diagram}'/></w:drawing></w:r>"
            f"<m:oMath xmlns:m='http://schemas.openxmlformats.org/officeDocument/2006/math'><m:r><m:t>a=b</m:t></m:r></m:oMath>{run(' after')}</w:p>"
        ),
    )
    assert lines(document) == ["Before a=b after", "Revenue by year", "2023 2024", "Retail 11.3 12.0", "Strategy"]


def test_what_is_not_read_is_noted():
    """Pictures that could hold text, comments, objects, embedded documents and hidden text."""
    document = of(
        f"<w:p>{run('Shown')}{run('secret', '<w:vanish/>')}<w:r><w:object/></w:r></w:p>", f"<w:p>{run('Also', NOT_HIDDEN)}</w:p>",
        "<w:altChunk></w:altChunk>",
    )  # fmt: skip
    add_part(document, "comments", "comments", f"<w:comments {W}><w:comment w:id='1'/><w:comment w:id='2'/></w:comments>")
    picture = io.BytesIO()
    Image.new("RGB", (10, 10)).save(picture, "PNG")
    document.add_picture(picture, width=Inches(5), height=Inches(3))
    document.add_picture(picture, width=Inches(0.4))
    reading = read_here(saved(document), ".docx")
    assert [line for page in reading.pages for line in page.split("\n") if line] == ["Shown", "Also"]
    assert reading.notes == [
        "pictures that may hold text were not read: 1", "comments were not read: 2",
        "embedded documents and objects were not read: 2", "hidden text was not read, in 1 places",
    ]  # fmt: skip


def test_cells_know_their_columns_spans_and_lines():
    """Merged cells, headings that repeat, and rows that begin further right."""
    document = docx.Document()
    document.add_paragraph("Before")
    table = document.add_table(rows=3, cols=3)
    table.rows[0].cells[1].merge(table.rows[0].cells[2]).text = "Year"
    table.rows[0].cells[0].merge(table.rows[1].cells[0]).text = "R million"
    for row, texts in zip(table.rows[1:], ((None, "2024", "2023"), ("Revenue", "5", "6")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            if text:
                cell.text = text
    properties = table.rows[0]._tr.get_or_add_trPr()
    properties.append(parse_xml(f"<w:tblHeader {W}/>"))
    reading = read_here(saved(document), ".docx")
    rows = reading.grids[0].rows
    assert [(cell.text, cell.column, cell.columns, cell.rows, cell.header) for cell in rows[0].cells] == [
        ("R million", 0, 1, 2, True), ("Year", 1, 2, 1, True),
    ]  # fmt: skip
    assert [(cell.text, cell.column) for cell in rows[1].cells] == [("2024", 1), ("2023", 2)]
    assert [reading.pages[0].split("\n")[row.line] for row in rows] == ["R million Year", "2024 2023", "Revenue 5 6"]


@pytest.mark.parametrize("name", ["footnotes", "endnotes"])
def test_a_damaged_part_costs_only_itself(name):
    """The body is read all the same."""
    document = of(f"<w:p>{run('Body')}<w:r><w:footnoteReference w:id='1'/></w:r></w:p>")
    add_part(document, name, name, f"<w:{name} {W}/>")
    source, target = io.BytesIO(saved(document)), io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for entry in before.namelist():
            after.writestr(entry, b"<broken" if entry == f"word/{name}.xml" else before.read(entry))
    assert read_here(target.getvalue(), ".docx").pages[0].startswith("Body")
