"""What every store of filings keeps, one suite for folder and S3; and what each of them alone can meet."""

import contextlib
import logging
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import moto.backends
import pytest
from moto.server import ThreadedMotoServer

from jacie_flask import logs
from jacie_flask.concurrency import Lane
from jacie_flask.documents.folder_store import FolderStore
from jacie_flask.documents.s3_store import S3Store
from jacie_flask.errors import DocumentUnavailable
from jacie_flask.redaction import redactor
from tests.support.reliability import record
from tests.support.s3_faults import REFUSALS, S3Fault, S3Faults, xml

MAX_BYTES = 5000
FILES = {"a.pdf": b"%PDF one", "sub/b.txt": b"two", "sub/deep/c d#ü?.md": b"three", "metadata.json": b"{}", "empty.pdf": b""}


@pytest.fixture(scope="module")
def moto_url():
    """Serve S3 for this module."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    """Give boto3 keys of nobody, and no configuration of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Place:
    """A store, and how a test writes to what is behind it."""

    def __init__(self, store, write, delete):
        """Keep the three."""
        self.store, self.write, self.delete = store, write, delete


@pytest.fixture
def folder(tmp_path):
    """Return a folder and its store."""
    root = tmp_path / "filings"
    root.mkdir()

    def write(key, data):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)

    return Place(FolderStore(root, max_bytes=MAX_BYTES), write, lambda key: (root / key).unlink())


@pytest.fixture(scope="module")
def client(moto_url):
    """Return a client that writes what the stores read."""
    made = boto3.client(
        "s3", endpoint_url=moto_url, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    yield made
    made.close()


@pytest.fixture
def bucket(moto_url, client, _credentials):
    """Return a prefix of a bucket of its own and its store."""
    name = f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="elsewhere/x.pdf", Body=b"not ours")
    return Place(
        S3Store(f"s3://{name}/some/prefix/", endpoint=moto_url, max_bytes=MAX_BYTES),
        lambda key, data: client.put_object(Bucket=name, Key=f"some/prefix/{key}", Body=data),
        lambda key: client.delete_object(Bucket=name, Key=f"some/prefix/{key}"),
    )


@pytest.fixture(params=["folder", "bucket"])
def place(request):
    """Return a place of each kind."""
    return request.getfixturevalue(request.param)


def reason(ask):
    """Return the public reason with which a store refuses; the cause is kept for the log."""
    with pytest.raises(DocumentUnavailable) as caught:
        ask()
    return caught.value.reason


def test_an_empty_store_lists_nothing(place):
    """No files are no error."""
    assert place.store.list() == []


def test_everything_is_listed_and_read(place):
    """Keys, sizes and bytes are those that were written, at the version that was listed, in folders and with odd names."""
    for key, data in FILES.items():
        place.write(key, data)
    listed = {item.key: item for item in place.store.list()}
    assert {key: item.size for key, item in listed.items()} == {key: len(data) for key, data in FILES.items()}
    for key, data in FILES.items():
        blob = place.store.read(key)
        assert blob is not None
        assert (blob.data, blob.version) == (data, listed[key].version)


def test_a_known_version_is_not_read_again(place):
    """None while the version stands, the bytes when it does not, and for a version of something else."""
    place.write("a.pdf", b"one")
    version = place.store.read("a.pdf").version
    assert place.store.read("a.pdf", unless=version) is None
    assert place.store.read("a.pdf", unless='"another"').data == b"one"
    place.write("a.pdf", b"three")
    changed = place.store.read("a.pdf", unless=version)
    assert changed.data == b"three"
    assert changed.version != version


def test_what_is_gone_says_so(place):
    """A deleted object is named as no longer there, and is not listed."""
    place.write("a.pdf", b"one")
    place.delete("a.pdf")
    assert reason(lambda: place.store.read("a.pdf")) == "it is no longer in the store"
    assert reason(lambda: place.store.read("a.pdf", unless='"x"')) == "it is no longer in the store"
    assert place.store.list() == []


def test_what_is_too_large_is_not_read(place):
    """The bound of a document's bytes is kept."""
    place.write("a.pdf", b"x" * (MAX_BYTES + 1))
    assert reason(lambda: place.store.read("a.pdf")) == "it is too large"
    place.write("a.pdf", b"x" * MAX_BYTES)
    assert len(place.store.read("a.pdf").data) == MAX_BYTES


def test_crafted_keys_open_nothing(place):
    """Whatever a catalog says, a key never leaves the store, and its error is ours."""
    place.write("a.pdf", b"one")
    for key in ("../outside.pdf", "sub/../../outside.pdf", "/etc/passwd", "", ".", "..", "x" * 5000, "a\0b.pdf"):
        assert reason(lambda key=key: place.store.read(key)), key


# ------------------------------------------------------------------------------------------------------------ folder


def test_hidden_files_are_not_documents(folder):
    """What editors, systems and git leave behind is not listed."""
    for key in (".hidden.pdf", ".git/x.pdf", "sub/.x", "seen.pdf"):
        folder.write(key, b"x")
    assert [item.key for item in folder.store.list()] == ["seen.pdf"]


def test_links_do_not_lead_out(folder, tmp_path):
    """A link inside is a file; one to the outside, to a folder outside or to itself opens nothing."""
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "x.pdf").write_bytes(b"secret")
    folder.write("a.pdf", b"one")
    root = tmp_path / "filings"
    (root / "good.pdf").symlink_to(root / "a.pdf")
    (root / "out.pdf").symlink_to(tmp_path / "secret.pdf")
    (root / "outdir").symlink_to(tmp_path / "others")
    (root / "loop.pdf").symlink_to(root / "loop.pdf")
    (root / "broken.pdf").symlink_to(root / "nothing.pdf")
    assert folder.store.read("good.pdf").data == b"one"
    assert not {"outdir/x.pdf", "loop.pdf", "broken.pdf"} & {item.key for item in folder.store.list()}
    for key in ("out.pdf", "outdir/x.pdf", "loop.pdf", "broken.pdf"):
        assert reason(lambda key=key: folder.store.read(key))
        assert reason(lambda key=key: folder.store.open(key))


def test_a_name_that_is_no_text_costs_itself_only(folder, tmp_path):
    """A file name that is not UTF-8 is left out; the others are listed."""
    folder.write("a.pdf", b"one")
    Path(os.fsdecode(os.fsencode(tmp_path / "filings") + b"/\xff\xfe.pdf")).write_bytes(b"x")
    assert [item.key for item in folder.store.list()] == ["a.pdf"]


def test_files_may_come_and_go_while_listing(folder):
    """A file that is deleted between two looks is left out, and the listing goes on."""
    folder.write("a.pdf", b"one")
    stop = threading.Event()

    def flicker():
        while not stop.is_set():
            folder.write("b.pdf", b"two")
            folder.delete("b.pdf")

    writer = threading.Thread(target=flicker)
    writer.start()
    try:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            assert "a.pdf" in [item.key for item in folder.store.list()]
    finally:
        stop.set()
        writer.join()


def test_open_is_the_file(folder, tmp_path):
    """A local document is served from where it lies; a missing one, a folder and a crafted key are refused."""
    folder.write("sub/a.pdf", b"one")
    with folder.store.open("sub/a.pdf") as file:
        assert file.read() == b"one"
    for key in ("b.pdf", "sub", "../filings2", "x" * 5000, "a\0b"):
        assert reason(lambda key=key: folder.store.open(key))


def test_a_folder_that_is_gone_is_unavailable(tmp_path):
    """An unmounted folder is told apart from an empty one."""
    store = FolderStore(tmp_path / "nowhere", max_bytes=MAX_BYTES)
    with pytest.raises(DocumentUnavailable):
        store.list()


# ---------------------------------------------------------------------------------------------------------------- S3


def test_a_long_listing_is_read_to_its_end(bucket):
    """More objects than S3 lists at once are all found."""
    backend = moto.backends.get_backend("s3")["123456789012"]["aws"]
    name = next(name for name in backend.buckets if name == bucket.store._bucket)
    for number in range(1005):
        backend.put_object(name, f"some/prefix/{number:04}.pdf", b"x")
    assert len({item.key for item in bucket.store.list()}) == 1005


def test_a_link_opens_without_credentials(bucket):
    """A presigned link gives the bytes to anybody who holds it, as a type that is safe to open."""
    bucket.write("a b.pdf", b"%PDF one")
    bucket.write("c.html", b"<script>")
    with urllib.request.urlopen(bucket.store.open("a b.pdf"), timeout=60) as answer:
        assert answer.read() == b"%PDF one"
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == "inline"
    with urllib.request.urlopen(bucket.store.open("c.html"), timeout=60) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"


def test_a_link_of_temporary_credentials_stays_out_of_logs(monkeypatch, moto_url):
    """The link carries the session token, as every presigned one does; a log line with it holds neither that, signature nor key id."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEBEaD+temporary/token==")
    link = S3Store("s3://filings/x", endpoint=moto_url, max_bytes=MAX_BYTES).open("a.pdf")
    held = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert held["X-Amz-Security-Token"] == "FwoGZXIvYXdzEBEaD+temporary/token=="
    said = logging.makeLogRecord({"msg": "redirected to %s", "args": (link,), "levelname": "INFO"})
    for kind in ("console", "json"):
        line = logs.formatter(kind, redactor(())).format(said)
        assert "a.pdf" in line
        for name in ("X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-Credential"):
            assert held[name] not in unquote(line), name


def test_a_bucket_that_does_not_exist_is_unavailable(moto_url):
    """A misspelt bucket is an error of its own, not an empty collection."""
    store = S3Store("s3://no-such-bucket/x", endpoint=moto_url, max_bytes=MAX_BYTES)
    assert reason(store.list) == "its bucket does not exist: check JACIE_DOCUMENTS"


def test_missing_credentials_are_named(monkeypatch, moto_url):
    """Nobody has to guess why S3 does not answer."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    store = S3Store("s3://bucket/x", endpoint=moto_url, max_bytes=MAX_BYTES)
    for ask in (store.list, lambda: store.read("a.pdf"), lambda: store.open("a.pdf")):
        assert reason(ask) == "the store's credentials are missing"


OBJECTS = {"bucket/a.pdf": b"x" * 1000, "bucket/b.pdf": b"y"}
FAULTS = [
    (S3Fault(status=403), "access to it was denied", 1),
    (S3Fault(status=404), "it is no longer in the store", 1),
    (S3Fault(status=500), "its store failed", 3),
    (S3Fault(status=503), "its store is overloaded", 3),
    (S3Fault(kind="hang"), "its store did not answer", 1),
    (S3Fault(kind="stall"), "its store did not answer", 1),
    (S3Fault(kind="truncated"), "its store did not answer", 3),
    (S3Fault(kind="rst"), "its store did not answer", 3),
]


@pytest.mark.parametrize(("fault", "expected", "requests"), FAULTS, ids=[fault.kind or str(fault.status) for fault, *_ in FAULTS])
def test_each_fault_has_its_reason(fault, expected, requests):
    """What S3 does wrong is told in a phrase, tried no more than three times, and costs only its object."""
    with S3Faults(OBJECTS, S3Fault(**{**fault.__dict__, "on": "a.pdf"})) as server:
        store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES, read_timeout_s=1.0)
        assert reason(lambda: store.read("a.pdf")) == expected
        assert len(server.requests) == requests
        assert store.read("b.pdf").data == b"y"


@pytest.mark.parametrize(("fault", "expected"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals_are_told_by_their_code(fault, expected):
    """What S3's own document says decides, asked once: not the status that several causes share."""
    with S3Faults(OBJECTS, S3Fault(**{**fault.__dict__, "on": "a.pdf"})) as server:
        store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES)
        assert reason(lambda: store.read("a.pdf")).startswith(expected)
        assert store.read("b.pdf").data == b"y"
        assert sum("a.pdf" in request.target for request in server.requests) <= 2  # the SDK follows a redirect once


def test_a_request_that_timed_out_at_s3_is_made_again():
    """A 400 whose code says that it passes is no refusal."""
    body = xml(
        "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period."
    )
    with S3Faults(OBJECTS, S3Fault(status=400, body=body, times=1)) as server:
        store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES)
        assert store.read("a.pdf").data == OBJECTS["bucket/a.pdf"]


@pytest.mark.parametrize("fault", [S3Fault(status=503, times=1), S3Fault(status=500, times=1), S3Fault(kind="slow", seconds=1.5)])
def test_a_passing_fault_costs_a_moment_only(fault):
    """An overloaded or slow store gets its second chance."""
    with S3Faults(OBJECTS, fault) as server:
        store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES, read_timeout_s=1.2)
        assert store.read("a.pdf").data == OBJECTS["bucket/a.pdf"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_listing_that_fails_is_unavailable(status):
    """A catalog is not taken for empty because its store refused."""
    with S3Faults(OBJECTS, S3Fault(status=status)) as server:
        store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES)
        with pytest.raises(DocumentUnavailable):
            store.list()


def test_nobody_listening_is_unavailable():
    """A refused connection is told as a store that does not answer."""
    with S3Faults({}) as server:
        origin = server.origin
    store = S3Store("s3://bucket", endpoint=origin, max_bytes=MAX_BYTES)
    assert reason(lambda: store.read("a.pdf")) == "its store did not answer"


# ------------------------------------------------------------------------------------------------- what a folder can hold


def test_a_hidden_file_is_not_read(place):
    """Neither by its name nor through a folder: a store gives only what it would list."""
    for key in (".env", ".git/config", "sub/.x.pdf"):
        place.write(key, b"secret")
        assert reason(lambda key=key: place.store.read(key)) == "access to it was denied"
        assert reason(lambda key=key: place.store.open(key)) == "access to it was denied"
    assert place.store.list() == []


def test_a_link_to_a_hidden_file_opens_nothing(folder, tmp_path):
    """What the name hides is hidden behind another name too."""
    folder.write(".env", b"secret")
    (tmp_path / "filings" / "env.pdf").symlink_to(tmp_path / "filings" / ".env")
    assert reason(lambda: folder.store.read("env.pdf")) == "access to it was denied"
    assert reason(lambda: folder.store.open("env.pdf")) == "access to it was denied"


@pytest.mark.parametrize("target", ["outside", "root/.hidden"])
def test_a_link_that_is_put_there_meanwhile_is_not_followed(folder, tmp_path, target):
    """A folder on the way is exchanged for a link again and again: what is read is the file of this folder, or nothing."""
    folder.write("sub/a.pdf", b"mine")
    root = tmp_path / "filings"
    secret = root / ".hidden" if target == "root/.hidden" else tmp_path / "outside"
    secret.mkdir()
    (secret / "a.pdf").write_bytes(b"secret")
    (root / "aside").symlink_to(secret)
    stop = threading.Event()

    def exchange():
        while not stop.is_set():
            for one, other in (("sub", ".kept"), ("aside", "sub"), ("sub", "aside"), (".kept", "sub")):
                (root / one).rename(root / other)

    writer = threading.Thread(target=exchange)
    writer.start()
    read = []
    try:
        for _ in range(400):
            with contextlib.suppress(DocumentUnavailable):
                read.append(folder.store.read("sub/a.pdf").data)
            with contextlib.suppress(DocumentUnavailable), folder.store.open("sub/a.pdf") as file:
                read.append(file.read())
    finally:
        stop.set()
        writer.join()
    assert set(read) <= {b"mine"}


def test_a_link_is_signed_for_its_method(bucket):
    """S3 refuses a HEAD by the signature of a GET."""
    bucket.write("a.pdf", b"%PDF one")
    links = {method: bucket.store.open("a.pdf", method) for method in ("GET", "HEAD")}
    signatures = {parse_qs(urlsplit(link).query)["X-Amz-Signature"][0] for link in links.values()}
    assert len(signatures) == 2
    request = urllib.request.Request(links["HEAD"], method="HEAD")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Length"] == "8"
    part = urllib.request.Request(links["GET"], headers={"Range": "bytes=1-3"})
    with urllib.request.urlopen(part, timeout=30) as answer:
        assert (answer.status, answer.read()) == (206, b"PDF")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_file_that_becomes_something_else_is_refused_at_once(folder, tmp_path, kind):
    """Nobody waits for the other end of a pipe; the other files stay readable."""
    folder.write("a.pdf", b"one")
    folder.write("b.pdf", b"two")
    assert len(folder.store.list()) == 2
    path = tmp_path / "filings" / "a.pdf"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.close()
    for _ in range(40):
        assert reason(lambda: folder.store.read("a.pdf"))
    assert reason(lambda: folder.store.open("a.pdf"))
    assert folder.store.read("b.pdf").data == b"two"
    assert [item.key for item in folder.store.list()] == ["b.pdf"]


def test_a_stalled_file_system_costs_its_own_store_only(folder, tmp_path):
    """Calls that the kernel does not give back occupy the places of one store; another one answers all the while."""
    folder.write("a.pdf", b"one")
    stalled = FolderStore(tmp_path / "filings", max_bytes=MAX_BYTES, patience_s=0.1)
    reading, writing = os.pipe()
    try:
        for _ in range(20):
            with pytest.raises(TimeoutError):
                stalled._reads.run(os.read, reading, 1)
        assert reason(lambda: stalled.read("a.pdf")) == "its store did not answer"
        assert reason(lambda: stalled.open("a.pdf")) == "its store did not answer"
        assert folder.store.read("a.pdf").data == b"one"
    finally:
        os.close(writing)
    assert Lane.run(stalled._reads, lambda: "free again")  # the end of the pipe gave every call back
    assert stalled.read("a.pdf").data == b"one"
    os.close(reading)


def _too_deep(root):
    """Make a folder whose path is longer than the kernel takes, which nobody can list; return the names on the way."""
    name = "d" * 200
    here = os.open(root, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_a_subfolder_that_cannot_be_listed_is_left_out(folder, tmp_path):
    """The other documents are there, and a sentence names the folder."""
    folder.write("a.pdf", b"one")
    _too_deep(tmp_path / "filings")
    assert [item.key for item in folder.store.list()] == ["a.pdf"]
    (told,) = folder.store.left_out
    assert "cannot be listed (File name too long)" in told
    subprocess.run(["rm", "-rf", str(tmp_path / "filings")], check=True)


@pytest.mark.reliability
@pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: folders without permission (only root can become another user and come back)"
)
def test_a_subfolder_without_permission_is_left_out():
    """One folder that belongs to somebody else does not make the catalog unavailable."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        (root / "closed").mkdir(mode=0o700)
        (root / "entered").mkdir()
        for name in ("a.pdf", "closed/b.pdf", "entered/c.pdf"):
            (root / name).write_bytes(b"x")
        (root / "entered").chmod(0o744)
        store = FolderStore(root, max_bytes=MAX_BYTES)
        os.seteuid(65534)
        try:
            listed = [item.key for item in store.list()]
        finally:
            os.seteuid(0)
    assert listed == ["a.pdf"]
    assert ["cannot be listed (Permission denied)" in one or "cannot be looked at" in one for one in store.left_out] == [
        True,
        True,
    ]
    rows = [
        {"folder of the store": name, "its files": "left out, with a note", "all others": "listed"}
        for name in ("cannot be listed", "cannot be entered")
    ]
    record(
        "25-store-permissions",
        "Content of stores: folders without permission",
        "Read as a user who may not read all of them.",
        rows,
    )


@pytest.mark.reliability
def test_refusals_of_s3_are_written_down():
    """Each of them with the reason that GET /documents, the report of the ingestion and an answer's ``degraded`` show."""
    rows = []
    for name, (fault, _) in REFUSALS.items():
        with S3Faults(OBJECTS, S3Fault(**{**fault.__dict__, "on": "a.pdf"})) as server:
            store = S3Store("s3://bucket", endpoint=server.origin, max_bytes=MAX_BYTES)
            shown = reason(lambda store=store: store.read("a.pdf"))
            assert store.read("b.pdf").data == b"y"
        code = re.search("<Code>(.*)</Code>", fault.body)
        rows.append(
            {"fault": name, "status": fault.status, "code": code[1] if code else "none", "reason that the document shows": shown}
        )
    text = "One document is refused with S3's own error document; the other documents are read. The code decides, not the status."
    record("31-s3-refusals", "Refusals of S3", text, rows)
