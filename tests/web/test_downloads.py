"""Originals over HTTP: what was opened and checked is what is sent, whatever stands at its path by then."""

import os

import pytest

from jacie_flask import create_app
from jacie_flask.config import load
from tests.support.tenants import close

CONTENT = bytes(range(256)) * 2000
REPLACEMENTS = ("pipe", "link to a secret", "hidden file", "folder", "nothing", "other bytes")


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one file, and a secret beside it."""
    made = tmp_path / "filings"
    made.mkdir()
    (made / "report.txt").write_bytes(CONTENT)
    (made / ".env").write_bytes(b"secret" * 1000)
    (tmp_path / "secret").write_bytes(b"secret" * 1000)
    return made


@pytest.fixture
def client(folder, tmp_path):
    """Return a client of an application over it."""
    data = tmp_path / "data"
    app = create_app(load(documents=str(folder), data=str(data), index=f"sqlite:{data}/index.db", model="scripted", ingest="off"))
    yield app.test_client()
    close(app)


@pytest.fixture
def path(client):
    """Return where the file is."""
    return f"/documents/{client.get('/documents').json['documents'][0]['document_id']}"


def replace(folder, kind):
    """Put something else in the place of the file."""
    file = folder / "report.txt"
    file.rename(folder.parent / "moved away")
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link to a secret":
        file.symlink_to(folder.parent / "secret")
    elif kind == "hidden file":
        (folder / ".env").rename(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "other bytes":
        file.write_bytes(b"secret" * 100_000)


@pytest.mark.parametrize("kind", REPLACEMENTS)
@pytest.mark.parametrize("asked", [None, "bytes=100-400000", "bytes=-5"])
def test_what_was_opened_is_sent(client, path, folder, kind, asked):
    """The path leads elsewhere before the first byte leaves; whole and in parts."""
    answer = client.get(path, headers={"Range": asked} if asked else {})
    replace(folder, kind)
    expected = {None: CONTENT, "bytes=100-400000": CONTENT[100:400001], "bytes=-5": CONTENT[-5:]}[asked]
    assert answer.status_code == (206 if asked else 200)
    assert answer.content_length == len(expected)
    assert answer.data == expected
    answer.close()


def test_the_head_says_what_the_get_would(client, path):
    """Length, type, tag and ranges, without the bytes."""
    whole, head = client.get(path), client.head(path)
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition"):
        assert head.headers[name] == whole.headers[name], name
    assert head.data == b""


def test_tags_and_ranges_are_those_of_one_version(client, path, folder):
    """A tag that stands gives 304, one of an older version all of it, also for a part; a part that is not there is refused."""
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.head(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(path, headers={"Range": "bytes=0-3", "If-Range": tag}).data == CONTENT[:4]
    assert client.get(path, headers={"Range": f"bytes={len(CONTENT)}-"}).status_code == 416
    (folder / "report.txt").write_bytes(b"a newer version")
    assert client.get(path, headers={"If-None-Match": tag}).data == b"a newer version"
    assert client.get(path, headers={"Range": "bytes=0-3", "If-Range": tag}).data == b"a newer version"


def test_no_descriptor_is_left_open(client, path, folder):
    """After whole answers, parts, heads, matches and refusals."""

    def ask_all():
        tag = client.get(path).headers["ETag"]
        for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": tag}, {"Range": "bytes=999999999-"}):
            client.get(path, headers=headers).close()
            client.head(path, headers=headers).close()

    ask_all()
    before = os.listdir("/dev/fd")
    for _ in range(20):
        ask_all()
    assert len(os.listdir("/dev/fd")) <= len(before)


def test_a_file_that_becomes_shorter_is_no_whole_answer(client, path, folder):
    """What was announced cannot be sent: the answer breaks off instead of ending well."""
    answer = client.get(path)
    with open(folder / "report.txt", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(OSError, match="became shorter"):
        list(answer.response)
    answer.close()
