"""Which rows a row of totals adds up, and the name of one that is printed without words."""

from collections.abc import Sequence

from jacie_flask.facts.cells import Figure

_FEWEST_PARTS = 2
_MOST_ROWS = 60


class Sums:
    """The rows of one table as they come, with the first row that each total covers."""

    def __init__(self) -> None:
        self.figures: list[tuple[Figure, ...]] = []
        self._totals: list[bool] = []
        self._extents: dict[int, int] = {}

    def add(self, label: str, figures: tuple[Figure, ...]) -> None:
        """Take the next row."""
        lowered = label.lower()
        self.figures.append(figures)
        self._totals.append(lowered.startswith(("total", "net ")) or lowered.endswith((" net", "total")))

    def first_of(self, figures: Sequence[Figure]) -> int | None:
        """Return the position of the first of the last rows that add up to these figures, None where they do not."""
        return self._first(len(self.figures), figures)

    def _first(self, end: int, figures: Sequence[Figure]) -> int | None:
        wanted = [figure.value for figure in figures]
        if any(value is None for value in wanted) or not any(wanted):
            return None
        sums, parts, at = [0.0] * len(wanted), 0, end - 1
        while at >= 0 and end - at <= _MOST_ROWS:
            row = self.figures[at][-len(wanted) :]  # a note's number may come first
            if len(row) == len(wanted) and all(figure.value is not None and figure.unit == "" for figure in row):
                sums = [total + (figure.value or 0.0) for total, figure in zip(sums, row, strict=True)]
                parts += 1
            at = self._extent(at)
            if parts >= _FEWEST_PARTS and self._equal(sums, wanted, figures, parts):
                return at
            at -= 1
        return None

    def _extent(self, at: int) -> int:
        if not self._totals[at]:
            return at
        if at not in self._extents:
            first = self._first(at, self.figures[at])
            self._extents[at] = at if first is None else first
        return self._extents[at]

    @staticmethod
    def _equal(sums: Sequence[float], wanted: Sequence[float | None], figures: Sequence[Figure], parts: int) -> bool:
        slack = 0.51 * min(parts, 4) * 10.0 ** -min(figure.decimals for figure in figures)
        return all(abs(total - (value or 0.0)) <= slack for total, value in zip(sums, wanted, strict=True))


def name_of_total(headings: Sequence[Sequence[str]]) -> str:
    """Return the name of a total over rows with these headings: by the innermost heading that all have, "" for none."""
    common: list[str] = list(headings[0]) if headings else []
    for path in headings[1:]:
        shared = [one for one, other in zip(common, path, strict=False) if one == other]
        common = shared if common[: len(shared)] == shared else []
    if not common:
        return ""
    heading = common[-1].strip(" :.")
    return f"Total {heading.lower() if heading.isupper() else heading[:1].lower() + heading[1:]}"
