"""A golden set for citations: sentences that pages prove, and the same with a mistake planted, from the pages of PDFs.

Rows are found here by a plain pattern of their own, so that what is measured is not what made the measure.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from jacie_flask.text.lines import tidy

_CELL = r"\(?-?\$?\s?\(?\d[\d,]*(?:\.\d+)?\)?"
_ROW = re.compile(rf"^(?P<label>[A-Z][A-Za-z ,’'&—–/()-]{{3,70}}?)\.*\s\$?\s?(?P<cells>{_CELL}(?:\s\$?\s?{_CELL}){{1,2}})$")
_YEARS = re.compile(r"\b(20[012]\d)\b")
_PART = re.compile(r"\b(?:three|six|nine|3|6|9) months\b|\b(?:13|26|39) weeks\b|\bquarters?\b|\bhalf[- ]year\b", re.IGNORECASE)
_SCALE = re.compile(r"\b(million|thousand)s?\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.] )[A-Z](?:[^.\n“”\"]|(?<=\d)\.(?=\d)){60,220}\.(?= [A-Z])")
_COUNTED = re.compile(
    r"employees|sites|shares?\b|subscribers|homes|tonnes|hours|number|customers|stores|units|average", re.IGNORECASE
)
_SPENT = re.compile(
    r"purchase|payment|repay|paid|expense|cost|tax|dividend|acqui|expenditure|depreci|amorti|used|deficit|loss|accumulated|deferred|invest"
    r"|interest|restructur|treasury|contribution|return|charge|impair|decrease|less|research|marketing|administrat|selling",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\$(\d[\d,.]*\d) (million|billion)")


@dataclass(frozen=True)
class Case:
    """A sentence about a page, whether the page proves it, and of what kind it or its mistake is."""

    page: str
    sentence: str
    right: bool
    kind: str


@dataclass(frozen=True)
class _Row:
    label: str
    line: str
    years: list[int]
    cells: list[str]
    scale: str
    part: bool
    """Whether the columns are parts of a year: what is said of the fiscal year is then wrong."""

    def value(self, at: int) -> float:
        """Return the cell's value without its sign."""
        return float(re.sub(r"[^\d.]", "", self.cells[at]))

    def negative(self, at: int) -> bool:
        """Say whether the cell is below nothing."""
        return "(" in self.cells[at] or "-" in self.cells[at]

    def written(self, at: int) -> str:
        """Return the digits of the cell as they stand."""
        return re.sub(r"[^\d.,]", "", self.cells[at])


def pages_of(path: Path, numbers: list[int] | None = None) -> Iterator[str]:
    """Yield the texts of a PDF's pages (all, or the numbered ones) as they are checked against."""
    pdf = pypdfium2.PdfDocument(path)
    try:
        for number in numbers or range(1, len(pdf) + 1):
            page = pdf[number - 1]
            yield tidy(page.get_textpage().get_text_bounded())
            page.close()
    finally:
        pdf.close()


def sample_pages(folder: Path) -> list[str]:
    """Return all pages of the sample documents."""
    return [text for path in sorted(folder.glob("*.pdf")) for text in pages_of(path)]


def collection_pages(folder: Path) -> list[str]:
    """Return the pages that hold the answers to a collection's questions, and the two after each."""
    wanted: dict[str, set[int]] = {}
    for line in (folder / "questions.jsonl").read_text().splitlines():
        asked = json.loads(line)
        wanted.setdefault(asked["filename"], set()).update(asked["pages"])
    texts = []
    for name, numbers in sorted(wanted.items()):
        path = folder / "pdfs" / name
        pdf = pypdfium2.PdfDocument(path)
        count = len(pdf)
        pdf.close()
        near = sorted({number + step for number in numbers for step in (0, 1, 2) if number + step <= count})
        texts.extend(pages_of(path, near))
    return texts


def cases(pages: list[str], seed: int = 7) -> list[Case]:
    """Return right and wrong sentences about the pages, the same ones for the same seed."""
    chance = random.Random(seed)
    found: list[Case] = []
    for page in pages:
        rows = _rows(page)
        for row in chance.sample(rows, min(6, len(rows))):
            found.extend(_about_row(page, row, rows, chance))
        sentences = [match.group() for match in _SENTENCE.finditer(re.sub(r"\s+", " ", page))]
        for sentence in chance.sample(sentences, min(2, len(sentences))):
            found.extend(_about_sentence(page, sentence, chance))
    return found


def _rows(page: str) -> list[_Row]:
    rows, years, scale, part = [], [], "", False
    for line in page.splitlines():
        line = re.sub(r"\s+", " ", re.sub(r"(?:\s?\.){3,}", " ", line)).strip()
        named = [int(year) for year in _YEARS.findall(line)]
        if len(line) < 110 and (match := _SCALE.search(line)) and not re.search(r"\d (?:million|thousand)", line):
            scale = match[1].lower()
        if len(named) > 1 and len(set(named)) == len(named) and len(line) < 80 and not line.endswith("."):
            years, part = named, bool(_PART.search(line))
            continue
        match = _ROW.match(line)
        if not match or not years:
            continue
        cells = re.findall(_CELL, match["cells"])
        if len(cells) == len(years):
            rows.append(_Row(match["label"].strip(), line, years, cells, scale, part))
    labels = [row.label.lower() for row in rows]
    return [
        row
        for row in rows
        if labels.count(row.label.lower()) == 1
        and "(" not in row.label
        and not _COUNTED.search(row.label)
        and all(row.value(at) >= 100 for at in range(len(row.cells)))
        and len({row.value(at) for at in range(len(row.cells))}) == len(row.cells)
    ]


def _about_row(page: str, row: _Row, rows: list[_Row], chance: random.Random) -> Iterator[Case]:
    at = chance.randrange(len(row.cells))
    other = (at + 1) % len(row.cells)
    year, digits, unit = row.years[at], row.written(at), f" {row.scale}" if row.scale else ""
    bracket = (lambda text: f"({text})") if row.negative(at) else (lambda text: text)
    shapes = (
        "{label} was {amount} in {year} [1].",
        "In {year}, {label} amounted to {amount} [1].",
        f"For {'the period ended in' if row.part else 'fiscal year'} {{year}} the page gives {{label}} of {{amount}} [1].",
        "{label} ({year}): {amount} [1].",
    )

    def say(amount: str, when: int = year, label: str = row.label) -> str:
        return chance.choice(shapes).format(label=label, amount=amount, year=when)

    yield Case(page, say(bracket(digits) + unit), True, "as it stands")
    if row.negative(at):
        yield Case(page, say(f"-{digits}{unit}"), True, "minus for brackets")
    else:
        yield Case(page, say(f"{chance.choice(['', '$']) if '$' in page else ''}{digits}{unit}"), True, "with a currency")
    short = {"million": ("billion", 1000), "thousand": ("million", 1000)}.get(row.scale)
    if short and row.value(at) >= 1000 and "." not in digits:
        name, step = short
        for decimals in (1, 2):
            text = f"{row.value(at) / step:.{decimals}f}"
            if abs(float(text) * step - row.value(at)) <= 0.05 * row.value(at):
                yield Case(page, say(bracket(f"{text} {name}")), True, "rounded to a larger unit")
        off = row.value(at) / step + 0.1 * chance.choice([2, 3])
        yield Case(page, say(bracket(f"{off:.1f} {name}")), False, "rounded wrongly")
        yield Case(page, say(bracket(f"{row.value(at) / step:.1f} {row.scale}")), False, "a thousandth")
        full = int(row.value(at)) * (10**6 if row.scale == "million" else 10**3)
        yield Case(page, say(bracket(f"{full:,}")), True, "in full")
    if row.scale and not row.negative(at):
        letter = {"million": "m", "thousand": "k"}[row.scale]
        kind = "figure first, a part of the year" if row.part else "figure first, unit short"
        yield Case(page, f"It had {digits}{letter} in {row.label.lower()} in FY{year % 100:02d} [1].", not row.part, kind)
        yield Case(page, f"{row.label} stood at about {digits} {row.scale} that year [1].", True, "no year said")
        yield Case(
            page,
            f"It had {digits}{letter} in {row.label.lower()} in FY{year % 100 - 7:02d} [1].",
            False,
            "figure first, wrong year",
        )
    if row.years[0] - row.years[1] == 1 and not row.negative(0) and not row.negative(1):
        growth = (row.value(0) / row.value(1) - 1) * 100
        verb = "increased" if growth > 0 else "decreased"
        if 1 < abs(growth) < 400:
            yield Case(page, f"{row.label} {verb} by {abs(growth):.1f}% in {row.years[0]} [1].", True, "growth computed")
            off = abs(growth) + chance.choice([0.7, 3.1, 11.3])
            if not _on(page, f"{off:.1f}"):
                yield Case(page, f"{row.label} {verb} by {off:.1f}% in {row.years[0]} [1].", False, "growth computed wrongly")
            turned = "decreased" if growth > 0 else "increased"
            yield Case(page, f"{row.label} {turned} by {abs(growth):.1f}% in {row.years[0]} [1].", False, "growth turned round")
    if row.scale:
        wrong = {"million": "billion", "thousand": "million"}[row.scale]
        yield Case(page, say(bracket(f"{digits} {wrong}")), False, "a thousand times")
        ten = row.value(at) * 10
        if not _on(page, f"{ten:,.0f}"):
            yield Case(page, say(bracket(f"{ten:,.0f}{unit}")), False, "ten times")
    swapped = _swap(digits, chance)
    if swapped and not _on(page, swapped):
        yield Case(page, say(bracket(swapped) + unit), False, "digits swapped")
    if not row.negative(at):
        yield Case(page, say(f"({digits}){unit}"), False, "sign")
    elif _SPENT.search(row.label):
        yield Case(page, say(digits + unit), True, "spent, said without a minus")
    else:
        yield Case(page, say(digits + unit), False, "sign")
    if row.negative(other) == row.negative(at):
        yield Case(page, say(bracket(row.written(other)) + unit), False, "another column's year")
        yield Case(
            page,
            f"{row.label} went from {bracket(row.written(other))}{unit} in {row.years[other]} to {bracket(digits)}{unit} in {year} [1].",
            True,
            "two years",
        )
    yield Case(page, say(bracket(digits) + unit, when=min(row.years) - 3), False, "a year that is not there")
    own = {row.written(place) for place in range(len(row.cells))}
    near = [one for one in rows if one is not row and one.years == row.years]
    near = [one for one in near if one.written(at) not in own and one.negative(at) == row.negative(at)]
    if near:
        neighbour = min(near, key=lambda one: abs(rows.index(one) - rows.index(row)))
        yield Case(page, say(bracket(neighbour.written(at)) + unit), False, "a neighbouring row")
    yield Case(page, f"The page says “{row.line}” [1].", True, "a row quoted")


def _about_sentence(page: str, sentence: str, chance: random.Random) -> Iterator[Case]:
    cut = sentence.rstrip(".")
    yield Case(page, f"The report states: “{cut}” [1].", True, "a sentence quoted")
    yield Case(page, f"It says “{cut.replace(' ', '  ', 2).replace('’', chr(39))}” [1].", True, "a sentence quoted, other spaces")
    words = cut.split()
    places = [at for at, word in enumerate(words) if word.isalpha() and len(word) > 3 and 0 < at < len(words) - 1]
    if places:
        at = chance.choice(places)
        changed = [
            *words[:at],
            chance.choice(["never", "competitors", "significantly", "Atlantis", "unrelated"]),
            *words[at + 1 :],
        ]
        yield Case(page, f"The report states: “{' '.join(changed)}” [1].", False, "a quote with a word changed")
        dropped = " ".join([*words[:at], *words[at + 1 :]])
        yield Case(page, f"The report states: “{dropped}” [1].", False, "a quote with a word left out")
    invented = chance.choice(["Management expects growth to double", "The auditors found no reason for concern in the period"])
    yield Case(page, f"The report states: “{invented} as {words[0].lower()} {words[-1]} shows” [1].", False, "an invented quote")
    figure = re.search(
        r"(?<![\d,.A-Za-z-])\d{1,3}(?:,\d{3})*\.\d+(?![\d.])|(?<![\d,.A-Za-z-])\d{1,3}(?:,\d{3})+(?![\d.])", sentence
    )
    if figure:
        yield Case(page, f"{sentence} [1]", True, "prose as it stands")
        swapped = _swap(figure.group(), chance)
        if swapped and not _on(page, swapped):
            yield Case(page, f"{sentence.replace(figure.group(), swapped)} [1]", False, "prose, digits swapped")
    amount = _AMOUNT.search(sentence)
    if amount and "." not in amount[1]:
        yield Case(
            page, sentence.replace(amount.group(), f"USD {amount[1]} {amount[2]}") + " [1]", True, "prose, other unit name"
        )
        swapped = _swap(amount[1], chance)
        if swapped and not _on(page, swapped):
            yield Case(page, sentence.replace(amount[1], swapped) + " [1]", False, "prose, digits swapped")


def _swap(digits: str, chance: random.Random) -> str:
    """Return the digits with two neighbours exchanged, or nothing where that changes none."""
    places = [at for at in range(len(digits) - 1) if digits[at : at + 2].isdigit() and digits[at] != digits[at + 1]]
    places = [at for at in places if not (at == 0 and digits[1] == "0")]
    if not places:
        return ""
    at = chance.choice(places)
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]


def _on(page: str, digits: str) -> bool:
    return bool(re.search(rf"(?<![\d,.]){re.escape(digits)}(?![\d,]*\d)", page))
