"""A model that answers what its question tells it: any text, at any pace, the same each time.

In process: ``with OpenAIServer(told) as model``. In a process of its own: ``with OwnProcess("told_model.py") as model``.
"""

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import random
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.openai_server import OpenAIServer, Script
from tests.support.servers import Request, serve_until_killed

_TOLD = re.compile(rb"seed (\d+), (\d+) words, ([\d.]+) s of silence, ([\d.]+) s of words")
GATES: dict[int, Mapping[int, threading.Event]] = {}
"""The gates of a question's words by its seed, where the model is served in the process of the test."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéñ中文日本😀🎈"


def question(seed: int, words: int = 60, silent_s: float = 0.0, total_s: float = 1.0, **changes: object) -> dict[str, object]:
    """Return a question that needs the model only; ``answer`` says what will come."""
    query = f"seed {seed}, {words} words, {silent_s:.2f} s of silence, {total_s:.2f} s of words"
    return {"query": query, "auto_load_documents": False, "memory_enabled": False, **changes}


def answer(seed: int, words: int = 60) -> str:
    """Return the text of that many words, of one byte and of several a letter."""
    source = random.Random(seed)
    said = ["".join(source.choices(_LETTERS, k=source.randint(1, 9))) for _ in range(words)]
    return " ".join(said)


def told(request: Request) -> Script:
    """Return how a request is answered."""
    found = _TOLD.findall(request.body)
    if not found:
        return Script(answer="What?")
    seed, words, silent_s, total_s = found[-1]
    gates = GATES.get(int(seed), {})
    return Script(
        answer=answer(int(seed), int(words)),
        first_token_s=float(silent_s),
        total_s=float(total_s),
        gates=gates,
        ignores_limit=True,
    )


if __name__ == "__main__":
    serve_until_killed(lambda: OpenAIServer(told), lambda server: f"{server.origin}/v1")
