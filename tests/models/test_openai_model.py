"""OpenAIModel through the real SDK against a real server: normal streams, every fault, cancelling and retries."""

import json
import math
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.errors import (
    ContentFiltered,
    JacieError,
    LLMContextExceeded,
    LLMIncomplete,
    LLMTimeout,
    LLMUnavailable,
)
from jacie_flask.interfaces import Delta, Prompt
from jacie_flask.models.openai_model import OpenAIModel, read_deltas
from jacie_flask.retries import Budget, Patience
from jacie_flask.upstreams import Upstream
from tests.support.openai_server import OpenAIServer, Script
from tests.support.ports import free_port
from tests.support.waiting import wait_for

PROMPT = Prompt(messages=[{"role": "user", "content": "Say something."}], max_tokens=50)
ANSWER = "Net sales were 32,765 million dollars in the year 2018."
WORDS = len(ANSWER.split())


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """Serve the test's script."""
    with OpenAIServer(Script(answer=ANSWER)) as running:
        yield running


def model_of(server: OpenAIServer, **changes: object) -> OpenAIModel:
    """Connect with more patience than the server needs, and short pauses."""
    upstream = Upstream("model", LLMUnavailable, Patience(backoff_s=0.01, longest_s=math.inf, leaves=0))
    settings = {"read_timeout_s": 10, "upstream": upstream, **changes}
    return OpenAIModel(base_url=server.url, api_key="secret-key", model="test-model", **settings)  # type: ignore[arg-type]


def test_a_stream_carries_the_text_the_finish_reason_and_the_usage(server: OpenAIServer) -> None:
    """All deltas joined are the answer, and the last one closes it with the server's own counts."""
    deltas = list(model_of(server).stream(PROMPT))
    assert "".join(delta.text for delta in deltas) == ANSWER
    assert [delta.finish_reason for delta in deltas] == [None] * (len(deltas) - 1) + ["stop"]
    assert sum(delta.tokens for delta in deltas) == WORDS
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (2, WORDS, WORDS + 2)


def test_the_request_holds_what_the_prompt_says(server: OpenAIServer) -> None:
    """Model, messages, limit, temperature and key reach the server as they were given."""
    list(model_of(server).stream(Prompt(messages=[{"role": "user", "content": "Hi"}], max_tokens=7, temperature=0.5)))
    request = server.chats[0]
    assert request.headers["authorization"] == "Bearer secret-key"
    assert request.headers["accept-encoding"] == "identity"
    assert request.json == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
        "temperature": 0.5,
    }


def test_frames_of_one_read_become_one_delta(server: OpenAIServer) -> None:
    """A server that packs four tokens into a packet costs one delta for the four."""
    server.script = Script(answer="a b c d e f g h", tokens_per_write=4, finish_reason="length")
    deltas = list(model_of(server).stream(PROMPT))
    assert len(deltas) <= 4
    assert sum(delta.tokens for delta in deltas) == 8
    assert deltas[-1].finish_reason == "length"


def test_a_finished_stream_gives_its_connection_back(server: OpenAIServer) -> None:
    """Two answers read to their ends share one TCP connection."""
    model = model_of(server)
    for _ in range(2):
        list(model.stream(PROMPT))
    wait_for(lambda: [request.finished_at is not None for request in server.chats] == [True, True])
    assert len({request.connection for request in server.chats}) == 1


def test_empty_choices_are_skipped(server: OpenAIServer) -> None:
    """A chunk without choices, as Azure sends, changes nothing."""
    server.script = Script(answer=ANSWER, fault="empty_choices")
    assert "".join(delta.text for delta in model_of(server).stream(PROMPT)) == ANSWER


FAULTS: list[tuple[str, Script, type[JacieError], int]] = [
    ("unauthorized", Script(status=401, error_code="invalid_api_key"), LLMUnavailable, 1),
    ("forbidden", Script(status=403), LLMUnavailable, 1),
    ("unknown model", Script(status=404, error_code="model_not_found"), LLMUnavailable, 1),
    ("rate limited", Script(status=429), LLMUnavailable, 3),
    ("out of quota", Script(status=429, error_code="insufficient_quota"), LLMUnavailable, 1),
    ("broken", Script(status=500), LLMUnavailable, 3),
    ("overloaded", Script(status=503), LLMUnavailable, 3),
    ("too long by code", Script(status=400, error_code="context_length_exceeded"), LLMContextExceeded, 1),
    ("too long by words", Script(status=400, message="exceeds the available context size"), LLMContextExceeded, 1),
    ("too long, max_tokens named", Script(status=400, message="maximum context length; lower max_tokens"), LLMContextExceeded, 1),
    ("prompt filtered", Script(status=400, error_code="content_filter"), ContentFiltered, 1),
    ("prompt filtered, 422", Script(status=422, error_code="content_filter"), ContentFiltered, 1),
    (
        "prompt filtered, max_tokens named",
        Script(status=400, error_code="content_filter", message="max_tokens"),
        ContentFiltered,
        1,
    ),
    ("bad request", Script(status=400, message="no"), LLMUnavailable, 1),
    ("silent", Script(fault="hang_headers"), LLMTimeout, 1),
    ("slow to start", Script(first_token_s=5), LLMTimeout, 1),
    ("stalled", Script(answer=ANSWER, fault="hang"), LLMTimeout, 1),
    ("reset", Script(answer=ANSWER, fault="rst"), LLMIncomplete, 1),
    ("cut", Script(answer=ANSWER, fault="fin"), LLMIncomplete, 1),
    ("not JSON", Script(answer=ANSWER, fault="bad_json"), LLMIncomplete, 1),
    ("error frame", Script(answer=ANSWER, fault="error_frame"), LLMIncomplete, 1),
]


@pytest.mark.parametrize(("script", "expected", "requests"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_every_fault_has_its_error(server: OpenAIServer, script: Script, expected: type[JacieError], requests: int) -> None:
    """What was said before the fault is delivered, the error is ours, it has a cause, and no key is in its text."""
    server.script = script
    heard = []
    patience = 0.3 if expected is LLMTimeout else 60
    with pytest.raises(JacieError) as caught:
        heard += [delta.text for delta in model_of(server, read_timeout_s=patience).stream(PROMPT)]
    assert type(caught.value) is expected
    assert "secret-key" not in str(caught.value)
    assert len(server.chats) == requests


@pytest.mark.parametrize("fault", ["hang", "rst", "fin", "bad_json", "error_frame"])
def test_what_was_said_before_a_fault_is_delivered(server: OpenAIServer, fault: str) -> None:
    """Tokens that arrived before the stream broke are not lost."""
    server.script = Script(answer=ANSWER, fault=fault, fault_after=3, token_s=0.01)
    heard: list[str] = []
    with pytest.raises(JacieError):
        heard.extend(delta.text for delta in model_of(server, read_timeout_s=5 if fault == "hang" else 60).stream(PROMPT))
    assert "".join(heard) == " ".join(ANSWER.split()[:3])


def test_an_answer_that_the_filter_ends_is_delivered(server: OpenAIServer) -> None:
    """``content_filter`` is a finish reason like ``length``: what was said before stays, and nothing is raised."""
    server.script = Script(answer=ANSWER, fault="content_filter", fault_after=3)
    deltas = list(model_of(server).stream(PROMPT))
    assert "".join(delta.text for delta in deltas) == " ".join(ANSWER.split()[:3])
    assert (deltas[-1].finish_reason, deltas[-1].confirmed) == ("content_filter", True)


def test_nobody_listening_is_unavailable() -> None:
    """A refused connection is llm_unavailable and not ready."""
    model = OpenAIModel(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="", model="m")
    with pytest.raises(LLMUnavailable):
        list(model.stream(PROMPT))
    assert not model.ready()


def test_a_retry_can_succeed(server: OpenAIServer) -> None:
    """Two failures before the first byte cost a moment, not the answer."""
    server.script = [Script(status=503), Script(status=429, retry_after="0.01"), Script(answer=ANSWER)]
    assert "".join(delta.text for delta in model_of(server).stream(PROMPT)) == ANSWER


def test_a_long_retry_after_is_passed_on_at_once(server: OpenAIServer) -> None:
    """A wait beyond the deadline is the asker's decision: no sleep, the seconds in the error."""
    server.script = Script(status=429, retry_after="3600")
    with pytest.raises(LLMUnavailable) as caught:
        list(model_of(server).stream(PROMPT, Budget(6, deadline_s=1800)))
    assert caught.value.retry_after_s == 3600
    assert len(server.chats) == 1


def test_a_server_without_stream_options_is_asked_again_without(server: OpenAIServer) -> None:
    """The refused parameter is left out, and stays out for the next question."""
    server.script = Script(answer=ANSWER, lacks_stream_options=True)
    model = model_of(server)
    for _ in range(2):
        deltas = list(model.stream(PROMPT))
        assert "".join(delta.text for delta in deltas) == ANSWER
        assert deltas[-1] == Delta(finish_reason="stop")
    assert ["stream_options" in request.json for request in server.chats] == [True, False, False]


def test_a_model_that_wants_other_parameters_gets_them(server: OpenAIServer) -> None:
    """Reasoning models refuse max_tokens and temperature by name and are asked as they like."""
    server.script = [
        Script(status=400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        Script(status=400, message="Unsupported value: 'temperature' does not support 0.0 with this model."),
        Script(answer=ANSWER),
    ]
    assert "".join(delta.text for delta in model_of(server).stream(PROMPT)) == ANSWER
    body = server.chats[-1].json
    assert body["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature"} & set(body)


def test_closing_the_iterator_closes_the_upstream(server: OpenAIServer) -> None:
    """The first word is there an hour before the second; the server sees its client leave when no more is wanted."""
    server.script = Script(answer=ANSWER, token_s=3600)
    stream = model_of(server, read_timeout_s=7200).stream(PROMPT)
    assert next(stream).text
    stream.close()  # type: ignore[attr-defined]
    assert server.chats[0].client_closed.wait(60)


def test_many_streams_at_once_share_one_model(server: OpenAIServer) -> None:
    """Forty answers in parallel take about as long as one."""
    server.script = Script(answer=ANSWER, first_token_s=0.1)
    model = model_of(server, read_timeout_s=60)
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append("".join(delta.text for delta in model.stream(PROMPT)))) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [ANSWER] * 40


@pytest.mark.parametrize(("script", "ready"), [(Script(), True), (Script(status=404), True), (Script(status=503), False)])
def test_ready_asks_the_server(server: OpenAIServer, script: Script, ready: bool) -> None:
    """A server that answers is ready, with or without a list of models; one that refuses is not."""
    server.script = script
    assert model_of(server).ready() is ready


def test_a_silent_server_is_not_ready(server: OpenAIServer) -> None:
    """A server that never answers is waited for no longer than the look may take."""
    server.script = Script(fault="hang_headers")
    assert not model_of(server).ready()


def test_warming_needs_no_server() -> None:
    """A worker warms its client before the network is there."""
    model = OpenAIModel(base_url="http://127.0.0.1:9/v1", api_key="k", model="m")
    model.warm()
    assert not model.ready()


CHUNK = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_frames_survive_any_split(size: int, newline: bytes) -> None:
    """Wherever the network cuts, comments and event lines around them or not, the text is the same."""
    body = b": hello\n\n" + CHUNK % "früh ".encode() + b"event: message\n" + CHUNK % b"late" + END + b"data: [DONE]\n\n"
    body = body.replace(b"\n", newline)
    deltas = list(read_deltas(body[at : at + size] for at in range(0, len(body), size)))
    assert "".join(delta.text for delta in deltas) == "früh late"
    assert deltas[-1].finish_reason == "stop"


def test_a_last_frame_without_newline_counts() -> None:
    """Some servers end without [DONE] and without a blank line."""
    deltas = list(read_deltas(iter([CHUNK % b"a" + END.strip()])))
    assert [delta.text for delta in deltas] == ["a", ""]
    assert deltas[-1].finish_reason == "stop"


def test_an_endless_line_is_given_up() -> None:
    """A stream that never ends its line cannot fill the memory."""
    with pytest.raises(LLMIncomplete):
        list(read_deltas(b"x" * 100_000 for _ in range(1000)))


TRICKY = st.text() | st.sampled_from(["\ndata: ", "data: [DONE]\n", "\r\n", "{", "]}", "\\", "\u2028", "\x00"])


@given(st.lists(TRICKY), st.booleans(), st.sampled_from(["", ": ping\n\n", "event: message\n", "id: 1\n"]))
def test_any_text_survives_being_decoded_in_one_pass(texts: list[str], ascii_only: bool, between: str) -> None:
    """A block of many frames is one delta with every frame's text, whatever the text looks like and stands between them."""
    frames = [json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}, ensure_ascii=ascii_only) for text in texts]
    block = "".join(f"{between}data: {frame}\n\n" for frame in frames).encode(errors="replace") + END + b"data: [DONE]\n\n"
    deltas = list(read_deltas(iter([block])))
    assert "".join(delta.text for delta in deltas) == "".join(texts)
    assert len(deltas) <= 3, "what may begin a tag comes at the end"
    assert sum(map(bool, texts)) - sum(delta.tokens for delta in deltas) in (0, 1)


@pytest.mark.parametrize(
    "bad",
    [
        b'data: {"choices":[]}{"choices":[]}\n\n',
        b'data: {"choices":\ndata: what]}\n\n',
        b'data: {"choices":[1]}\n\n',
        b"data: [\n\n",
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
    ],
)
def test_text_before_a_bad_frame_of_the_same_read_is_delivered(bad: bytes) -> None:
    """And nothing of what comes after it."""
    heard: list[str] = []
    with pytest.raises(LLMIncomplete):
        heard.extend(delta.text for delta in read_deltas(iter([CHUNK % b"a" + bad + CHUNK % b"b" + END])))
    assert heard == ["a"]


def test_killing_the_greenlet_closes_the_upstream() -> None:
    """Under gevent a kill reaches the stream before the first byte and between tokens, and the server sees it at once."""
    program = textwrap.dedent(
        """
        from gevent import monkey; monkey.patch_all()
        import gevent
        from jacie_flask.interfaces import Prompt
        from jacie_flask.models.openai_model import OpenAIModel
        from tests.support.openai_server import OpenAIServer, Script
        for script in (Script(fault="hang_headers"), Script(answer="a b c d e f g h", token_s=3600)):
            with OpenAIServer(script) as server:
                model = OpenAIModel(base_url=server.url, api_key="k", model="m")
                task = gevent.spawn(lambda: list(model.stream(Prompt(messages=[], max_tokens=9))))
                with gevent.Timeout(60):
                    while not server.chats:
                        gevent.sleep(0.01)
                gevent.sleep(0.3)
                task.kill()
                assert server.chats[0].client_closed.wait(30), script
        print("closed")
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "closed\n", done.stderr
