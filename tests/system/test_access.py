"""Access where it is served: what gunicorn may listen on, the command line, and a key that is revoked under running workers."""

import os
import socket
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from jacie_flask.cli.keys import keys_commands
from tests.support.jacie import ROOT, environment, gunicorn, serve, stop
from tests.support.ports import free_port
from tests.support.scenarios import wait_for


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Return a function that runs ``keys`` with the settings of a server in this folder."""
    for name, value in {"JACIE_DATA": str(tmp_path), "JACIE_MODEL": "scripted"}.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(keys_commands, arguments)


@pytest.mark.parametrize(("arguments", "settings"), [
    ([], {"HOST": "0.0.0.0"}), (["--bind", "[::]:{port}"], {"HOST": "127.0.0.1"}),
], ids=["HOST", "--bind"])  # fmt: skip
def test_without_keys_only_loopback_is_listened_on(tmp_path, arguments, settings):
    """The boot is refused with one line that says what is allowed."""
    port = str(free_port())
    words = [argument.replace("{port}", port) for argument in arguments]
    values = environment(tmp_path, **{"PORT": port, "JACIE_MODEL": "scripted", "JACIE_INGEST": "off", **settings})
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", *words]
    ended = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("jacie: ")
    assert "keys create" in last
    assert "JACIE_OPEN=yes" in last


def test_said_to_be_open_it_is_served_everywhere(tmp_path):
    """JACIE_OPEN=yes is explicit enough."""
    settings = {"JACIE_OPEN": "yes", "JACIE_MODEL": "scripted", "JACIE_INGEST": "off"}
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "0.0.0.0:{port}"]
    with serve(command, tmp_path, **settings) as running:
        assert running.get("/health")["status"] == "ok"


@pytest.mark.parametrize("host", ["::", "[::1]", "::1"])
def test_ipv6_is_listened_at(tmp_path, host):
    """HOST holds an address of IPv6 with or without brackets; the log names it as a URL does."""
    if not socket.has_ipv6:
        pytest.skip("NOT TESTED: listening at IPv6 (this machine has none)")
    port, log = free_port(), tmp_path / "log"
    values = environment(tmp_path, HOST=host, PORT=str(port), JACIE_MODEL="scripted", JACIE_OPEN="yes")
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "gunicorn", "wsgi:app"], cwd=ROOT, env=values, stdout=out, stderr=out)
    try:
        wait_for(lambda: f"Jacie answers at http://[{host.strip('[]')}]:{port}" in log.read_text(), 60)
        with urllib.request.urlopen(f"http://[::1]:{port}/health", timeout=30) as answer:
            assert answer.status == 200
    finally:
        stop(process)


def test_a_key_that_would_be_over_is_not_made(keys):
    """An end in the past is a slip, and says so."""
    made = keys("create", "old", "--expires", "2020-01-01")
    assert made.exit_code == 2
    assert "--expires" in made.output
    assert keys("list").output == ""


def test_a_key_is_made_listed_used_and_revoked(tmp_path, keys):
    """The command line makes a key that a running server takes, and ends it without a restart; so is its session's."""
    with gunicorn(tmp_path, JACIE_MODEL="scripted", JACIE_INGEST="off") as running:
        made = keys("create", "the web", "--scope", "ask", "--expires", "2099-01-01")
        assert made.exit_code == 0, made.output
        token = made.stdout.strip()
        assert running.post("/chat", {"query": "What?"})[0] == 401
        asked = {"Authorization": f"Bearer {token}"}
        assert running.post("/chat", {"query": "What?"}, headers=asked)[0] == 200
        client = [sys.executable, "-m", "jacie_flask.client", "What?", "--json", "--url", running.url]
        environ = {**os.environ, "JACIE_KEY": token}
        assert subprocess.run(client, cwd=ROOT, env=environ, capture_output=True, timeout=60).returncode == 0
        without = {name: value for name, value in environ.items() if name != "JACIE_KEY"}
        refused = subprocess.run(client, cwd=ROOT, env=without, capture_output=True, text=True, timeout=60)
        assert refused.returncode == 1
        assert refused.stderr.startswith("unauthorized")
        listed = keys("list").stdout
        key_id = token.split("_")[1]
        assert f"{key_id}  the web  default  ask  until 2099-01-01 00:00 UTC" in listed
        assert token not in listed
        assert keys("revoke", key_id).exit_code == 0
        assert running.post("/chat", {"query": "What?"}, headers=asked)[0] == 401
        assert "revoked" in keys("list").stdout
        assert token not in running.log.read_text()


def test_mistakes_are_told_in_one_line(tmp_path, keys):
    """An unknown tenant, scope, key and a damaged file are named; nothing is written."""
    wrong = [
        keys("create", "x", "--tenant", "acme"), keys("create", "x", "--scope", "root"),
        keys("revoke", "nobody"),
    ]  # fmt: skip
    assert [ended.exit_code for ended in wrong] == [2, 2, 1]
    for ended, words in zip(wrong, ("acme", "root", "nobody"), strict=True):
        assert words in ended.stderr
        assert isinstance(ended.exception, SystemExit)
    (tmp_path / "keys.json").write_text("{")
    damaged = keys("list")
    assert damaged.exit_code == 1
    assert "JACIE_KEYS holds" in damaged.stderr
