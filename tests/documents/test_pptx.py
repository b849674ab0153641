"""PPTX as its slides show it: raised marks, tables with their cells, diagrams, hidden slides, and what is not read."""

import io

import pptx
from lxml import etree
from PIL import Image
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml.ns import qn
from pptx.util import Inches

from tests.support.reading import read_here

DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def saved(deck):
    """Return the bytes of a presentation."""
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def write(frame, *runs):
    """Write (text, baseline) runs into the first paragraph of a frame."""
    for text, baseline in runs:
        run = frame.paragraphs[0].add_run()
        run.text = text
        if baseline:
            run._r.get_or_add_rPr().set("baseline", baseline)


def deck_of(slides):
    """Return a presentation of so many blank slides, and the slides."""
    deck = pptx.Presentation()
    return deck, [deck.slides.add_slide(deck.slide_layouts[6]) for _ in range(slides)]


def test_raised_marks_in_boxes_and_tables():
    """By the baseline of their runs, also in several of them; units and ordinals stay."""
    deck, (slide,) = deck_of(1)
    box = slide.shapes.add_textbox(0, 0, Inches(5), Inches(1)).text_frame
    write(
        box,
        ("We employ 5,120", ""),
        ("(", "30000"),
        ("2)", "30000"),
        (" people on 40 km", ""),
        ("2", "30%"),
        (", 1", ""),
        ("st", "30000"),
        (" CO", ""),
        ("2", "-25000"),
    )
    table = slide.shapes.add_table(3, 3, 0, 0, Inches(4), Inches(1)).table
    for row, texts in enumerate((("R million", "2024", "2023"), ("Dividend", "96", "88"))):
        for column, text in enumerate(texts):
            write(table.cell(row, column).text_frame, (text, ""))
    write(table.cell(1, 1).text_frame, ("4", "30000"))
    table.cell(2, 0).merge(table.cell(2, 2))
    write(table.cell(2, 0).text_frame, ("Unaudited", ""))
    reading = read_here(saved(deck), ".pptx")
    assert reading.pages == ["We employ 5,120⁽²⁾ people on 40 km², 1st CO₂\nR million 2024 2023\nDividend 96⁴ 88\nUnaudited"]
    (grid,) = reading.grids
    assert [(cell.text, cell.header) for cell in grid.rows[0].cells] == [("R million", True), ("2024", True), ("2023", True)]
    assert [(cell.text, cell.column, cell.marks) for cell in grid.rows[1].cells] == [
        ("Dividend", 0, ()),
        ("96", 1, ("4",)),
        ("88", 2, ()),
    ]
    assert [(cell.text, cell.columns) for cell in grid.rows[2].cells] == [("Unaudited", 3)]
    assert [(row.page, row.line) for row in grid.rows] == [(1, 1), (1, 2), (1, 3)]


def test_diagrams_are_read_and_the_rest_is_noted():
    """Hidden slides keep their number; large pictures and hidden shapes are not text."""
    deck, (first, second, third) = deck_of(3)
    words = f'<d:dataModel xmlns:d="{DIAGRAM}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p><a:r><a:t>Strategy 2030</a:t></a:r></a:p></d:dataModel>'
    part = Part(
        PackURI("/ppt/diagrams/data1.xml"),
        "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml",
        deck.part.package,
        words.encode(),
    )
    id_ = first.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData")
    frame = first.shapes.add_table(1, 1, 0, 0, Inches(1), Inches(1))._element
    data = frame.find(f".//{qn('a:graphicData')}")
    data.clear()
    data.set("uri", DIAGRAM)
    etree.SubElement(data, f"{{{DIAGRAM}}}relIds").set(qn("r:dm"), id_)
    second._element.set("show", "0")
    second.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "Draft 99"
    third.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "Last"
    hidden = third.shapes.add_textbox(0, 0, Inches(1), Inches(1))
    hidden.text_frame.text = "Invisible"
    hidden._element.find(f".//{qn('p:cNvPr')}").set("hidden", "1")
    picture = io.BytesIO()
    Image.new("RGB", (10, 10)).save(picture, "PNG")
    third.shapes.add_picture(picture, 0, 0, Inches(5), Inches(3))
    third.shapes.add_picture(picture, 0, 0, Inches(0.3), Inches(0.3))
    reading = read_here(saved(deck), ".pptx")
    assert reading.pages == ["Strategy 2030", "", "Last"]
    assert reading.notes == ["hidden slides were not read: page 2", "pictures that may hold text were not read: 1"]
