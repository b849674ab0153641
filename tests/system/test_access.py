"""Access where it is served: what gunicorn may listen on, the command line, and a key that is revoked under running workers."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner

from jacie_flask.cli.keys import keys_commands
from tests.support.jacie import ROOT, environment, gunicorn, serve, stop
from tests.support.ports import free_port
from tests.support.reliability import record
from tests.support.waiting import wait_for
from tests.system.test_disk import worker_of


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


HOSTS = {
    "::": ("[::]", "[::1]"), "[::]": ("[::]", "[::1]"), "::1": ("[::1]", "[::1]"), "[::1]": ("[::1]", "[::1]"), " ::1 ": ("[::1]", "[::1]"),
    "0:0:0:0:0:0:0:1": ("[::1]", "[::1]"), "::ffff:127.0.0.1": (f"[{ip_address('::ffff:127.0.0.1')}]", "127.0.0.1"),
    "0.0.0.0": ("0.0.0.0", "127.0.0.1"), "127.0.0.2": ("127.0.0.2", "127.0.0.2"), "LocalHost": ("LocalHost", "127.0.0.1"),
}  # fmt: skip
"""Values of HOST, with how the log names each and where it is reached."""
REFUSED_HOSTS = {
    "no address": ["", "*", "0", "127.1", "2130706433", "127.0.0.1:8000", "[::1]:8000", "127.0.0.0/8", "http://localhost", "unix:/tmp/x", "a b", "%00", "ü"],
    "another machine's": ["192.0.2.1", "2001:db8::1", "nobody.invalid", "fe80::1%none"],
}  # fmt: skip


ALL = [pytest.mark.soak, pytest.mark.reliability, pytest.mark.timeout(300)]
"""Marks of the tests that start a server for each value; tests/test_config.py checks in any case how each value is read."""


@pytest.mark.parametrize("hosts", [["::", "[::1]", "LocalHost"], pytest.param(list(HOSTS), marks=ALL)], ids=["some", "all"])
def test_every_kind_of_address_is_listened_at(tmp_path, hosts):
    """HOST holds an address of IPv4 or IPv6, with or without brackets, or a name; the log names it as a URL does."""
    if not socket.has_ipv6:
        pytest.skip("NOT TESTED: listening at IPv6 (this machine has none)")
    for host in hosts:
        shown, reached = HOSTS[host]
        port, log = free_port(), tmp_path / "log"
        values = environment(tmp_path, HOST=host, PORT=str(port), JACIE_MODEL="scripted", JACIE_OPEN="yes")
        with open(log, "wb") as out:
            command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
            process = subprocess.Popen(command, cwd=ROOT, env=values, stdout=out, stderr=out)
        try:
            wait_for(lambda line=f"Jacie answers at http://{shown}:{port}", log=log: line in log.read_text(), 60)
            with urllib.request.urlopen(f"http://{reached}:{port}/health", timeout=30) as answer:
                assert answer.status == 200
        finally:
            stop(process)
    rows = [
        {"HOST": f"`{host}`", "the log names": f"`{shown}`", "answers at": f"`{reached}`"}
        for host, (shown, reached) in ((host, HOSTS[host]) for host in hosts)
    ]
    record("73-host", "Addresses to listen at", "gunicorn was started with each value of HOST.", rows)


@pytest.mark.parametrize("count", [1, pytest.param(100, marks=ALL)], ids=["some", "all"])
@pytest.mark.parametrize("kind", REFUSED_HOSTS)
def test_an_address_that_cannot_be_listened_at_is_named(tmp_path, kind, count):
    """The boot ends with one line that says which value is wrong and what to set."""
    for host in REFUSED_HOSTS[kind][-count:]:
        values = environment(tmp_path, HOST=host, PORT=str(free_port()), JACIE_MODEL="scripted", JACIE_OPEN="yes")
        command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
        ended = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, timeout=60)
        assert ended.returncode != 0, host
        last = ended.stderr.strip().splitlines()[-1]
        assert last.startswith("jacie: "), (host, last)
        assert host in last, (host, last)
        assert "HOST" in last, (host, last)
        assert "Traceback" not in ended.stderr, host
    row = {
        "HOST": ", ".join(f"`{host}`" for host in REFUSED_HOSTS[kind][-count:]),
        "seen": "the boot ends with one line that names the value",
    }
    record(
        f"73-host-{kind.split()[0]}", f"Addresses that cannot be listened at: {kind}", "gunicorn was started with each.", [row]
    )


HARMED_KEYS: dict[str, Callable[[Path], object]] = {
    "is empty": lambda path: path.write_text(""),
    "holds no key": lambda path: path.write_text('{"keys": []}'),
    "is cut": lambda path: path.write_text(path.read_text()[:-30]),
    "is not UTF-8": lambda path: path.write_bytes(path.read_bytes().replace(b"the web", b"the \xff\xfeb")),
    "nests deeply": lambda path: path.write_text(f'{{"later": {"[" * 100_000}'),
    "has a hash that is none": lambda path: path.write_text(path.read_text().replace('"hash": "', '"hash": "ü')),
    "is gone": lambda path: path.unlink(),
    "is a folder": lambda path: [path.unlink(), path.mkdir()],
    "is a pipe": lambda path: [path.unlink(), os.mkfifo(path)],
    "is a link to nothing": lambda path: [path.unlink(), path.symlink_to("nothing")],
    "is a link to itself": lambda path: [path.unlink(), path.symlink_to(path.name)],
}


@pytest.mark.parametrize(
    "harms", [["is cut", "is gone", "is a link to itself"], pytest.param(list(HARMED_KEYS), marks=ALL)], ids=["some", "all"]
)
def test_a_file_of_keys_that_is_harmed_opens_nothing(tmp_path, keys, harms):
    """At run time and in a worker that is started over it: nobody is let in without a key, nothing ends, and a whole file works at once."""
    token = keys("create", "the web", "--scope", "ask").stdout.strip()
    path = tmp_path / "keys.json"
    whole = path.read_bytes()
    rows = []
    with gunicorn(tmp_path, JACIE_MODEL="scripted", JACIE_INGEST="off") as running:

        def asked(*headers):
            return running.post("/chat", {"query": "What?"}, headers=dict(headers))[0]

        with_key = ("Authorization", f"Bearer {token}")
        assert (asked(), asked(with_key)) == (401, 200)
        for what in harms:
            HARMED_KEYS[what](path)
            seen = {asked()}
            assert asked(with_key) in (200, 401), what
            os.kill(worker_of(running), signal.SIGKILL)
            wait_for(lambda: workers_booted(running) == len(rows) + 2, 60)
            seen |= {asked(), asked(with_key)}
            assert seen == {401}, what
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)
            path.write_bytes(whole)
            assert (asked(), asked(with_key)) == (401, 200), what
            rows.append(
                {
                    "keys.json": what,
                    "requests without a key": "401",
                    "a worker started over it": "serves",
                    "mended": "keys work at once",
                }
            )
        assert running.process.poll() is None
    record(
        "74-keys",
        "A harmed file of keys",
        "While a server with one key serves, and when its worker is killed and started anew.",
        rows,
    )


def workers_booted(running):
    """Return how many workers the server has started."""
    return running.log.read_text().count("Booting worker")


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
