"""One answer of a chat completion, read from the bytes of its body while they arrive."""

import time
from collections.abc import Callable, Iterator

import httpx2

from jacie_flask.errors import ContentFiltered, JacieError, LLMContextExceeded, LLMIncomplete, LLMUnavailable
from jacie_flask.interfaces import Delta
from jacie_flask.models.chat_bytes import UNREADABLE, ChatBytes
from jacie_flask.models.chunks import Choice, Chunk, Content, Counts
from jacie_flask.models.reasoning import Separator
from jacie_flask.models.surrogates import Joiner

AFTER_FINISH_S = 1.0
"""How long usage and ``[DONE]`` are waited for once the finish reason is known."""
_ENDINGS = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call"})
_FILTERED = "content_filter"
_CONTEXT_CODES = ("context_length_exceeded", "exceed_context_size")
_CONTEXT_WORDS = (*_CONTEXT_CODES, "context length", "context size", "context window", "prompt is too long")


class ChatStream:
    """The deltas of one body, once. ``untagged`` says afterwards whether reasoning ended in it that never began."""

    def __init__(self, blocks: Iterator[bytes], bound: Callable[[float], None] | None = None, *, withhold: bool = False) -> None:
        """Read ``blocks``; ``bound`` limits the wait for each further one, in seconds; ``withhold`` is ``Separator``'s."""
        self._blocks = blocks
        self._bound = bound or (lambda _: None)
        self._answer = _Answer(withhold=withhold)
        self._wait_until: float | None = None
        self.untagged = withhold

    def deltas(self) -> Iterator[Delta]:
        """Yield one Delta for each block that brings something, and a last one with the finish reason.

        Run it to its end and the connection can be used again. Raise LLMIncomplete for what cannot be understood and for finish
        reasons that are not OpenAI's, ContentFiltered and LLMContextExceeded for an error object that says so.
        """
        answer = self._answer
        broken: httpx2.HTTPError | None = None
        try:
            for block in self._blocks:
                delta = answer.feed(block)
                del block  # the next one may be long in coming
                if delta:
                    yield delta
                if answer.ending:
                    break
            yield from self._after_finish()
        except httpx2.HTTPError as error:
            if answer.finish is None and not answer.is_json:
                raise
            broken = error
        yield from self._end(broken)
        try:
            for _ in self._bounded_blocks():
                pass
        except httpx2.HTTPError:
            return

    def _after_finish(self) -> Iterator[Delta]:
        """Yield what follows the finish reason in the stream; raise what is wrong with the answer."""
        answer = self._answer
        blocks = self._bounded_blocks() if answer.finish is not None else iter(())
        while not (answer.done or answer.problem):
            block = next(blocks, None)
            if block is None:
                return
            if delta := answer.feed(block):
                yield delta
        if answer.problem:
            raise answer.problem

    def _end(self, broken: httpx2.HTTPError | None) -> Iterator[Delta]:
        """Yield what was kept back and the last delta; an answer that is complete does not suffer from a broken connection."""
        answer = self._answer
        if not answer.done and (delta := answer.feed(None)):
            yield delta
        if answer.problem:
            raise broken or answer.problem
        if delta := answer.end():
            yield delta
        self.untagged = answer.untagged
        yield answer.last()

    def _bounded_blocks(self) -> Iterator[bytes]:
        """Yield the blocks that come within the time for what follows the finish reason."""
        while (left := self._until() - time.monotonic()) > 0:
            self._bound(left)
            block = next(self._blocks, None)
            if block is None:
                return
            yield block
            del block

    def _until(self) -> float:
        """Return when the wait for what follows the finish reason ends."""
        if self._wait_until is None:
            self._wait_until = time.monotonic() + AFTER_FINISH_S
        return self._wait_until


def read_deltas(blocks: Iterator[bytes]) -> Iterator[Delta]:
    """Return the deltas of one answer's body, as ``ChatStream`` reads them."""
    return ChatStream(blocks).deltas()


class _Answer:
    """What is known of an answer by now; what is wrong with it goes to ``problem``.

    ``ending`` says that it has a problem, a finish reason or the mark of its end.
    """

    def __init__(self, *, withhold: bool) -> None:
        self.finish: str | None = None
        self.problem: JacieError | None = None
        self.ending = False
        self._bytes = ChatBytes(self._take, lambda: self._text_came)
        self._joiner = Joiner()
        self._separator = Separator(withhold=withhold)
        self._texts: list[str] = []
        self._reasoning = 0
        self._usage: Counts | None = None
        self._index: int | None = None
        self._text_came = self._answered = self._reasoned = self._refused = self._called = False
        self._voided = False

    @property
    def done(self) -> bool:
        """Whether the server has marked the end."""
        return self._bytes.done

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON instead of a stream."""
        return self._bytes.is_json

    @property
    def untagged(self) -> bool:
        """Whether reasoning ended that never began."""
        return self._separator.untagged

    def feed(self, block: bytes | None) -> Delta | None:
        """Take a block, None for the end of the body, and return what it brings."""
        try:
            if block is None:
                self._bytes.end()
            else:
                self._bytes.feed(block)
        except UNREADABLE as error:
            self.problem = self.problem or LLMIncomplete(f"the model's reply cannot be read: {error}")
        if self._bytes.done or self.problem:
            self.ending = True
        return self._delta() if self._texts or self._reasoning else None

    def end(self) -> Delta | None:
        """Return what was kept back in case more would come."""
        rest = self._separator.feed(self._joiner.end()) + self._separator.end()
        self._answered = self._answered or bool(rest.strip())
        return Delta(text=rest) if rest else None

    def last(self) -> Delta:
        """Return the closing delta; raise where there is neither an answer nor the end of one."""
        if self.finish is None and not self._answered:
            if self._bytes.sample and not (self._bytes.understood or self._text_came):
                raise LLMUnavailable(f"the server sent no chat completion but {self._bytes.sample!r}")
            raise LLMIncomplete("the model's stream ended without an answer and without a finish reason")
        return Delta(
            finish_reason=self.finish or "stop",
            usage=self._usage.usage() if self._usage else None,
            confirmed=self.finish is not None,
            refused=self._refused,
            called=self._called,
        )

    def _take(self, chunks: list[Chunk]) -> None:
        """Take decoded chunks; nothing counts after the first problem. This loop runs once a token."""
        if self.problem:
            return
        take, index = self._texts.append, self._index
        for chunk in chunks:
            for choice in chunk.choices:
                if choice.index != index:
                    if index is not None:
                        continue
                    index = self._index = choice.index
                content = choice.delta.content
                if content:
                    take(content)
                else:
                    self._take_other(choice.delta)
                if choice.finish_reason or choice.error:
                    self._finished(choice)
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.error:
                self.problem = self.problem or _failure(chunk.error)
            if self.problem:
                return

    def _take_other(self, delta: Content) -> None:
        """Take what a chunk without text holds."""
        if delta.reasoning_content or delta.reasoning:
            self._reasoning += 1
        self._refused = self._refused or bool(delta.refusal)
        self._called = self._called or bool(delta.tool_calls or delta.function_call)

    def _finished(self, choice: Choice) -> None:
        reason = choice.finish_reason
        if choice.error:
            self.problem = _failure(choice.error)
        if not reason or reason == "null":
            return
        if reason not in _ENDINGS:
            self.problem = self.problem or LLMIncomplete(f"the server ended the answer with {reason[:80]!r}")
        if self.finish in (None, "stop"):  # a second reason that is "stop" takes nothing from the first
            self.finish = reason
        self.ending = True
        self._called = self._called or reason in ("tool_calls", "function_call")

    def _delta(self) -> Delta | None:
        """Return what came since the last delta."""
        texts, self._texts = self._texts, []
        if self._bytes.loose:
            texts = [self._joiner.feed(text) for text in texts]
        joined = "".join(texts)
        if self._reasoning or not self._separator.passes(joined):
            return self._thoughtful_delta(texts)
        if not self._answered:
            self._came(joined)
        return Delta(text=joined, tokens=len(texts)) if joined else None

    def _thoughtful_delta(self, texts: list[str]) -> Delta | None:
        """Return what came since the last delta where thoughts are or may be among it."""
        shown, thoughts, void = self._separated(texts)
        reasoning, self._reasoning = self._reasoning + thoughts, 0
        joined = "".join(shown)
        self._came(joined)
        self._reasoned = self._reasoned or reasoning > 0
        return Delta(text=joined, tokens=len(shown), reasoning=reasoning, void=void) if joined or reasoning or void else None

    def _came(self, text: str) -> None:
        self._text_came = True
        self._answered = self._answered or not (text.isspace() or not text)

    def _separated(self, texts: list[str]) -> tuple[list[str], int, bool]:
        """Return the texts that are shown, how many were thought, and whether all that was given out before is thought as well."""
        shown: list[str] = []
        thoughts, void = 0, False
        for text in texts:
            kept = self._separator.feed(text)
            if self._separator.untagged and not self._voided:
                self._voided, void = True, self._answered
                self._answered = False
                thoughts += len(shown)
                shown.clear()
            if kept:
                shown.append(kept)
            elif self._separator.hiding:
                thoughts += 1
        return shown, thoughts, void


def _failure(error: object) -> JacieError:
    """Return what an error inside a stream means."""
    text = str(error)[:2000]
    if says_context(text):
        return LLMContextExceeded(text)
    code, kind = (error.get("code"), error.get("type")) if isinstance(error, dict) else (error, None)
    if says_filtered(code, kind):
        return ContentFiltered(text)
    return LLMIncomplete(f"the model's stream holds an error: {text}")


def says_context(text: str) -> bool:
    """Say whether a server's words are about a prompt that is too long; servers differ in code, type and words."""
    text = text.lower()
    return any(words in text for words in _CONTEXT_WORDS)


def says_filtered(code: object, kind: object) -> bool:
    """Say whether an error with this ``code`` and type says that a content filter rejected what was sent or written."""
    return _FILTERED in (code, kind)
