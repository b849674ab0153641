"""What of a page is shown: its passages in reading order, and the few lines that answer best."""

from collections.abc import Mapping, Sequence

from jacie_flask.text.terms import term_ids

TEXT_CHARS = 3500
SNIPPET_CHARS = 300
GAP = "\n…\n"


def passage_text(chunks: Sequence[str], scores: Sequence[float], limit: int = TEXT_CHARS) -> str:
    """Return the whole page where it fits ``limit`` characters, otherwise its best chunks and their neighbours."""
    if sum(map(len, chunks)) + len(chunks) <= limit:
        return "\n".join(chunks)
    best = max(range(len(chunks)), key=lambda row: scores[row])
    nearness = [scores[row] / (1e-9 + scores[best]) + 1.0 / (1 + abs(row - best)) for row in range(len(chunks))]
    chosen: set[int] = set()
    room = limit
    for row in sorted(range(len(chunks)), key=lambda row: -nearness[row]):
        if not chosen or len(chunks[row]) <= room:
            chosen.add(row)
            room -= len(chunks[row]) + len(GAP)
    text = ""
    for row in sorted(chosen):
        text += ("" if not text else "\n" if row - 1 in chosen else GAP) + chunks[row]
    return text[: limit + len(GAP)]


def snippet(text: str, weights: Mapping[int, float], limit: int = SNIPPET_CHARS) -> str:
    """Return the window of whole lines, at most ``limit`` characters, that holds most of the weighted terms."""
    lines = [part for line in text.splitlines() if line.strip() for part in _parts(line.strip(), limit)]
    terms = [{term for term in term_ids(line) if term in weights} for line in lines]
    best, best_score = (0, 0), -1.0
    # A window that begins with a line that has none of them is never better than the one that begins later.
    for start in [row for row, held in enumerate(terms) if held] or range(min(len(lines), 1)):
        covered: set[int] = set()
        length, end = -1, start
        while end < len(lines) and length + 1 + len(lines[end]) <= limit:
            length += 1 + len(lines[end])
            covered |= terms[end]
            end += 1
        score = sum(weights[term] for term in covered) + 0.5 * sum(weights[term] for term in terms[start])
        if score > best_score:
            best, best_score = (start, end), score
    return "\n".join(lines[best[0] : best[1]])


def _parts(line: str, limit: int) -> list[str]:
    """Cut a line that alone is over the limit between its words."""
    if len(line) <= limit:
        return [line]
    parts = [""]
    for word in line.split():
        for piece in (word[start : start + limit] for start in range(0, len(word), limit)):
            if len(parts[-1]) + 1 + len(piece) > limit:
                parts.append("")
            parts[-1] = f"{parts[-1]} {piece}".strip()
    return parts
