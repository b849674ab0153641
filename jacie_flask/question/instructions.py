"""Sentences and clauses that only say how to answer: explained as such, with the statement that they point to."""

from itertools import pairwise

from jacie_flask.question.definition_sentences import sentences
from jacie_flask.question.marks import Mark, Marked
from jacie_flask.question.vocabulary import vocabulary

_BREAKS = frozenset({",", ":", "(", ")", "–", "—"})


def explain_instructions(marked: Marked) -> None:
    """Explain the clauses made of instruction words, statements and wishes alone, and what to do should a measure be useless."""
    for first, last in sentences(marked):
        start = _conditional(marked, first, last)
        if start is not None:
            marked.explained.update(range(start, last))
            last = start
        for begin, end in _clauses(marked, first, last):
            marks = [mark for mark in marked.marks if begin <= mark.first and mark.last <= end]
            if _instructs(marked, marks):
                marked.explain(*marks)
    _explain_pointing(marked)
    _explain_former_names(marked)


def _conditional(marked: Marked, first: int, last: int) -> int | None:
    """Return where "if X is not a useful metric, then state that" begins in a sentence."""
    words = vocabulary()
    start = next((at for at in range(first, last) if marked.tokens[at].key == "if"), None)
    if start is None:
        return None
    keys = [token.key for token in marked.tokens[start:last]]
    subject = next((at for at, key in enumerate(keys) if key in words.conditional_subjects), None)
    if subject is None or not any(key in words.conditional_requests for key in keys[subject:]):
        return None
    return start


def _clauses(marked: Marked, first: int, last: int) -> list[tuple[int, int]]:
    found, begin = [], first
    for position in range(first, last):
        if marked.tokens[position].text in _BREAKS:
            found.append((begin, position))
            begin = position + 1
    return [clause for clause in [(first, last), *found, (begin, last)] if clause[0] < clause[1]]


def _instructs(marked: Marked, marks: list[Mark]) -> bool:
    """Say whether a clause only instructs: words of manner alone, one of them an instruction, a wish or a statement."""
    told = False
    for mark in marks:
        if mark.has("wish") or mark.points:
            told = True
        elif not mark.has("company") and all(_instruction(marked, at) for at in range(mark.first, mark.last)):
            told = told or any(marked.tokens[at].key in vocabulary().instructing for at in range(mark.first, mark.last))
        elif not mark.has("fillers") and marked.tokens[mark.first].word:
            return False
    return told


def _instruction(marked: Marked, position: int) -> bool:
    token = marked.tokens[position]
    return not token.word or token.key in vocabulary().instructions


def _explain_pointing(marked: Marked) -> None:
    """Explain a statement that a question points to, with the words of manner around it: "as shown in the balance sheet"."""
    marks = marked.marks
    for position, mark in enumerate(marks):
        if not mark.points:
            continue
        marked.explain(mark)
        for step in (-1, 1):
            at = position + step
            while 0 <= at < len(marks) and _pointing(marked, marks[at]):
                marked.explain(marks[at])
                at += step


def _pointing(marked: Marked, mark: Mark) -> bool:
    manner = all(_instruction(marked, at) for at in range(mark.first, mark.last))
    return mark.has("fillers") or (manner and not mark.measure and marked.tokens[mark.first].word)


def _explain_former_names(marked: Marked) -> None:
    """Explain "(formerly known as X)" and "(X)" behind the name of a company."""
    tokens = marked.tokens
    for name, opening in pairwise(marked.marks):
        if name.has("company") and tokens[opening.first].text == "(":
            end = next((at for at in range(opening.last, min(opening.last + 4, len(tokens))) if tokens[at].text == ")"), None)
            within = [mark for mark in marked.marks if end is not None and opening.last <= mark.first < end]
            if end and within and all(not mark.meanings and tokens[mark.first].text.istitle() for mark in within):
                marked.explained.update(range(opening.first, end + 1))
                marked.aliases.append(marked.words(opening.last, end))
    for position, token in enumerate(tokens):
        if token.key in {"formerly", "previously", "fka"} and position and tokens[position - 1].text == "(":
            end = next((at for at in range(position, min(position + 12, len(tokens))) if tokens[at].text == ")"), None)
            if end is not None:
                marked.explained.update(range(position - 1, end + 1))
