"""A deterministic model without a network: it answers with the line of the excerpts that matches the question best."""

import re
from collections.abc import Iterator

from jacie_flask.events import Usage
from jacie_flask.interfaces import Delta, Prompt
from jacie_flask.retries import Budget
from jacie_flask.text.terms import term_counts

_EXCERPT = re.compile(r"^\[(\d{1,2})\] ", re.MULTILINE)


class ScriptedModel:
    """For demonstrations and tests: the same prompt gives the same answer, a word at a time."""

    label = "scripted"
    context_tokens = 32_000
    absent = False

    def stream(self, prompt: Prompt, budget: Budget | None = None) -> Iterator[Delta]:
        """Yield the best line of the excerpts with the number of its excerpt."""
        answer = best_line(prompt.messages[-1]["content"])
        words = re.findall(r"\s*\S+", answer)
        for word in words:
            yield Delta(text=word, tokens=1)
        asked = sum(len(message["content"].split()) for message in prompt.messages)
        usage = Usage(prompt_tokens=asked, completion_tokens=len(words), total_tokens=asked + len(words))
        yield Delta(finish_reason="stop", usage=usage)

    def warm(self) -> None:
        """Nothing to warm."""

    def ready(self) -> bool:
        """Always."""
        return True


def best_line(asked: str) -> str:
    """Return the line of the excerpts that shares most words with the question, with its excerpt's number."""
    excerpts, _, question = asked.rpartition("Question:")
    wanted = set(term_counts(question))
    best, number, top = "", "", 0.0
    current = "1"
    for line in excerpts.splitlines():
        if marker := _EXCERPT.match(line):
            current = marker.group(1)
            continue
        words = set(term_counts(line))
        score = len(words & wanted) / (4 + len(words)) ** 0.5
        if score > top:
            best, number, top = line.strip(), current, score
    return f"{best} [{number}]" if best else "The excerpts do not answer this question."
