"""One line an event, whatever is in it: shapes, what lines are about, and what never gets in."""

import base64
import io
import json
import logging
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask import logs
from jacie_flask.redaction import SHOWN_INSTEAD, redactor

FORGED = "2026-01-01T00:00:00Z INFO jacie: all is well"
ENDS = ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


class Lines:
    """A logger of its own and what it wrote."""

    def __init__(self, log_format, secrets=()):
        self.out = io.StringIO()
        handler = logging.StreamHandler(self.out)
        handler.setFormatter(logs.formatter(log_format, redactor(secrets)))
        self.log = logging.Logger("jacie_flask.test")
        self.log.addHandler(handler)

    @property
    def text(self):
        """Everything that was written."""
        return self.out.getvalue()


@pytest.fixture(autouse=True)
def _about_nothing():
    logs.about()
    yield
    logs.about()


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize("end", ENDS)
def test_no_value_can_forge_a_line(log_format, end):
    """What ends a line anywhere does not in a message, an argument, a fact or an exception's text."""
    lines = Lines(log_format)
    logs.about(request_id=f"a{end}{FORGED}")
    lines.log.warning("said %s", f"b{end}{FORGED}", extra={"path": f"c{end}{FORGED}"})
    try:
        raise ValueError(f"d{end}{FORGED}")
    except ValueError:
        lines.log.exception(f"e{end}{FORGED}")
    assert lines.text.count(FORGED) >= 4, "nothing is lost either"
    assert not [line for line in lines.text.splitlines() if line.startswith("2026-01-01")]
    if log_format == "json":
        assert len(lines.text.splitlines()) == 2


@given(st.text(), st.dictionaries(st.sampled_from(["path", "client"]), st.text()))
def test_any_text_is_one_line_of_json_that_gives_it_back(text, facts):
    """Whatever is logged can be read again, lone surrogates and control characters included."""
    lines = Lines("json")
    lines.log.info("%s", text, extra=facts)
    told = json.loads(lines.text)
    assert told["event"] == text
    assert {name: told[name] for name in facts} == facts
    assert lines.text.isascii()


@given(st.text())
def test_any_text_is_one_printable_line_for_people(text):
    """No control character reaches a terminal."""
    lines = Lines("console")
    lines.log.info("%s", text)
    assert len(lines.text.splitlines()) == 1
    assert not {character for character in lines.text[:-1] if ord(character) < 32 or 127 <= ord(character) < 160}


def test_lines_say_what_they_are_about_and_greenlets_do_not_mix():
    """Ids bound in one thread stand in its lines and in no other's."""
    lines = Lines("json")
    logs.about(request_id="r1", tenant="")
    logs.also(step="doc_loading")

    def other():
        logs.about(run_id="x")
        lines.log.info("other")

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    lines.log.info("mine")
    first, second = map(json.loads, lines.text.splitlines())
    assert (first["run_id"], "request_id" in first) == ("x", False)
    assert (second["request_id"], second["step"], "run_id" in second, "tenant" in second) == ("r1", "doc_loading", False, False)
    assert list(second)[:4] == ["timestamp", "level", "logger", "event"]


def test_a_traceback_is_kept_whole():
    """In JSON it is one value, for people it is indented below its line."""
    for log_format in ("json", "console"):
        lines = Lines(log_format)
        try:
            {}["nothing"]
        except KeyError:
            lines.log.exception("it failed")
        assert "KeyError: 'nothing'" in lines.text
        assert "test_logs.py" in lines.text
    assert all(line.startswith("    ") for line in lines.text.splitlines()[1:])


def test_a_very_long_value_is_cut():
    """An upstream's page of HTML does not fill the disk."""
    lines = Lines("console")
    lines.log.warning("refused: %s", "x" * 1_000_000)
    assert len(lines.text) < 5000
    assert "[cut]" in lines.text


SPELLINGS = {
    "as it stands": lambda secret: secret,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "as Python writes it": lambda secret: repr(secret)[1:-1],
    "as JSON writes it": lambda secret: json.dumps(secret)[1:-1],
    "in base64 behind a name": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "in base64 behind two letters": lambda secret: base64.b64encode(f"ab{secret}".encode()).decode(),
    "in base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=382, exclude_categories=["Cc", "Zs"]), min_size=12, max_size=40))
def test_a_secret_is_taken_out_however_it_is_spelt(spelling, secret):
    """In every usual spelling, in both shapes of the log."""
    spelt = SPELLINGS[spelling](secret)
    for log_format in ("console", "json"):
        lines = Lines(log_format, [secret])
        lines.log.warning("the upstream said [%s] and went away", spelt)
        assert SHOWN_INSTEAD in lines.text
        assert spelt not in lines.text


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Authorization: Bearer abcdefghij123456", "Authorization: Bearer [redacted]"),
        ("https://me:hunter2@host/v1", "https://[redacted]@host/v1"),
        ("Incorrect API key provided: sk-proj-abcdefgh1234", "Incorrect API key provided: [redacted]"),
        ("GET /a?X-Amz-Signature=abc123&x=1", "GET /a?X-Amz-Signature=[redacted]&x=1"),
        ("write to someone@example.com about //this", "write to someone@example.com about //this"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_and_nothing_else(said, left):
    """Keys that no setting knows, such as a user's own, do not stay either."""
    assert redactor(())(said) == left
