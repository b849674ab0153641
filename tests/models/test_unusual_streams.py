"""Streams of real servers that differ from OpenAI's, through sockets, SDK, pipeline and run: the events that a user receives."""

import dataclasses
import json
import logging
import subprocess
import sys
import textwrap
from typing import Any

import httpx2
import pytest

from jacie_flask.answer.model import model_answer as notes
from jacie_flask.answer.model.progress import Reasoning
from jacie_flask.answer.pipeline import PIPELINES
from jacie_flask.events import Token
from jacie_flask.interfaces import Question
from jacie_flask.models import http_transport
from jacie_flask.models.chat_stream import ChatStream
from jacie_flask.models.openai_model import OpenAIModel
from jacie_flask.runs import reader
from jacie_flask.runs.memory_log import MemoryLog
from jacie_flask.runs.run import Runs
from tests.support.parts import built, over_texts
from tests.support.raw_model import CLOSE, HANG, RESET, RawModel, Reply, chunk, event, text

HELLO = "Revenue was 5 million [1]."
FIRST, SECOND = "Revenue was ", "5 million [1]."
END = event(chunk({}, "stop"))
DONE = b"data: [DONE]\n\n"
CONNECTED: list[OpenAIModel] = []
REPLACED = "The model gave no answer."
WITHOUT_DOCUMENTS = "No documents were loaded for this answer, as the request asked."
GRIN = "\U0001f600"
HIGH, LOW = r'{"choices":[{"delta":{"content":"a\ud83d"}}]}', r'{"choices":[{"delta":{"content":"\ude00b"}}]}'


@dataclasses.dataclass(frozen=True)
class Received:
    """What a user receives beside the reports of the usual steps, in order, the tokens of one attempt joined; and how it ends."""

    events: list[tuple[str, Any]]
    end: dict[str, Any]
    reasoning_tokens: int


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Build the real parts over one page."""
    with built(over_texts(tmp_path_factory.mktemp("shop"), {"shop.txt": "In the shop a bowl is 12.50."})) as made:
        yield made


def received(parts, server: RawModel, model: OpenAIModel | None = None, **fields: Any) -> Received:
    """Ask and return what is received."""
    model = model or connected(server)
    changed = dataclasses.replace(parts, model=model)

    def pipeline(question, report, budget):
        def watched(reported):
            report(reported)
            if isinstance(reported, Token):
                server.go.set()

        return PIPELINES["chat"](question, changed, watched, budget)

    runs = Runs(MemoryLog(keep_s=60), {"chat": pipeline}, max_runs=2, deadline_s=30.0, grace_s=30.0)
    asked = {"query": "How was it?", "auto_load_documents": False, "memory_enabled": True, **fields}
    runs.start("r", Question(mode="chat", **asked), "q")
    reader.wait(runs.log, "r")
    return folded(runs.log.read("r", reader.START, 0))


def folded(entries) -> Received:
    """Return the entries of a run as a user sees them."""
    events: list[tuple[str, Any]] = []
    reasoning = 0
    for item in entries:
        data = json.loads(item.data)
        if item.name == "token" and events and events[-1][0] == "token":
            events[-1] = ("token", events[-1][1] + data["text"])
        elif item.name == "token":
            events.append(("token", data["text"]))
        elif item.name == "progress" and data["message"] == Reasoning.MESSAGE:
            reasoning = data["details"]["reasoning_tokens"]
        elif item.name not in ("progress", "sources"):
            events.append((item.name, None))
    return Received(events, json.loads(entries[-1].data), reasoning)


def connected(server: RawModel) -> OpenAIModel:
    """Return a model behind the server, which is waited for longer than a run may last."""
    model = OpenAIModel(base_url=server.url, api_key="sk-secret-key", model="m", read_timeout_s=300)
    CONNECTED.append(model)
    return model


@pytest.fixture(autouse=True)
def disconnected():
    """Close the connections that a test's models keep."""
    yield
    while CONNECTED:
        CONNECTED.pop()._client.close()


def sse(*events: bytes, **more: Any) -> Reply:
    """Return the reply of a stream that ends as OpenAI's do."""
    return Reply((*events, END, DONE), **more)


def joined(*pieces: Any) -> Reply:
    """Return the reply of a stream with these contents."""
    return sse(*map(text, pieces))


def crlf(reply: Reply, line_end: bytes) -> Reply:
    """Return the reply with other line ends."""
    return dataclasses.replace(reply, writes=tuple(part.replace(b"\n", line_end) for part in reply.writes))


ANSWER = (text(FIRST), text(SECOND))
BODY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": HELLO}, "finish_reason": "stop"}]}
SPLIT_JSON = json.dumps(chunk({"content": HELLO}), indent=1).replace("\n", "\ndata: ").encode()
ODD = {"logprobs": {"content": [{"token": "a", "logprob": float("-inf")}]}}

# A stream and the answer that it gives, which is a complete success.
ANSWERS: dict[str, tuple[Reply, str]] = {
    "as OpenAI streams": (sse(*ANSWER), HELLO),
    "list of text parts": (joined([{"type": "text", "text": FIRST}], [{"type": "text", "text": SECOND}]), HELLO),
    "list with thinking parts": (
        joined([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}], [{"type": "text", "text": HELLO}]),
        HELLO,
    ),
    "list with references and strings": (joined([FIRST, {"type": "reference", "reference_ids": [1]}, SECOND]), HELLO),
    "text of a part as an object": (joined([{"type": "text", "text": {"value": HELLO}}]), HELLO),
    "content of null, empty and empty list": (joined(None, "", [], FIRST, {}, SECOND), HELLO),
    "usage with wrong types": (sse(*ANSWER, event(chunk({}, None, usage={"prompt_tokens": "many", "total_tokens": -1}))), HELLO),
    "usage as a list": (sse(text(FIRST, usage=[1]), text(SECOND, usage="none")), HELLO),
    "usage of fractions and infinities": (
        sse(*ANSWER, event(b'{"choices":[],"usage":{"prompt_tokens":1.5,"completion_tokens":Infinity}}')),
        HELLO,
    ),
    "-Infinity in logprobs": (sse(event({"choices": [{"delta": {"content": HELLO}, "finish_reason": None, **ODD}]})), HELLO),
    "NaN beside the text": (sse(event(b'{"choices":[{"delta":{"content":"Revenue was "},"score":NaN}]}'), text(SECOND)), HELLO),
    "number of a thousand digits": (sse(event(b'{"id":' + b"9" * 5000 + b',"choices":[{"delta":{"content":"a"}}]}')), "a"),
    "byte that is not UTF-8": (sse(event(b'{"choices":[{"delta":{"content":"caf\xe9 au lait"}}]}')), "caf\ufffd au lait"),
    "byte that is not UTF-8 in another field": (sse(event(b'{"id":"\xff","choices":[{"delta":{"content":"a"}}]}')), "a"),
    "character split over two chunks as bytes": (
        sse(event(b'{"choices":[{"delta":{"content":"a\xf0\x9f"}}]}'), event(b'{"choices":[{"delta":{"content":"\x98\x80b"}}]}')),
        f"a{GRIN}b",
    ),
    "surrogate pair split over two chunks": (sse(event(HIGH.encode()), event(LOW.encode())), f"a{GRIN}b"),
    "half of a surrogate pair alone": (sse(event(HIGH.encode()), text("b")), "a\ufffdb"),
    "half of a surrogate pair at the end": (sse(event(HIGH.encode())), "a\ufffd"),
    "raw control characters in the text": (sse(event(b'{"choices":[{"delta":{"content":"a\tb"}}]}')), "a\tb"),
    "error of empty string": (sse(text(FIRST, error=""), text(SECOND, error={})), HELLO),
    "error of null and empty list": (sse(text(FIRST, error=None), text(SECOND, error=[])), HELLO),
    "finish reason of empty string": (sse(text(FIRST, ""), text(SECOND, "null")), HELLO),
    "choices of null and none": (sse(event({"choices": None}), text(FIRST), event({"id": 1}), event(b"null"), text(SECOND)), HELLO),
    "index of null": (sse(event({"choices": [{"index": None, "delta": {"content": HELLO}}]})), HELLO),
    "second choice beside the first": (
        sse(event({"choices": [{"index": 0, "delta": {"content": HELLO}}, {"index": 1, "delta": {"content": "Other."}}]})),
        HELLO,
    ),
    "delta of null": (sse(*ANSWER, event({"choices": [{"index": 0, "delta": None}]})), HELLO),
    "message instead of delta": (sse(event({"choices": [{"message": {"content": HELLO}}]})), HELLO),
    "message that repeats the deltas": (
        sse(*ANSWER, event({"choices": [{"delta": {}, "message": {"content": HELLO}}]})),
        HELLO,
    ),
    "text of completions": (sse(event({"choices": [{"text": FIRST}]}), event({"choices": [{"text": SECOND}]})), HELLO),
    "byte order mark": (Reply((b"\xef\xbb\xbf", *ANSWER, END, DONE)), HELLO),
    "lines that end with CR LF": (crlf(sse(*ANSWER), b"\r\n"), HELLO),
    "lines that end with CR": (crlf(sse(*ANSWER), b"\r"), HELLO),
    "CR LF, a byte a write": (dataclasses.replace(crlf(sse(*ANSWER), b"\r\n"), split=1), HELLO),
    "byte order mark, a byte a write": (Reply((b"\xef\xbb\xbf", *ANSWER, END, DONE), split=1), HELLO),
    "event of several data lines": (sse(b"data: " + SPLIT_JSON + b"\n\n"), HELLO),
    "event of several data lines, CR LF": (crlf(sse(b"data: " + SPLIT_JSON + b"\n\n"), b"\r\n"), HELLO),
    "comments and other fields": (
        sse(b": OPENROUTER PROCESSING\n\n", b"id: 7\nretry: 10\nevent: message\n" + ANSWER[0], b":\n" + ANSWER[1], b"data\n\n"),
        HELLO,
    ),
    "no space after the colon": (Reply(tuple(part.replace(b"data: ", b"data:") for part in (*ANSWER, END, DONE))), HELLO),
    "no empty lines": (Reply(tuple(part.replace(b"\n\n", b"\n") for part in (*ANSWER, END, DONE))), HELLO),
    "keep-alive newlines first": (Reply((b"\n", b"\r\n", b"\n", *ANSWER, END, DONE)), HELLO),
    "plain JSON": (Reply((json.dumps(BODY).encode(),), content_type="application/json"), HELLO),
    "plain JSON over many lines": (Reply((json.dumps(BODY, indent=2).encode(),), content_type="text/event-stream"), HELLO),
    "plain JSON in a list": (Reply((json.dumps([BODY]).encode(),), content_type="application/json"), HELLO),
    "a JSON value a line": (Reply((json.dumps(chunk({"content": HELLO}, "stop")).encode() + b"\n",)), HELLO),
    "plain JSON of parts with null fields": (
        Reply((json.dumps({"error": None, "choices": [{"message": {"content": [{"text": HELLO}]}, "finish_reason": "stop"}]}).encode(),)),
        HELLO,
    ),
    "closed instead of a length": (sse(*ANSWER, chunked=False), HELLO),
    "broken after the finish reason": (Reply((*ANSWER, END), ending=RESET), HELLO),
    "silent after the finish reason": (Reply((*ANSWER, END), ending=HANG), HELLO),
    "no [DONE]": (Reply((*ANSWER, END)), HELLO),
    "last event without its empty line": (Reply((*ANSWER, END.strip())), HELLO),
    "role chunk and empty chunk of Azure": (sse(event({"choices": [], "prompt_filter_results": []}), *ANSWER), HELLO),
    "<think> first": (joined("<think>", "Let me see.", "</think>", "\n\n", HELLO), HELLO),
    "<think> split over chunks": (joined("<th", "ink>so", " be it</", "thi", "nk>\n\n", FIRST, SECOND), HELLO),
    "[THINK] of Mistral": (joined("[THINK]hm[/THI", "NK]", HELLO), HELLO),
    "almost a tag": (joined("a <", "3 and </", "thin b [", "1] <thinner>"), "a <3 and </thin b [1] <thinner>"),
    "reasoning_content": (sse(event(chunk({"reasoning_content": "Hm."})), event(chunk({"content": None, "reasoning": "So."})), *ANSWER), HELLO),
    "ChatML tokens": (joined("<|im_start|>assistant\n", FIRST, SECOND, "<|im_", "end|>\n<|im_start|>user\nAnd?"), HELLO),
    "Llama tokens": (joined("<|start_header_id|>assistant<|end_header_id|>\n\n", HELLO, "<|eot_id|>"), HELLO),
    "Mistral and Llama 2 tokens": (joined("<s> [INST]", "[/INST]", HELLO, "</s>"), HELLO),
    "Gemma tokens": (joined("<start_of_turn>model\n", HELLO, "<end_of_turn>\n"), HELLO),
    "DeepSeek tokens": (joined("<｜Assistant｜>", HELLO, "<｜end▁of▁sentence｜>"), HELLO),
    "gpt-oss channels": (
        joined("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant", "<|channel|>final<|message|>", HELLO, "<|return|>"),
        HELLO,
    ),
    "prompt fence": (joined("<excerpts 0123456789abcdef>\n", HELLO, "\n</excerpts 0123456789abcdef>"), HELLO + "\n"),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "answer"), ANSWERS.values(), ids=ANSWERS.keys())
def test_streams_that_are_complete_answers(parts, reply, answer):
    """No character is lost, none is added, and nothing is reported as degraded."""
    with RawModel(reply) as server:
        got = received(parts, server)
    assert got.events == [("token", answer), ("result", None)]
    assert (got.end["response"], got.end["finish_reason"], got.end["model"]) == (answer, "stop", "m")
    assert got.end["degraded"] == [WITHOUT_DOCUMENTS]
    assert got.end["conversation_history"][-1]["content"] == answer


PARTLY: dict[str, tuple[Reply, str, str]] = {
    "length": (Reply((*ANSWER, event(chunk({}, "length")), DONE)), HELLO, notes.LENGTH),
    "[DONE] without a finish reason": (Reply((*ANSWER, DONE)), HELLO, notes.UNCONFIRMED),
    "clean end without a finish reason": (Reply(ANSWER), HELLO, notes.UNCONFIRMED),
    "closed without a finish reason": (Reply(ANSWER, chunked=False), HELLO, notes.UNCONFIRMED),
    "plain JSON without a finish reason": (
        Reply((json.dumps({"choices": [{"message": {"content": HELLO}}]}).encode(),)),
        HELLO,
        notes.UNCONFIRMED,
    ),
    "tool call after text": (
        Reply((*ANSWER, event(chunk({"tool_calls": [{"index": 0}]})), event(chunk({}, "tool_calls")), DONE)),
        HELLO,
        notes.CALLED,
    ),
    "finish reason content_filter": (Reply((*ANSWER, event(chunk({}, "content_filter")), DONE)), HELLO, notes.FILTERED),
    "content_filter beside the last text": (Reply((text(FIRST), text(SECOND, "content_filter"), DONE)), HELLO, notes.FILTERED),
    "content_filter, then cut": (Reply((*ANSWER, event(chunk({}, "content_filter"))), ending=RESET), HELLO, notes.FILTERED),
    "content_filter, then stop": (
        Reply((*ANSWER, event(chunk({}, "content_filter")), END, DONE)),
        HELLO,
        notes.FILTERED,
    ),
    "content_filter in plain JSON": (
        Reply((json.dumps({"choices": [{"message": {"content": HELLO}, "finish_reason": "content_filter"}]}).encode(),)),
        HELLO,
        notes.FILTERED,
    ),
    "refusal after text": (sse(*ANSWER, event(chunk({"refusal": "I cannot go on."}))), HELLO, notes.REFUSED),
    "white space without end": (joined(HELLO, *["\n" * 50] * 40), "", notes.BLANK),
}


@pytest.mark.parametrize(("reply", "answer", "note"), PARTLY.values(), ids=PARTLY.keys())
def test_answers_whose_end_is_doubtful_say_so(parts, reply, answer, note):
    """The answer is kept, the model has its credit, and the note says what is doubtful."""
    with RawModel(reply) as server:
        got = received(parts, server)
    assert [name for name, _ in got.events] == ["token", "result"]
    assert got.end["response"] == got.events[0][1]
    assert got.end["response"] == answer if answer else got.end["response"].startswith(HELLO)
    assert got.end["model"] == "m"
    assert got.end["degraded"] == [WITHOUT_DOCUMENTS, note]


EMPTY: dict[str, tuple[Reply, str, bool]] = {
    "nothing": (Reply((END, DONE)), "gave no answer", False),
    "white space": (joined(" ", "\n"), "gave no answer", False),
    "refusal": (sse(event(chunk({"refusal": "I cannot help."}))), "declined to answer", False),
    "refusal part": (sse(event(chunk({"content": None, "refusal": "No."}))), "declined to answer", False),
    "tool call": (Reply((event(chunk({"tool_calls": [{"index": 0}]}, "tool_calls")), DONE)), "asked for a tool instead", False),
    "tool call that ends with stop": (sse(event(chunk({"tool_calls": [{"index": 0}]}))), "asked for a tool instead", False),
    "function call": (Reply((event(chunk({"function_call": {"name": "f"}}, "function_call")), DONE)), "asked for a tool", False),
    "length while reasoning": (
        Reply((event(chunk({"reasoning": "a"})), event(chunk({}, "length")), DONE)),
        "reached its length limit before",
        False,
    ),
    "content_filter at once": (
        Reply((event(chunk({}, "content_filter")), DONE)),
        "content filter of the language model's",
        False,
    ),
    "content_filter while reasoning": (
        Reply((event(chunk({"reasoning": "a"})), event(chunk({}, "content_filter")), DONE)),
        "let no answer through",
        False,
    ),
    "content_filter after a refusal": (
        Reply((event(chunk({"refusal": "No."})), event(chunk({}, "content_filter")), DONE)),
        "let no answer through",
        False,
    ),
    "content_filter in plain JSON": (
        Reply((json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}).encode(),)),
        "let no answer through",
        False,
    ),
    "length within <think>": (Reply((text("<think>so"), event(chunk({}, "length")), DONE)), "reached its length limit", False),
    "plain JSON without content": (
        Reply((json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}).encode(),)),
        "gave no answer",
        False,
    ),
    "only a marker": (joined("[", "1", "]"), "nothing but numbers of sources", False),
    "only markers": (joined("[1][2], ", "[3]."), "nothing but numbers of sources", False),
    "only template tokens": (joined("<|im_start|>", "assistant\n", "<|im_end|>"), "gave no answer", False),
    "repetition": (joined("It is so. ", *["The revenue was 5. "] * 200), "repeated itself without end", True),
    "repetition with numbers": (
        joined(*[f"{n}. The revenue of the company was strong.\n" for n in range(200)]),
        "repeated itself without end",
        True,
    ),
}


@pytest.mark.parametrize(("reply", "reason", "shown"), EMPTY.values(), ids=EMPTY.keys())
def test_what_is_no_answer_is_replaced(parts, reply, reason, shown):
    """What was shown is taken back, the reason is said, and the model has no credit for what replaces it."""
    with RawModel(reply) as server:
        got = received(parts, server)
    taken_back = [("token", got.events[0][1]), ("reset", None)] if shown else []
    assert got.events == [*taken_back, ("token", REPLACED), ("result", None)]
    assert (got.end["response"], got.end["model"], got.end["finish_reason"]) == (REPLACED, "", "stop")
    first, note = got.end["degraded"]
    assert first == WITHOUT_DOCUMENTS
    assert reason in note


def test_the_pages_replace_what_is_no_answer(parts):
    """With documents, the page's words are shown, and the note says so."""
    filtered = Reply((event(chunk({}, "content_filter")), DONE))
    for reply, reason in ((joined("[1]"), "numbers of sources"), (filtered, "let no answer through")):
        with RawModel(reply) as server:
            got = received(parts, server, query="What is a bowl in the shop?", auto_load_documents=True)
        assert "12.50" in got.end["response"]
        assert got.end["degraded"][-1].endswith(f"{reason}; what the pages say is shown instead.")
        assert (got.end["model"], got.end["basis"]) == ("", "quoted")


FAILURES: dict[str, tuple[Reply, str, str]] = {
    "finish reason error": (Reply((*ANSWER, event(chunk({}, "error")), DONE)), "llm_incomplete", HELLO),
    "finish reason abort": (Reply((*ANSWER, event(chunk({}, "abort")), DONE)), "llm_incomplete", HELLO),
    "finish reason network_error": (Reply((*ANSWER, event(chunk({}, "network_error")), DONE)), "llm_incomplete", HELLO),
    "unknown finish reason": (Reply((*ANSWER, event(chunk({}, "tired")), DONE)), "llm_incomplete", HELLO),
    "finish reason of another type": (Reply((*ANSWER, event(chunk({}, {"type": "stop"})), DONE)), "llm_incomplete", HELLO),
    "error whose code is content_filter": (
        Reply((*ANSWER, event({"error": {"code": "content_filter", "message": "no"}}))),
        "content_filtered",
        HELLO,
    ),
    "error that a filter has looked at": (
        Reply((*ANSWER, event({"error": {"code": "died", "content_filter_results": {}}}))),
        "llm_incomplete",
        HELLO,
    ),
    "error in the chunk": (Reply((*ANSWER, event({"error": {"message": "died", "code": 500}}))), "llm_incomplete", HELLO),
    "error as a string": (Reply((*ANSWER, event({"error": "died"}), END, DONE)), "llm_incomplete", HELLO),
    "error in the choice": (
        Reply((*ANSWER, event({"choices": [{"delta": {"content": ""}, "finish_reason": "stop", "error": {"code": 502}}]}), DONE)),
        "llm_incomplete",
        HELLO,
    ),
    "error beside the last text": (Reply((text(FIRST), text(SECOND, "error", error={"code": 502}))), "llm_incomplete", HELLO),
    "event named error": (Reply((*ANSWER, b'event: error\ndata: {"message": "died"}\n\n', DONE)), "llm_incomplete", HELLO),
    "error object of vLLM": (Reply((*ANSWER, event({"object": "error", "message": "died"}), DONE)), "llm_incomplete", HELLO),
    "error without a name": (Reply((*ANSWER, event({"code": "Throttled", "message": "wait"}))), "llm_incomplete", HELLO),
    "prompt too long, said in the stream": (
        Reply((event({"error": {"message": "maximum context length is 8"}}),)),
        "llm_context_exceeded",
        "",
    ),
    "not JSON": (Reply((*ANSWER, b"data: {what\n\n", END)), "llm_incomplete", HELLO),
    "choices of another type": (Reply((*ANSWER, event({"choices": "none"}), END)), "llm_incomplete", HELLO),
    "content of another type": (Reply((text(FIRST), text(5), END)), "llm_incomplete", FIRST),
    "cut without a finish reason": (Reply(ANSWER, ending=CLOSE), "llm_incomplete", HELLO),
    "broken without a finish reason": (Reply(ANSWER, ending=RESET), "llm_incomplete", HELLO),
    "nothing at all": (Reply(()), "llm_incomplete", ""),
    "[DONE] alone": (Reply((DONE,)), "llm_incomplete", ""),
    "a page of HTML": (Reply((b"<!doctype html>\n<title>Sign in</title>\n",), content_type="text/html"), "llm_unavailable", ""),
    "plain JSON error": (Reply((b'{"error": {"message": "no such engine"}}',)), "llm_incomplete", ""),
    "plain JSON that is cut": (Reply((json.dumps(BODY).encode()[:-9],)), "llm_incomplete", ""),
    "deep nesting": (Reply((event(b'{"error":' + b"[" * 90_000),)), "llm_incomplete", ""),
}


@pytest.mark.parametrize(("reply", "code", "partial"), FAILURES.values(), ids=FAILURES.keys())
def test_streams_that_fail_keep_what_was_said(parts, reply, code, partial):
    """The run ends with one error event that carries the partial answer; nothing of it looks like a success."""
    with RawModel(reply) as server:
        got = received(parts, server)
    assert got.events == [*([("token", partial)] if partial else []), ("error", None)]
    assert (got.end["code"], got.end["partial_response"]) == (code, partial)


def test_reasoning_is_reported_with_its_tokens_and_is_no_part_of_the_answer(parts):
    """Each chunk of reasoning counts, whatever field or tag it comes in."""
    thoughts = [event(chunk({"reasoning_content": "a"}))] * 40
    with RawModel(sse(*thoughts, *ANSWER), joined("<think>", *["a "] * 30, "</think>", HELLO)) as server:
        model = connected(server)
        got = received(parts, server, model)
        tagged = received(parts, server, model)
    assert (got.reasoning_tokens, tagged.reasoning_tokens) == (40, 31)
    assert got.end["response"] == tagged.end["response"] == HELLO


def test_reasoning_without_its_opening_tag_is_taken_back_and_then_kept_back(parts):
    """The first time it was shown already and is voided; the next answers of the model wait for the closing tag."""
    reply = dataclasses.replace(joined("So, hm.", "</th", "ink>\n\n", FIRST, SECOND), held=1)
    with RawModel(reply, dataclasses.replace(reply, held=-1)) as server:
        model = connected(server)
        first = received(parts, server, model)
        second = received(parts, server, model)
    assert first.events == [("token", "So, hm."), ("reset", None), ("token", HELLO), ("result", None)]
    assert second.events == [("token", HELLO), ("result", None)]
    assert first.end["response"] == second.end["response"] == HELLO
    assert second.reasoning_tokens == 2


def test_a_model_that_stops_reasoning_is_shown_at_once_again(parts):
    """An answer without a closing tag is given out at its end, and the one after it word by word."""
    with RawModel(joined("So.</think>", HELLO), joined(HELLO), sse(*ANSWER)) as server:
        model = connected(server)
        for _ in range(3):
            assert received(parts, server, model).end["response"] == HELLO
        assert not model._thinks_untagged


def test_a_repetition_closes_the_models_stream(parts):
    """The server sees its client leave although it would go on for a minute."""
    with RawModel(Reply(tuple(text("The revenue was 5. ") for _ in range(200)), ending=HANG)) as server:
        got = received(parts, server)
        assert server.left.wait(30)
    assert got.end["response"] == REPLACED


def refusal(message: str, status: int = 400, **more: Any) -> Reply:
    """Return the reply of a server that refuses a request."""
    return Reply((json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}}).encode(),), status=status,
                 content_type="application/json")  # fmt: skip


REFUSED = {
    "stream_options": (refusal("Unrecognized request argument supplied: stream_options"), {"stream_options"}),
    "stream_options, 422 of pydantic": (
        Reply((b'{"detail":[{"loc":["body","stream_options"],"msg":"extra fields not permitted"}]}',), status=422),
        {"stream_options"},
    ),
    "temperature, by param": (refusal("Unsupported value", param="temperature"), {"temperature"}),
    "max_tokens": (refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), {"max_tokens"}),
}


@pytest.mark.parametrize(("reply", "left_out"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_parameter_is_left_out_once_and_for_all(parts, reply, left_out):
    """The request is repeated once without it, and later requests do not send it."""
    with RawModel(reply, sse(*ANSWER)) as server:
        model = connected(server)
        for _ in range(2):
            assert received(parts, server, model).end["response"] == HELLO
    sent = [set(body) for body in server.seen.bodies]
    assert len(sent) == 3
    assert left_out <= sent[0]
    assert not left_out & (sent[1] | sent[2])


def test_a_server_without_any_limit_parameter_is_asked_without(parts):
    """Where max_completion_tokens is refused as well, neither is sent."""
    replies = refusal("unknown field max_tokens"), refusal("unknown field max_completion_tokens", status=422)
    with RawModel(*replies, sse(*ANSWER)) as server:
        assert received(parts, server).end["response"] == HELLO
    assert not {"max_tokens", "max_completion_tokens"} & set(server.seen.bodies[-1])


def test_a_refusal_that_stays_is_not_remembered_and_is_logged(parts, caplog):
    """A body that names every parameter costs a request each; the next question sends them again. No key is in the log."""
    words = f"bad request with stream_options, temperature, max_tokens and sk-secret-key {'x' * 5000}"
    with RawModel(refusal(words)) as server, caplog.at_level(logging.WARNING):
        model = connected(server)
        assert received(parts, server, model).end["code"] == "llm_unavailable"
        assert len(server.seen.bodies) == 4
        received(parts, server, model)
    assert {"stream_options", "temperature", "max_tokens"} <= set(server.seen.bodies[4])
    logged = [record.getMessage() for record in caplog.records if "refused a request" in record.getMessage()]
    assert len(logged) == 8
    assert all("bad request with stream_options" in line and len(line) < 2500 for line in logged)
    assert not any("secret-key" in line for line in logged)


def test_usage_survives_fields_that_are_not_numbers(parts):
    """What is a count is taken, what is none is 0."""
    usage = {"prompt_tokens": 7, "completion_tokens": "x", "total_tokens": None, "prompt_tokens_details": 3}
    with RawModel(sse(*ANSWER, event({"choices": [], "usage": usage}))) as server:
        got = received(parts, server)
    assert got.end["usage"] == {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 0}


def test_an_endless_refusal_is_not_read_to_its_end(parts):
    """The body of an error is read up to a bound, and the server sees its client leave."""
    with RawModel(Reply((b"x" * 200_000,), status=400, ending=HANG)) as server:
        got = received(parts, server)
        assert server.left.wait(30)
    assert got.end["code"] == "llm_unavailable"


def test_a_silent_server_is_left_after_the_finish_reason_under_gevent_too():
    """The read timeout of five minutes does not count any more."""
    program = textwrap.dedent(
        """
        from gevent import monkey; monkey.patch_all()
        import gevent
        from jacie_flask.interfaces import Prompt
        from jacie_flask.models.openai_model import OpenAIModel
        from tests.models.test_unusual_streams import ANSWER, END, HANG, RawModel, Reply
        with RawModel(Reply((*ANSWER, END), ending=HANG)) as server:
            model = OpenAIModel(base_url=server.url, api_key="k", model="m", read_timeout_s=300)
            with gevent.Timeout(30):
                deltas = list(model.stream(Prompt(messages=[], max_tokens=9)))
        print("".join(delta.text for delta in deltas), deltas[-1].finish_reason)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"{HELLO} stop\n", done.stderr


def test_a_silent_server_is_left_through_the_sdks_own_transport_too():
    """Where a proxy stands before the server, httpx2 reads: its connection is shut down."""
    with RawModel(Reply((*ANSWER, END), ending=HANG)) as server, httpx2.Client(timeout=300) as client:
        request = client.build_request("POST", f"{server.url}/chat/completions", json={})
        body = http_transport.payload(client.send(request, stream=True))
        deltas = list(ChatStream(body.pieces, body.bound).deltas())
        body.close()
        assert server.left.wait(30)
    assert ("".join(delta.text for delta in deltas), deltas[-1].finish_reason) == (HELLO, "stop")
