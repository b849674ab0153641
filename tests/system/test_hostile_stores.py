"""What a store contains stays with its tenant: hostile metadata.json files, pipes and hidden files, at boot and while Jacie serves."""

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jacie_flask.access.keys import KeyFile
from tests.support.hostile_metadata import FILENAME, UNUSABLE
from tests.support.jacie import Running, gunicorn
from tests.support.reliability import record
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(240)]

QUESTION = {"query": "What was the revenue of Alpha in 2023?"}
REPORT = "Alpha annual report 2023\n\nRevenue was 4,711 million dollars in 2023.\n"


class Site:
    """One running Jacie with tenants, and a key for each of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = KeyFile(folder / "keys.json", clock=time.time)
        self.tokens: dict[str, str] = {}
        self.running: Running | None = None

    def add(self, tenant: str, metadata: bytes | None = None) -> Path:
        """Make a tenant's folder with one document, and its key."""
        root = self.folder / "filings" / tenant
        root.mkdir(parents=True)
        (root / FILENAME.replace(".pdf", ".txt")).write_text(REPORT)
        if metadata is not None:
            (root / "metadata.json").write_bytes(metadata)
        scopes = frozenset({"ask", "search", "metrics"})
        self.tokens[tenant] = self.keys.create(tenant, tenant=tenant, scopes=scopes, expires_at=None)[1]
        return root

    def settings(self) -> dict[str, str]:
        """Return the environment: the default tenant and all others."""
        others = {name: {"documents": str(self.folder / "filings" / name)} for name in self.tokens if name != "default"}
        (self.folder / "tenants.json").write_text(json.dumps(others))
        return {
            "JACIE_DOCUMENTS": str(self.folder / "filings" / "default"),
            "JACIE_TENANTS": str(self.folder / "tenants.json"),
            "JACIE_KEYS": str(self.folder / "keys.json"),
            "JACIE_MODEL": "scripted",
            "JACIE_CATALOG_TTL_S": "0",
        }

    def ask(self, tenant: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Return (status, body) of a request with the tenant's key."""
        assert self.running is not None
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.tokens[tenant]}", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.running.url + path, data, headers), timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def documents(self, tenant: str) -> dict[str, object]:
        """Return what GET /documents says."""
        status, body = self.ask(tenant, "/documents")
        assert status == 200, body
        return dict(json.loads(body))

    def wait_for_note(self, tenant: str, note: str) -> dict[str, object]:
        """Return the listing once a note on the store begins like this."""

        def noted() -> dict[str, object] | None:
            listing = self.documents(tenant)
            return listing if any(one.startswith(note) for one in listing.get("notes", [])) else None

        return wait_for(noted)

    def answers(self, tenant: str) -> None:
        """Fail unless the tenant gets an answer from its document."""
        status, body = self.ask(tenant, "/chat", QUESTION)
        assert status == 200, body
        assert json.loads(body)["documents_loaded"], body

    def workers(self) -> set[int]:
        """Return the processes below the master."""
        assert self.running is not None
        children = Path(f"/proc/{self.running.process.pid}/task/{self.running.process.pid}/children").read_text()
        return set(map(int, children.split()))


def names(listing: dict[str, object]) -> list[str]:
    """Return the file names of a listing."""
    return [document["filename"] for document in listing["documents"]]


def test_a_server_starts_whatever_its_tenants_stores_hold(tmp_path: Path) -> None:
    """With a hostile metadata.json in each of many tenants, the server boots, each is told why, and the default one answers."""
    site = Site(tmp_path)
    site.add("default")
    tenants = {f"h{number:02}": name for number, name in enumerate(UNUSABLE)}
    for tenant, name in tenants.items():
        site.add(tenant, UNUSABLE[name])
    with gunicorn(tmp_path / "data", **site.settings()) as site.running:
        before = site.workers()
        site.answers("default")
        for tenant in tenants:
            listing = site.documents(tenant)
            assert names(listing) == [FILENAME.replace(".pdf", ".txt")], tenants[tenant]
            assert listing["notes"][0].startswith("metadata.json is not usable ("), tenants[tenant]
            assert "notes" not in site.documents("default")
        site.answers("h00")
        assert site.workers() == before
    record(
        "22-store-content-boot", "Content of stores: at boot",
        f"One server with {len(tenants)} tenants, each with another metadata.json made to stop its reader (links that are none, wrong bytes, "
        "100,000 levels, megabytes in a name, 300,000 entries), and one with none. The server booted, no process died, each tenant saw its "
        "documents from the listing and one line of reason, and the others were answered.",
    )  # fmt: skip


@pytest.mark.parametrize("alone", [True, False], ids=["single tenant", "two tenants"])
def test_hostile_metadata_at_run_time_stays_where_it_is(tmp_path: Path, alone: bool) -> None:
    """Each file in turn appears while Jacie serves: the listing takes over, the reason shows, a restart works, nobody else notices."""
    site = Site(tmp_path)
    victim = "default" if alone else "acme"
    roots = {tenant: site.add(tenant) for tenant in ("default", victim)} if not alone else {"default": site.add("default")}
    with gunicorn(tmp_path / "data", **site.settings()) as site.running:
        before = site.workers()
        for name, data in UNUSABLE.items():
            (roots[victim] / "metadata.json").write_bytes(b"{}")
            wait_for_none(site, victim)
            partial = roots[victim] / ".metadata.part"
            partial.write_bytes(data)
            partial.replace(roots[victim] / "metadata.json")
            listing = site.wait_for_note(victim, "metadata.json is not usable (")
            assert names(listing) == [FILENAME.replace(".pdf", ".txt")], name
            if not alone:
                assert "notes" not in site.documents("default"), name
        site.answers("default")
        assert site.workers() == before
    with gunicorn(tmp_path / "data", **site.settings()) as site.running:
        site.answers("default")
        assert site.documents(victim)["notes"]
    record(
        f"23-store-content-{'one' if alone else 'two'}", f"Content of stores: while Jacie serves ({'one tenant' if alone else 'two tenants'})",
        f"{len(UNUSABLE)} hostile metadata.json files took the place of a good one, one after the other. No process died, the listing took "
        "over each time with its reason in GET /documents, and the server started again over the last of them.",
    )  # fmt: skip


def wait_for_none(site: Site, tenant: str) -> None:
    """Wait until an empty metadata.json serves."""
    wait_for(lambda: not site.documents(tenant)["documents"])


def test_pipes_and_hidden_files_give_nothing_and_block_nobody(tmp_path: Path) -> None:
    """A document that becomes a pipe is refused at once, forty times; metadata.json cannot name hidden files; the others are answered."""
    site = Site(tmp_path)
    site.add("default")
    root = site.add("acme")
    (root / ".env").write_text("SECRET=canary-4711")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("canary-4711")
    (root / "piped.txt").write_text(REPORT)
    listed = [
        {"filename": name} for name in (FILENAME.replace(".pdf", ".txt"), "piped.txt", ".env", ".git/config", "metadata.json")
    ]
    (root / "metadata.json").write_text(json.dumps({"Alpha": listed}))
    with gunicorn(tmp_path / "data", **site.settings()) as site.running:
        before = site.workers()
        found = {one["filename"]: one for one in site.documents("acme")["documents"]}
        for name in (".env", ".git/config", "metadata.json"):
            assert found[name]["status"] == "missing"
            for path in ("", "/pages/1"):
                status, body = site.ask("acme", f"/documents/{found[name]['document_id']}{path}")
                assert status >= 400
                assert b"canary" not in body
        (root / "piped.txt").unlink()
        os.mkfifo(root / "piped.txt")
        for _ in range(40):
            for path in ("", "/pages/1"):
                assert site.ask("acme", f"/documents/{found['piped.txt']['document_id']}{path}")[0] >= 400
        for tenant in ("acme", "default"):
            site.answers(tenant)
        assert site.workers() == before
    record(
        "24-store-files", "Content of stores: pipes and hidden files",
        "A document became a named pipe and was asked for 80 times: refused at once each time, and both tenants were answered. .env, .git/config "
        "and metadata.json itself were named as documents: each is missing, and none of its bytes were served.",
    )  # fmt: skip
