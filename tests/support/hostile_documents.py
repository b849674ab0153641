"""Documents that mean harm, or were harmed: over two hundred, built here, none taken from anywhere."""

import bz2
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import docx
import openpyxl
import pptx
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

ZIPPED = (".docx", ".xlsx", ".pptx")
MAIN = {".docx": "word/document.xml", ".xlsx": "xl/worksheets/sheet1.xml", ".pptx": "ppt/slides/slide1.xml"}


@dataclass(frozen=True)
class Case:
    """A document by name and ending; ``slow`` ones are for long runs, ``told`` is the reason it must be rejected with."""

    name: str
    suffix: str
    build: Callable[[], bytes]
    slow: bool = False
    told: str = ""


@cache
def good(suffix: str) -> bytes:
    """Return a small sound document."""
    buffer = io.BytesIO()
    if suffix == ".pdf":
        canvas = Canvas(buffer)
        for page in range(3):
            canvas.drawString(72, 700, f"Revenue was {page + 10} million in the year.")
            canvas.drawString(72, 680, f"Total assets 1,{page}34 1,100")
            canvas.showPage()
        canvas.save()
    elif suffix == ".docx":
        document = docx.Document()
        document.add_heading("Annual report", 1)
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip((c for row in table.rows for c in row.cells), ("Item", "2023", "Revenue", "12"), strict=True):
            cell.text = text
        document.save(buffer)
    elif suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in (["Item", "2023"], ["Revenue", 12.5], ["Costs", 7]):
            book.active.append(row)
        book.save(buffer)
    elif suffix == ".pptx":
        deck = pptx.Presentation()
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = "Results"
        slide.placeholders[1].text = "Revenue was 12 million."
        deck.save(buffer)
    else:
        texts = {".html": "<h1>Report</h1><p>Revenue was 12 million.</p>", ".md": "# Report\n\nRevenue was 12 million."}
        return texts.get(suffix, "Revenue was 12 million.\n").encode()
    return buffer.getvalue()


def cases() -> Iterator[Case]:
    """Yield all cases; their names are unique."""
    yield from _mutations()
    yield from _pdfs()
    yield from _packages()
    yield from _bombs()
    yield from _pages_of_html()
    yield from _texts()
    yield from _wrong_endings()


# ----------------------------------------------------------------------------------------------------- harmed by chance


def _mutations() -> Iterator[Case]:
    ways = {"flip": _flip, "cut": _cut, "zero": _zero, "double": _double, "swap": _swap, "noise": _noise}
    for suffix in (".pdf", *ZIPPED, ".html"):
        for way, change in ways.items():
            for seed in range(4):
                name = f"{suffix[1:]} {way} {seed}"
                yield Case(name, suffix, lambda c=change, s=suffix, n=name: c(good(s), random.Random(n)), slow=seed > 0)


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 60)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _zero(data: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(data)), rng.randrange(1, len(data) // 3)
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _double(data: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(data)), rng.randrange(1, len(data) // 3)
    return data[: start + size] + data[start:]


def _swap(data: bytes, rng: random.Random) -> bytes:
    first, second = sorted(rng.sample(range(len(data)), 2))
    return data[second:] + data[first:second] + data[:first]


def _noise(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randint(1, 3000)) + data[start:]


# ------------------------------------------------------------------------------------------------------------------ PDF


def pdf(*objects: bytes, tail: bytes = b"", root: bytes = b"/Root 1 0 R") -> bytes:
    """Return a PDF of these objects, numbered from 1, with a right cross-reference table."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + table + b"trailer << /Size %d %s %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, root, tail, len(out))


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(data: bytes, extra: bytes = b"", length: int | None = None) -> bytes:
    """Return a stream object's body."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data) if length is None else length, extra, data)


def page(extra: bytes = b"", box: bytes = b"0 0 612 792") -> bytes:
    """Return a page that shows object 4 with the font in object 5."""
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> %s >> >>" % (
        box,
        extra,
    )


def shown(content: bytes, extra: bytes = b"", box: bytes = b"0 0 612 792") -> bytes:
    """Return a PDF of one page with this content."""
    return pdf(CATALOG, PAGES, page(extra, box), stream(content), FONT)


def _pictured(image: bytes, extra: bytes) -> bytes:
    picture = stream(image, b"/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 " + extra)
    content = stream(b"612 0 0 792 0 0 cm /I Do")
    return pdf(CATALOG, PAGES, page(b"/XObject << /I 6 0 R >>"), content, FONT, picture)


def _encrypted() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption("user", "owner"))
    canvas.drawString(72, 700, "secret")
    canvas.save()
    return buffer.getvalue()


def _many_pages(count: int) -> bytes:
    kids = b" ".join([b"3 0 R"] * count)
    return pdf(CATALOG, b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count), page(), stream(b"BT ET"), FONT)


def _deflated(size: int, times: int = 1) -> bytes:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packer.flush()
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    return data


TEXT = b"BT /F 12 Tf 72 700 Td (Revenue 12) Tj ET "


def _pdfs() -> Iterator[Case]:
    yield Case("pdf header only", ".pdf", lambda: b"%PDF-1.7\n", told="it is not a readable PDF")
    yield Case("pdf header and noise", ".pdf", lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(9000))
    yield Case("pdf with a password", ".pdf", _encrypted, told="it is protected by a password")
    broken_lock = b"/Encrypt << /Filter /Standard /V 5 /R 6 /O () /U () /P -1 >> /ID [(a) (b)]"
    yield Case("pdf with a broken lock", ".pdf", lambda: pdf(CATALOG, PAGES, page(), stream(TEXT), FONT, tail=broken_lock))
    yield Case("pdf without pages", ".pdf", lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"))
    yield Case("pdf of 10,000 pages", ".pdf", lambda: _many_pages(10_000))
    for count in (-1, 0, 4_000, 2**31 - 1, 2**31, 2**63):
        tree = b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % count
        yield Case(f"pdf that counts {count} pages", ".pdf", lambda t=tree: pdf(CATALOG, t, page(), stream(TEXT), FONT))
    yield Case("pdf tree in itself", ".pdf", lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"))
    ring = b"<< /Type /Pages /Kids [3 0 R] /Parent 3 0 R /Count 3 >>", b"<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count 3 >>"
    yield Case("pdf tree in a ring", ".pdf", lambda: pdf(CATALOG, *ring))
    deep = [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (n + 3) for n in range(5_000)]
    yield Case("pdf tree 5,000 deep", ".pdf", lambda: pdf(CATALOG, *deep, page()))
    yield Case("pdf root that is no root", ".pdf", lambda: pdf(b"[1 0 R]", PAGES))
    yield Case("pdf root that is itself", ".pdf", lambda: pdf(b"1 0 R"))
    yield Case("pdf without a root", ".pdf", lambda: pdf(CATALOG, PAGES, root=b""))
    yield Case("pdf table that follows itself", ".pdf", lambda: pdf(CATALOG, PAGES, page(), stream(TEXT), FONT, tail=b"/Prev 9"))
    yield Case("pdf table far away", ".pdf", lambda: shown(TEXT).replace(b"startxref\n", b"startxref\n99999999999999999999"))
    yield Case("pdf of great size", ".pdf", lambda: shown(TEXT).replace(b"/Size 6", b"/Size 2147483647"))
    for length in (-1, 10**6, 2**31 - 1, 2**63):
        body = stream(TEXT, length=length)
        yield Case(f"pdf stream of {length} bytes", ".pdf", lambda b=body: pdf(CATALOG, PAGES, page(), b, FONT))
    for box in (
        b"0 0 0 0",
        b"0 0 -5 -5",
        b"0 0 1e9 1e9",
        b"0 0 1e38 1e38",
        b"0 0 0.001 99999",
        b"nan inf x y",
        b"(a) null [1] <<>>",
    ):
        yield Case(f"pdf box {box.decode()}", ".pdf", lambda b=box: shown(TEXT, box=b))
    for nesting in (b"[", b"<<", b"(", b"<< /A ["):
        yield Case(f"pdf 100,000 x {nesting.decode()}", ".pdf", lambda n=nesting: pdf(CATALOG, PAGES, n * 100_000))
        yield Case(f"pdf content 100,000 x {nesting.decode()}", ".pdf", lambda n=nesting: shown(TEXT + n * 100_000))
    yield Case("pdf 300,000 saved states", ".pdf", lambda: shown(b"q " * 300_000 + TEXT))
    yield Case("pdf 500,000 marked contents", ".pdf", lambda: shown(b"/A BMC " * 500_000 + TEXT), slow=True)
    yield Case("pdf long text", ".pdf", lambda: shown(b"BT /F 1 Tf (%s) Tj ET" % (b"word " * 400_000)), slow=True)
    yield Case(
        "pdf text in a million places", ".pdf", lambda: shown(b"BT /F 9 Tf " + b"1 0 Td (a) Tj " * 300_000 + b"ET"), slow=True
    )
    yield Case("pdf strokes", ".pdf", lambda: shown(b"0 0 m 9 9 l S " * 100_000), slow=True)
    yield Case("pdf font size without end", ".pdf", lambda: shown(b"BT /F 1e38 Tf 1e38 1e38 Td (a) Tj ET " + TEXT))
    form = stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>")
    itself = page(b"/XObject << /X 6 0 R >>")
    yield Case("pdf form in itself", ".pdf", lambda: pdf(CATALOG, PAGES, itself, stream(b"/X Do"), FONT, form), slow=True)
    for levels in (12, 30):
        yield Case(f"pdf {levels} forms that double", ".pdf", lambda n=levels: _doubling(n), slow=levels > 12)
    glyph = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97 /Widths [9] "
    )
    glyph += b"/Encoding << /Differences [97 /a] >> /CharProcs << /a 6 0 R >> /Resources << /Font << /F 5 0 R >> >> >>"
    call = stream(b"9 0 d0 BT /F 9 Tf (a) Tj ET")
    yield Case(
        "pdf letter in itself", ".pdf", lambda: pdf(CATALOG, PAGES, page(), stream(TEXT.replace(b"Revenue", b"aaa")), glyph, call)
    )
    for size, times, slow in ((50, 1, False), (1_000, 1, True), (1_000, 2, True)):
        filters = b"/Filter [%s]" % (b"/FlateDecode " * times)
        yield Case(
            f"pdf content of {size} MB packed {times} times", ".pdf", slow=slow,
            build=lambda s=size, t=times, f=filters: pdf(CATALOG, PAGES, page(), stream(_deflated(s * 1_000_000, t), f), FONT),
        )  # fmt: skip
    yield Case(
        "pdf objects in themselves", ".pdf", lambda: pdf(CATALOG, PAGES, stream(b"3 0 4 0", b"/Type /ObjStm /N 9999999 /First 8"))
    )
    unknown = b"/Filter [/FlateDecode /LZWDecode /ASCII85Decode /Nonsense /Crypt]"
    yield Case("pdf filters of all kinds", ".pdf", lambda: pdf(CATALOG, PAGES, page(), stream(b"\x80" * 99, unknown), FONT))
    for codec in (b"JBIG2Decode", b"JPXDecode", b"DCTDecode", b"CCITTFaxDecode", b"RunLengthDecode"):
        for width in (100, 65_500, 2**31 - 1):
            size = b"/Width %d /Height %d /Filter /%s" % (width, width, codec)
            name = f"pdf {codec.decode()} picture of {width} pixels"
            yield Case(name, ".pdf", lambda s=size: _pictured(random.Random(3).randbytes(4000), s), slow=width > 100)
    gray = b"/Width 20000 /Height 20000 /Filter /FlateDecode"
    yield Case("pdf picture of 400 MB", ".pdf", lambda: _pictured(_deflated(400_000_000), gray), slow=True)
    yield Case("pdf names with zeros", ".pdf", lambda: shown(TEXT).replace(b"/Contents", b"/Con#00tents\0"))
    maps = stream(b"begincmap 1 beginbfrange <0000> <FFFFFFFF> <D800> endbfrange endcmap")
    surrogates = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>"
    yield Case("pdf of lone surrogates", ".pdf", lambda: pdf(CATALOG, PAGES, page(), stream(TEXT), surrogates, maps))
    script = b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (while(1){}) >> >>"
    yield Case("pdf with a script", ".pdf", lambda: pdf(script, PAGES, page(), stream(TEXT), FONT))
    launch = b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> >>"
    yield Case("pdf that starts a shell", ".pdf", lambda: pdf(launch, PAGES, page(), stream(TEXT), FONT))


def _doubling(levels: int) -> bytes:
    forms = [
        stream(
            b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>" % (n + 7)
        )
        for n in range(levels)
    ]
    last = stream(TEXT, b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F 5 0 R >> >>")
    return pdf(CATALOG, PAGES, page(b"/XObject << /X 6 0 R >>"), stream(b"/X Do"), FONT, *forms, last)


# --------------------------------------------------------------------------------------------------------- Office files


def repacked(suffix: str, changes: dict[str, bytes | None], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a sound Office file with some of its parts exchanged, added or, for None, left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good(suffix))) as old, zipfile.ZipFile(buffer, "w", method) as new:
        parts = {name: old.read(name) for name in old.namelist()} | changes
        for name, data in parts.items():
            if data is not None:
                new.writestr(name, data)
    return buffer.getvalue()


def _main(suffix: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(good(suffix))) as archive:
        return archive.read(MAIN[suffix])


def _with_entities(suffix: str, declared: bytes, used: bytes) -> bytes:
    """Return the file with a document type in its main part, and its text exchanged for an entity."""
    xml = _main(suffix)
    start = xml.index(b"?>") + 2 if xml.startswith(b"<?xml") else 0
    word = {".docx": b"Revenue", ".xlsx": b"12.5", ".pptx": b"Results"}[suffix]
    assert word in xml
    changed = xml[:start] + b"<!DOCTYPE x [" + declared + b"]>" + xml[start:].replace(word, used)
    return repacked(suffix, {MAIN[suffix]: changed})


LAUGHS = b'<!ENTITY a0 "laugh">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
QUADRATIC = b'<!ENTITY q "%s">' % (b"laugh" * 50_000)


def _packages() -> Iterator[Case]:
    for suffix in ZIPPED:
        kind = suffix[1:]
        for part in ("[Content_Types].xml", "_rels/.rels", MAIN[suffix]):
            for what, data in (("missing", None), ("empty", b""), ("noise", b"\x01\xff<<&"), ("other XML", b"<a><b/></a>")):
                yield Case(f"{kind} {part} {what}", suffix, lambda s=suffix, p=part, d=data: repacked(s, {p: d}))
        yield Case(f"{kind} laughs", suffix, lambda s=suffix: _with_entities(s, LAUGHS, b"&a11;"))
        yield Case(f"{kind} quadratic", suffix, lambda s=suffix: _with_entities(s, QUADRATIC, b"&q;" * 20_000), slow=True)
        outside = b'<!ENTITY f SYSTEM "file:///etc/passwd">'
        yield Case(f"{kind} entity of a file", suffix, lambda s=suffix, o=outside: _with_entities(s, o, b"&f;"))
        remote = b'<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;'
        yield Case(f"{kind} entity of the network", suffix, lambda s=suffix, r=remote: _with_entities(s, r, b"x"))
        for depth in (3_000, 200_000):
            nested = b"<a>" * depth + b"</a>" * depth
            yield Case(f"{kind} nested {depth} deep", suffix, lambda s=suffix, n=nested: repacked(s, {MAIN[s]: n}))
        for method, name in ((zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "lzma")):
            yield Case(
                f"{kind} by {name}",
                suffix,
                lambda s=suffix, m=method: repacked(s, {}, m),
                told=f"it is not a readable {kind.upper()}",
            )
        yield Case(
            f"{kind} with a password on its members",
            suffix,
            lambda s=suffix: _flagged(good(s)),
            told="it is protected by a password",
        )
        climbing = {"../../../tmp/x": b"x", "/etc/passwd": b"x", "a\\..\\b": b"x"}
        yield Case(f"{kind} that climbs", suffix, lambda s=suffix, c=climbing: repacked(s, c))
        yield Case(
            f"{kind} of 30,000 members", suffix, lambda s=suffix: repacked(s, {f"x/{n}": b"" for n in range(30_000)}), slow=True
        )
        many = b'<Relationship Id="r%d" Type="http://x/y" Target="http://127.0.0.1:9/z" TargetMode="External"/>'
        rels = b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        rels += b"".join(many % n for n in range(20_000)) + b"</Relationships>"
        yield Case(f"{kind} that points elsewhere", suffix, lambda s=suffix, r=rels: repacked(s, {"_rels/.rels": r}))
        yield Case(f"{kind} with noise before it", suffix, lambda s=suffix: b"PK\x03\x04" + bytes(500) + good(s))
        yield Case(f"{kind} with noise behind it", suffix, lambda s=suffix: good(s) + bytes(70_000))
        yield Case(f"{kind} of nothing", suffix, lambda: b"PK\x05\x06" + bytes(18))
    yield from _sheets()
    tables = b"<w:tbl><w:tr><w:tc>" * 3_000 + b"<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + b"</w:tc></w:tr></w:tbl>" * 3_000
    yield Case("docx tables in tables", ".docx", lambda: _docx(tables))
    controls = b"<w:sdt><w:sdtContent>" * 240 + b"<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + b"</w:sdtContent></w:sdt>" * 240
    yield Case("docx controls in controls", ".docx", lambda: _docx(controls))
    rows = b"<w:tbl>" + b"<w:tr><w:tc><w:p><w:r><w:t>Item</w:t></w:r></w:p></w:tc></w:tr>" * 100_000 + b"</w:tbl>"
    yield Case("docx of 100,000 rows", ".docx", lambda: _docx(rows), slow=True)
    yield Case(
        "docx paragraph of 5 MB", ".docx", lambda: _docx(b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % (b"a" * 5_000_000)), slow=True
    )
    yield Case(
        "docx of 300,000 breaks", ".docx", lambda: _docx(b'<w:p><w:r><w:br w:type="page"/></w:r></w:p>' * 300_000), slow=True
    )
    group = b"<p:grpSp><p:nvGrpSpPr><p:cNvPr id='9' name='g'/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>"
    groups = group * 240 + b"</p:grpSp>" * 240
    yield Case(
        "pptx groups in groups",
        ".pptx",
        lambda: repacked(".pptx", {MAIN[".pptx"]: _main(".pptx").replace(b"</p:spTree>", groups + b"</p:spTree>")}),
    )


def _docx(inside: bytes) -> bytes:
    return _with(".docx", b"<w:body>", inside)


def _with(suffix: str, mark: bytes, inside: bytes) -> bytes:
    """Return a good document with something put in behind a mark of its main part."""
    xml = _main(suffix)
    at = xml.index(mark) + len(mark)
    return repacked(suffix, {MAIN[suffix]: xml[:at] + inside + xml[at:]})


def _flagged(data: bytes) -> bytes:
    """Return the archive with every member marked as encrypted."""
    changed, at = bytearray(data), 0
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = 0
        while (at := data.find(mark, at)) >= 0:
            changed[at + place] |= 1
            at += 4
    return bytes(changed)


def _sheets() -> Iterator[Case]:
    cells = {
        "row far below": b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>',
        "row without end": b'<row r="99999999999999999999"><c r="A1"><v>1</v></c></row>',
        "row of 10**9": b'<row r="1000000000"><c r="A1000000000"><v>1</v></c></row>',
        "negative row": b'<row r="-5"><c r="A-5"><v>1</v></c></row>',
        "column without end": b'<row r="1"><c r="ZZZZZZZZZZZZ1"><v>1</v></c></row>',
        "no references": b"<row><c><v>1</v></c><c><v>2</v></c></row>",
        "string nowhere": b'<row r="1"><c r="A1" t="s"><v>99999999</v></c></row>',
        "style nowhere": b'<row r="1"><c r="A1" s="99999999"><v>1</v></c></row>',
        "numbers without end": b'<row r="1"><c r="A1"><v>1e999</v></c><c r="B1"><v>-1e308</v></c><c r="C1"><v>nan</v></c></row>',
        "long number": b'<row r="1"><c r="A1"><v>%s</v></c></row>' % (b"9" * 100_000),
        "dates without end": b'<row r="1"><c r="A1" t="d"><v>99999-99-99T99:99</v></c></row>',
        "unknown type": b'<row r="1"><c r="A1" t="zzz"><v>x</v></c></row>',
    }
    for name, inside in cells.items():
        yield Case(f"xlsx {name}", ".xlsx", lambda i=inside: _sheet(i), slow=name in ("row without end", "row of 10**9"))
    row = b"<row>" + b"<c><v>12345</v></c>" * 20 + b"</row>"
    yield Case("xlsx of 100,000 rows", ".xlsx", lambda: _sheet(row * 100_000), slow=True)
    yield Case(
        "xlsx row of 200,000 cells", ".xlsx", lambda: _sheet(b"<row>" + b"<c><v>1</v></c>" * 200_000 + b"</row>"), slow=True
    )
    vast = b'<dimension ref="A1:XFD1048576"/>'
    yield Case(
        "xlsx that claims all cells",
        ".xlsx",
        lambda: repacked(".xlsx", {MAIN[".xlsx"]: _main(".xlsx").replace(b"<sheetViews>", vast + b"<sheetViews>")}),
    )


def _sheet(rows: bytes) -> bytes:
    return _with(".xlsx", b"<sheetData>", rows)


def _bombs() -> Iterator[Case]:
    for suffix in ZIPPED:
        yield Case(f"{suffix[1:]} part of 60 MB", suffix, lambda s=suffix: _bomb(s, 60), slow=True)
        told = "it unpacks to more than this server reads"
        yield Case(f"{suffix[1:]} part of 300 MB", suffix, lambda s=suffix: _bomb(s, 300), slow=True, told=told)
        for size in (100, 2**32 - 1):
            yield Case(f"{suffix[1:]} that lies about its size: {size}", suffix, lambda s=suffix, n=size: _lying(s, n))
    yield Case(
        "archive in an archive",
        ".docx",
        lambda: _archive({"a.zip": good(".docx")}),
        told="wrong type: it is an archive, not a document",
    )
    yield Case("archive of zeros", ".xlsx", lambda: _archive({"zeros": bytes(50_000_000)}))
    yield Case(
        "packed text",
        ".txt",
        lambda: b"\x1f\x8b\x08\0" + bytes(6) + zlib.compress(bytes(10**6)),
        told="wrong type: it is an archive",
    )
    yield Case("text packed by bzip2", ".pdf", lambda: bz2.compress(bytes(10**6)))


def _bomb(suffix: str, megabytes: int) -> bytes:
    xml = _main(suffix)
    at = xml.rindex(b"</")
    return repacked(suffix, {MAIN[suffix]: xml[:at] + b" " * (megabytes * 1_000_000) + xml[at:]})


def _lying(suffix: str, size: int) -> bytes:
    """Return the file with another unpacked size in its directory."""
    data = bytearray(good(suffix))
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", size)
        at += 4
    return bytes(data)


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


# ---------------------------------------------------------------------------------------------------------------- texts


def _pages_of_html() -> Iterator[Case]:
    texts = {
        "nested 1,500 deep": b"<div>" * 1_500 + b"deep",
        "nested 100,000 deep": b"<div>" * 100_000 + b"deep",
        "bold 100,000 deep": b"<b>" * 100_000 + b"deep",
        "tables in tables": b"<table><tr><td>x" * 600,
        "a million tags": b"<p>x" * 300_000,
        "a million rows": b"<table>" + b"<tr><td>Revenue<td>12" * 100_000,
        "wide cell": b"<table><tr><td colspan=999999999 rowspan=999999999>x</table>",
        "long attribute": b"<p title='" + b"a" * 5_000_000 + b"'>x",
        "many attributes": b"<p " + b"".join(b"a%07d=1 " % n for n in range(100_000)) + b">x",
        "never closed": b"<p>x<!-- " + b"a" * 1_000_000,
        "only a script": b"<html><script>" + b"while(1);" * 1000,
        "surrogates": b"<p>a&#xD800;b&#xDFFF;c&#x110000;d&#0;e&#99999999999;",
        "laughs": b"<!DOCTYPE html [" + LAUGHS + b"]><p>&a11;",
        "zeros": b"<p>a\0b\0c</p>" * 1000,
        "entities": b"<html>" + b"&amp" * 300_000,
        "styles": b"<p style='" + b"display : " * 100_000 + b"'>x",
        "frames": b"<html><iframe src='file:///etc/passwd'></iframe><object data='http://127.0.0.1:9/'></object><p>x",
    }
    for name, data in texts.items():
        yield Case(f"html {name}", ".html", lambda d=data: d, slow=len(data) > 500_000)
    for charset in (b"utf-7", b"idna", b"hex", b"zip", b"rot13", b"unicode_escape", b"utf-16", b"nonsense", b"\xff", b"x" * 3000):
        meta = b"<html><meta charset=" + charset + b"><p>caf\xe9 12 +ADw-script+AD4-"
        yield Case(f"html in {charset[:20]!r}", ".html", lambda m=meta: m)


def _texts() -> Iterator[Case]:
    markdown = {
        "stars": b"*" * 100_000,
        "stars and letters": b"*a_ " * 30_000,
        "brackets": b"[" * 50_000,
        "links": b"[a](" * 20_000,
        "quotes": b">" * 50_000 + b"a",
        "lists": b"".join(b" " * (2 * n) + b"- a\n" for n in range(500)),
        "backticks": b"".join(b"`" * n + b"a" for n in range(1, 1500)),
        "table": b"|a" * 5_000 + b"|\n" + b"|-" * 5_000 + b"|\n" + b"|1" * 5_000 + b"|\n",
        "references": b"".join(b"[%d]: /x\n" % n for n in range(20_000)),
        "entities": b"&#xD800;&#0;&amp;" * 10_000,
        "tags": b"<a <b <c" * 20_000,
    }
    for name, data in markdown.items():
        yield Case(f"markdown {name}", ".md", lambda d=data: d)
    texts = {
        "surrogates": b"Revenue \xed\xa0\x80 was \xed\xbf\xbf 12" * 50,
        "zeros": b"Revenue\0was\0" * 1000 + b"12 million of something",
        "only zeros": bytes(100_000),
        "controls": bytes(range(32)) * 1000,
        "all bytes": bytes(range(256)) * 100,
        "one line": b"Revenue was 12 million. " * 200_000,
        "one word": b"a" * 3_000_000,
        "one number": b"9" * 1_000_000,
        "figures": b"1,234 (5,678) 9% $" * 50_000,
        "brackets": b"(" * 200_000,
        "dots": b"Contents . " + b". " * 100_000 + b"7",
        "spaces": b"a" + b" " * 1_000_000 + b"b",
        "line ends": b"\n" * 1_000_000 + b"a",
        "carriage returns": b"a\r" * 300_000,
        "items": b"item 1. business\n" * 30_000,
        "titles": b"CONSOLIDATED STATEMENTS OF INCOME\nnet income 1 2\n" * 20_000,
        "covers": b"(Exact name of registrant " * 20_000,
        "form feeds": b"\f" * 10_000 + b"a",
        "pages": b"\f".join([b"words"] * 4_900),
        "utf-16 of lone surrogates": b"\xff\xfe" + b"\x00\xd8a\x00" * 1000,
        "utf-16 cut": "Revenue was 12 million".encode("utf-16")[:-1],
        "utf-32": "Revenue was 12 million".encode("utf-32"),
        "utf-32 beyond": b"\xff\xfe\0\0" + b"\xff" * 400,
        "marks only": b"\xef\xbb\xbf" * 1000,
        "combining": ("a" + "\u0301" * 300_000).encode(),
        "right to left": ("\u202e" * 1000 + "\u0645\u0631\u062d\u0628\u0627 " * 1000).encode(),
        "private": ("\ue000\ufffe\uffff\U0010ffff" * 5000).encode(),
        "shift jis": "売上高は十二億円でした。前年より増えました。".encode("shift_jis") * 50,
        "ebcdic": ("Revenue was 12 million. " * 100).encode("cp500"),
        "escapes": b"\x1b[31mRevenue\x1b[0m was 12" * 100,
    }
    for name, data in texts.items():
        yield Case(f"text {name}", ".txt", lambda d=data: d, slow=len(data) > 400_000)


# ---------------------------------------------------------------------------------------------------------- wrong names

CONTENTS: dict[str, Callable[[], bytes]] = {
    **{f"{suffix[1:]} file": lambda s=suffix: good(s) for suffix in (".pdf", *ZIPPED, ".html", ".txt")},
    "picture": lambda: b"\x89PNG\r\n\x1a\n" + random.Random(5).randbytes(500),
    "program": lambda: b"\x7fELF\x02\x01\x01" + bytes(200),
    "compound file": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000),
    "locked Office file": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900) + "EncryptedPackage".encode("utf-16-le"),
    "rich text": lambda: b"{\\rtf1 Revenue was 12 million.}",
    "nothing": lambda: b"",
    "one byte": lambda: b"%",
}


def _wrong_endings() -> Iterator[Case]:
    for what, build in CONTENTS.items():
        for suffix in (".pdf", *ZIPPED, ".html", ".md", ".txt", ".xls", ""):
            yield Case(f"{what} named {suffix or 'nothing'}", suffix, build)
