"""No language model: answers are computed and quoted, and nothing is written."""

from collections.abc import Iterator

from jacie_flask.errors import LLMUnavailable
from jacie_flask.interfaces import Delta, Prompt
from jacie_flask.retries import Budget


class AbsentModel:
    """Stands where no language model is configured."""

    label = "none"
    context_tokens = 0
    absent = True

    def stream(self, prompt: Prompt, budget: Budget | None = None) -> Iterator[Delta]:
        """Raise LLMUnavailable: nobody is there to be asked."""
        raise LLMUnavailable("no language model is configured")

    def warm(self) -> None:
        """Nothing to warm."""

    def ready(self) -> bool:
        """Always: answers need no model."""
        return True
