"""The streaming client over real sockets: whatever breaks, the same events once and in order, or an honest error."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from jacie_flask.client import (
    BadResponseError,
    Client,
    DisconnectedError,
    Patience,
    Reconnecting,
    RefusedError,
    RunFailedError,
    StreamLostError,
    UnreachableError,
)
from jacie_flask.client.__main__ import main
from jacie_flask.client.views import time_left
from tests.support.event_server import (
    Comment,
    Cut,
    EventServer,
    Frame,
    Gateway,
    Hangup,
    Pause,
    Refuse,
    Script,
    conversation,
    failure,
    source,
)
from tests.support.ports import free_port
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
TOKENS = ["Umsatz ", "stieg auf ", "3,2 Mrd. € ", "😀 ", "[1]."]
TEXT = "".join(TOKENS)
ACTS = conversation(TOKENS, sources=[source(1), source(2)], citations=[
    {"n": 1, "quote": "Revenue rose", "page": 4, "document_id": "doc-1", "verified": True},
])  # fmt: skip
IDS = [act.id for act in ACTS if isinstance(act, Frame)]


@pytest.fixture
def server():
    """Serve scripts on a real socket."""
    with EventServer() as running:
        running.play(Script(ACTS))
        yield running


@pytest.fixture
def slept():
    """Collect how long the client would have slept."""
    return []


@pytest.fixture
def client(server, slept):
    """Connect to the server without ever sleeping."""
    with Client(server.url, timeout=30, patience=Patience(attempts=4, sleep=slept.append, random=lambda: 0.5)) as connected:
        yield connected


def test_yields_every_event_in_order(client):
    """An unbroken stream yields the whole log, and the last event is the result."""
    stream = client.stream("What?")
    events = list(stream)
    assert [event.id for event in events] == IDS
    assert events[-1].terminal
    assert events[-1].data["response"] == TEXT
    assert stream.run_id == "run-1"


def test_sends_the_question_and_its_options(client, server):
    """The body carries the options that were given, and only those."""
    client.ask("What?", fast=True, filters={"period": "2023"}, document_ids=None)
    [asked] = server.asked
    assert asked.path == "/fast_chat/stream"
    assert asked.body == {"query": "What?", "filters": {"period": "2023"}}
    assert asked.headers["idempotency-key"]


def test_sends_the_key_it_was_given(server):
    """An API key goes out as a bearer token."""
    with Client(server.url, api_key="secret") as client:
        client.ask("What?")
    assert server.asked[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("how", ["end", "fin", "rst", "torn"])
def test_resumes_after_a_cut_anywhere(client, server, how):
    """Cut after any number of frames and in any way: every event arrives exactly once."""
    for after in range(len(IDS)):
        server.play(Script(ACTS, connections=[Cut(after, how)]))
        assert [event.id for event in client.stream("What?")] == IDS, f"cut after {after} frames"


def test_resumes_from_the_last_whole_frame(client, server):
    """The resume names the id of the last frame that arrived, on the run's own path."""
    server.play(Script(ACTS, connections=[Cut(7, "torn")]))
    list(client.stream("What?"))
    assert server.asked[1].method == "GET"
    assert server.asked[1].path == "/runs/run-1/events"
    assert server.asked[1].headers["last-event-id"] == IDS[6]


def test_survives_many_cuts_in_a_row(client, server):
    """A connection that only ever lets one frame through still ends with the whole text."""
    server.play(Script(ACTS, connections=[Cut(1, "fin")] * (len(IDS) - 1), bytes_per_write=1))
    assert [event.id for event in client.stream("What?")] == IDS


def test_drops_what_a_server_repeats(client, server):
    """Frames that were seen already are not handed on twice."""
    repeated = [act for act in ACTS for _ in range(2)]
    server.play(Script(repeated))
    assert [event.id for event in client.stream("What?")] == IDS


def test_retries_the_post_under_the_same_key(client, server):
    """A POST cut before its headers is repeated with its Idempotency-Key, and joins the first run."""
    server.play(Script(ACTS, connections=[Hangup()]))
    assert client.ask("What?")["response"] == TEXT
    first, second = server.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert len(server.runs) == 1


def test_backs_off_with_jitter(client, server, slept):
    """Waits double from the server's retry time, cut by up to a half at random."""
    server.play(Script(ACTS, connections=[Cut(3), Hangup(), Hangup()], retry_ms=100))
    list(client.stream("What?"))
    assert slept == pytest.approx([0.075, 0.15, 0.3])


def test_tells_who_asks_that_it_reconnects(client, server):
    """The callback hears the attempt, the wait and the reason before each new connection."""
    server.play(Script(ACTS, connections=[Cut(3, "end")]))
    notices: list[Reconnecting] = []
    list(client.stream("What?", on_reconnect=notices.append))
    assert [(notice.attempt, notice.reason) for notice in notices] == [(1, "the stream ended early")]


def test_gives_up_after_its_attempts(client, server):
    """A server that lets no frame through any more ends in an error, not in a loop."""
    server.play(Script(ACTS, connections=[Cut(3), *[Cut(0)] * 10]))
    with pytest.raises(DisconnectedError, match="4 attempts"):
        list(client.stream("What?"))


def test_heartbeats_count_as_a_good_connection(client, server):
    """A model that thinks for longer than a proxy allows costs no attempts while heartbeats come."""
    acts = [*ACTS[:3], *[Comment()] * 3, *ACTS[3:]]
    server.play(Script(acts, connections=[Cut(3, "fin")] + [Cut(0, "fin")] * 9))
    assert [event.id for event in client.stream("What?")] == IDS


def test_silence_is_a_cut(server, slept):
    """A connection without a sound for the timeout is left and resumed."""
    server.play(Script(ACTS, connections=[Cut(3, "silent")]))
    with Client(server.url, timeout=0.3, patience=Patience(sleep=slept.append)) as client:
        assert [event.id for event in client.stream("What?")] == IDS
    assert slept


def test_a_draining_server_is_left_for_the_next(client, server, slept):
    """A reconnect event ends the connection, not the run, and its wait is kept."""
    server.play(Script(ACTS, connections=[Cut(5, "drain")]))
    events = list(client.stream("What?"))
    assert [event.id for event in events if event.id] == IDS
    assert slept == [1.5]


def test_a_fleet_that_only_drains_is_given_up(client, server):
    """Reconnect events without a single new event of the run end in an error."""
    server.play(Script(ACTS, connections=[Cut(3), *[Cut(0, "drain")] * 10]))
    with pytest.raises(DisconnectedError):
        list(client.stream("What?"))


def test_a_reset_is_told(client, server):
    """The consumer sees the reset between the void tokens and the new ones."""
    void = [act for act in conversation(["Wrong "]) if isinstance(act, Frame) and act.event != "result"]
    server.play(Script([*void, Frame("2.0", "reset", {"attempt": 2}), *conversation(TOKENS, attempt=2)]))
    text = ""
    for event in client.stream("What?"):
        text = "" if event.name == "reset" else text + event.data.get("text", "") if event.name == "token" else text
    assert text == TEXT


def test_a_run_that_is_gone_is_told(client, server):
    """A resume that meets 404 says that the rest of the answer is lost."""
    server.play(Script(ACTS, connections=[Cut(3), Refuse(404, "not_found")]))
    with pytest.raises(StreamLostError, match="no longer knows"):
        list(client.stream("What?"))


def test_a_resume_outlives_a_restarting_server(client, server):
    """A 503 on resume is waited out."""
    server.play(Script(ACTS, connections=[Cut(3), Refuse(503, "overloaded"), Refuse(502, "bad_gateway")]))
    assert [event.id for event in client.stream("What?")] == IDS


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_lost_the_server_is_asked_again(client, server, status):
    """Before and after the run is known; the same key joins the run that the first question may have started."""
    server.play(Script(ACTS, connections=[Gateway(status), Cut(3), Gateway(status)]))
    assert [event.id for event in client.stream("What?", idempotency_key="one")] == IDS
    assert list(server.keys) == ["one"]
    assert len(server.runs) == 1


def test_a_proxy_that_stays_without_its_server_is_told(client, server):
    """After as many attempts as the client has."""
    server.play(Script(ACTS, connections=[Gateway(504)] * 20))
    with pytest.raises(DisconnectedError, match="the server answered 504"):
        list(client.stream("What?"))


def test_a_refusal_carries_what_the_server_said(client, server):
    """A problem document becomes an error with code, detail, fields, request id and Retry-After."""
    errors = ({"field": "query", "message": "must not be empty"},)
    server.play(Script(ACTS, connections=[Refuse(503, "overloaded", "Busy.", errors, (("Retry-After", "7"),))]))
    with pytest.raises(RefusedError, match=r"Busy\. \(query: must not be empty\)") as caught:
        list(client.stream("What?"))
    assert (caught.value.code, caught.value.status) == ("overloaded", 503)
    assert (caught.value.request_id, caught.value.retry_after) == ("request-refused", "7")


@pytest.mark.parametrize("connections", [[Refuse(200, "hello")], [Cut(3), Refuse(200, "hello")]])
def test_a_stranger_is_recognised(client, server, connections):
    """A success that is no event stream, first or on resume, is not taken for one and not asked again."""
    server.play(Script(ACTS, connections=connections))
    with pytest.raises(BadResponseError, match="not a Jacie server"):
        list(client.stream("What?"))
    assert len(server.asked) == len(connections)


def test_an_error_event_ends_the_stream(client, server):
    """A failed run yields its error event last; ask raises it with the partial answer."""
    server.play(
        Script(conversation(TOKENS[:2], terminal=failure("llm_timeout", "Too slow.", partial_response="Umsatz stieg auf ")))
    )
    assert [event.name for event in client.stream("What?")][-1] == "error"
    with pytest.raises(RunFailedError, match="Too slow") as caught:
        client.ask("What?")
    assert caught.value.code == "llm_timeout"
    assert caught.value.data["partial_response"] == "Umsatz stieg auf "


def test_no_server_is_told_at_once(slept):
    """A refused connection is not retried: the address is probably wrong."""
    with Client(f"http://127.0.0.1:{free_port()}", patience=Patience(sleep=slept.append)) as client:
        with pytest.raises(UnreachableError, match="Cannot reach"):
            client.ask("What?")
        with pytest.raises(UnreachableError):
            client.cancel("run-1")
    assert slept == []


def test_cancel_reaches_the_run(client, server):
    """Cancelling a stream posts to its run and ends it as cancelled, partial answer kept."""
    server.play(Script([*ACTS[:-3], Pause(20), *ACTS[-3:]]))
    stream = client.stream("What?")
    for event in stream:
        if event.name == "token" and event.data["text"] == TOKENS[-1]:
            stream.cancel()
    assert (event.data["code"], event.data["partial_response"]) == ("cancelled", TEXT)
    assert "/runs/run-1/cancel" in server.paths("POST")


def test_cancelling_an_unknown_run_is_refused(client):
    """The server's 404 for a run it does not know becomes an error."""
    with pytest.raises(RefusedError) as caught:
        client.cancel("nobody's")
    assert caught.value.status == 404


# The command


def start(server, *arguments, **options):
    """Start the command as a user would: in the foreground, where Ctrl-C is heard however these tests were started."""
    command = [sys.executable, "-m", "jacie_flask.client", "What?", "--url", server.url, *arguments]
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, cwd=ROOT, preexec_fn=heard, **options)


def run(server, *arguments):
    """Run the command with pipes; return its exit code, stdout and stderr."""
    process = start(server, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def on_terminal(server, *arguments):
    """Run the command on a pseudo terminal; return its exit code and everything it wrote."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = start(server, *arguments, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    written = b""
    while select.select([master], [], [], 60)[0]:
        try:
            written += os.read(master, 65536)
        except OSError:  # EIO: how Linux says that the other side closed
            break
    os.close(master)
    return process.wait(60), written.decode()


def test_piped_output_is_plain_text(server):
    """On a pipe: the answer and its sources on stdout, steps on stderr, no control characters."""
    acts = conversation(
        ["\x1b[31mred\x07 ", "[1]"], sources=[source(1, company="Evil\x1b]0;x\x07")], degraded=["No vectors yet."]
    )
    server.play(Script(acts))
    code, out, err = run(server)
    assert code == 0
    assert out.splitlines() == [
        "[31mred [1]",
        "Note: No vectors yet.",
        "",
        "Sources:",
        f"[1] Evil]0;x, 2023, annual_report, nordfjord_2023_annual_report.pdf, page 4: {server.url}/documents/doc-1#page=4",
    ]
    assert err.splitlines()[:2] == ["Starting chat processing...", "Selecting relevant documents..."]


def test_piped_output_holds_only_the_last_attempt(server):
    """Tokens that a reset made void never reach a pipe, and stderr says what happened."""
    void = [act for act in conversation(["Wrong "]) if isinstance(act, Frame) and act.event != "result"]
    acts = [*void, Frame("2.0", "reset", {"attempt": 2}), *conversation(TOKENS, attempt=2)]
    server.play(Script(acts, connections=[Cut(3)]))
    code, out, err = run(server)
    assert (code, out) == (0, TEXT + "\n")
    assert "Connection lost. Reconnecting" in err
    assert "The answer starts again." in err


def test_quiet_writes_the_answer_alone(server):
    """--quiet leaves stderr empty."""
    assert run(server, "--quiet")[2] == ""


def test_json_writes_one_object(server):
    """--json writes the result's data, and marks are in it."""
    code, out, _ = run(server, "--json")
    assert code == 0
    assert json.loads(out)["response"] == TEXT


def test_options_become_the_request(server):
    """Every option of the command reaches the body."""
    code, _, _ = run(
        server, "--fast", "--company", "Nordfjord", "--period", "2023", "--document-type", "annual_report",
        "--document-id", "a", "--document-id", "b", "--no-documents",
    )  # fmt: skip
    assert code == 0
    assert server.asked[0].path == "/fast_chat/stream"
    assert server.asked[0].body == {
        "query": "What?",
        "filters": {"company": "Nordfjord", "period": "2023", "document_type": "annual_report"},
        "document_ids": ["a", "b"],
        "auto_load_documents": False,
    }


def test_a_failed_run_exits_1(server):
    """An error keeps the partial answer on stdout and names its code on stderr."""
    server.play(Script(conversation(["Half "], terminal=failure("llm_timeout", "Too slow.", partial_response="Half "))))
    code, out, err = run(server)
    assert (code, out) == (1, "Half\n")
    assert err.splitlines()[-1] == "llm_timeout: Too slow."


def test_a_refused_request_exits_1(server):
    """A problem document's code and detail go to stderr."""
    server.play(Script(ACTS, connections=[Refuse(400, "invalid_request", "Not valid.")]))
    assert run(server) == (1, "", "invalid_request: Not valid.\n")


@pytest.mark.parametrize("arguments", [[], ["  "], ["What?", "--url", "example"], ["What?", "--nonsense"]])
def test_wrong_usage_exits_2(arguments, capsys):
    """Wrong arguments are explained on stderr."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_no_server_exits_3(capsys):
    """An address where nobody listens is named."""
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["What?", "--url", url]) == 3
    assert f"unreachable: Cannot reach {url}" in capsys.readouterr().err


def test_ctrl_c_cancels_the_run(server):
    """An interrupt stops the run on the server and exits 130."""
    server.play(Script([*ACTS[:-3], Pause(30), *ACTS[-3:]]))
    process = start(server, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    while process.stderr.readline() != b"Generating AI response...\n":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Stopped." in err
    assert b"Traceback" not in err
    wait_for(lambda: "/runs/run-1/cancel" in server.paths("POST"))


def test_a_terminal_shows_the_work_and_the_sources(server):
    """On a terminal: the step's words in a bar, then the answer as it comes, then a table of sources."""
    server.play(Script([*ACTS[:2], Pause(0.5), *ACTS[2:]], connections=[Cut(9)]))
    code, written = on_terminal(server)
    assert code == 0
    assert "Selecting relevant documents..." in written
    assert "Connection lost. Reconnecting" in written
    assert written.index("Umsatz") < written.index("Sources")
    assert "Nordfjord Seafood plc" in written
    assert "verified" in written


def expected(acts, eta_ms):
    """Return the acts, their progress saying that the result is ``eta_ms`` away."""
    return [
        Frame(act.id, act.event, {**act.data, "details": {"eta_ms": eta_ms}})
        if isinstance(act, Frame) and act.event == "progress"
        else act
        for act in acts
    ]


def test_a_terminal_counts_down_to_the_result(server):
    """Where the time is known, the bar says it and counts; a step that knows none takes it away."""
    server.play(Script([*expected(ACTS[:2], 4000), Pause(1.2), ACTS[2], Pause(0.3), *ACTS[3:]]))
    _, written = on_terminal(server)
    told = re.findall(r"about \d s left", written)
    assert told == sorted(told, reverse=True)
    assert told[0] == "about 4 s left" != told[-1]
    assert written.rindex("left") < written.index("Loading documents from S3... 0 of 2")


def test_a_pipe_is_not_told_the_time(server):
    """What counts down has no place in a file."""
    server.play(Script(expected(ACTS, 4000)))
    told = run(server)
    server.play(Script(ACTS))
    assert told == run(server)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, ""), (0.9, ""), (1, "about 1 s left"), (9.6, "about 10 s left"), (11, "about 15 s left"), (15.2, "about 15 s left"),
     (58, "about 60 s left"), (90, "about 90 s left"), (91, "about 2 min left"), (290, "about 5 min left")],
)  # fmt: skip
def test_time_left_in_words(seconds, words):
    """Seconds below ten, steps of five above, minutes from there; below a second nothing."""
    assert time_left(seconds) == words


def test_a_terminal_wraps_between_words(server):
    """Long answers break at spaces and lose none of their text."""
    words = [f"word{number} " for number in range(60)]
    server.play(Script(conversation(words)))
    code, written = on_terminal(server)
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", written)
    lines = [line for line in text.split("\n") if line.startswith("word")]
    assert max(map(len, lines)) <= 100
    assert " ".join(" ".join(lines).split()) == "".join(words).strip()


def test_a_reader_that_leaves_is_no_crash(server):
    """A pipe closed early, as head does, ends the command without a traceback."""
    process = start(server, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err
