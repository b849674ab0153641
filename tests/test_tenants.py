"""The tenants' file: each tenant's documents and files apart, or one line that says what is wrong."""

import json

import pytest

from jacie_flask import services, tenants
from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError
from jacie_flask.runs import ids


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Return a function that writes the file and reads the settings."""
    for name in ("default", "acme", "beta"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("JACIE_DOCUMENTS", str(tmp_path / "default"))
    monkeypatch.setenv("JACIE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("JACIE_INDEX", f"sqlite:{tmp_path}/data/index.db")

    def write(content):
        path = tmp_path / "tenants.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        monkeypatch.setenv("JACIE_TENANTS", str(path))
        return tenants.settings_of(load())

    return write


def test_without_a_file_there_is_the_default_tenant(tmp_path, monkeypatch):
    """Its documents are those of JACIE_DOCUMENTS."""
    monkeypatch.setenv("JACIE_DOCUMENTS", str(tmp_path))
    assert {name: one.documents for name, one in tenants.settings_of(load()).items()} == {"default": f"file:{tmp_path}"}


def test_each_tenant_has_documents_and_files_of_its_own(file, tmp_path):
    """Indexes, ledgers, caches and namespaces of no two tenants are the same."""
    found = file({"acme": {"documents": f"file:{tmp_path}/acme"}, "beta": {"documents": "s3://bucket/beta"}})
    assert list(found) == ["default", "acme", "beta"]
    assert len({one.data for one in found.values()}) == 3
    built = services.build(found, services.Background(found["default"]))
    assert len({one.index.path for one in built.values()}) == 3
    assert len({id(one.catalog) for one in built.values()}) == 3
    assert len({id(one.runs) for one in built.values()}) == len({id(one.embedder) for one in built.values()}) == 1


@pytest.mark.parametrize(("content", "words"), [
    ("{", "a JSON file such as"), ('["acme"]', "a JSON file such as"), ({"acme": {}}, "documents"),
    ({"acme": {"documents": "s3://b/a", "docs": 1}}, "docs"), ({"Acme Ltd": {"documents": "s3://b/a"}}, "tenant names"),
    ({"default": {"documents": "s3://b/a"}}, "tenant names"), ({"a.b": {"documents": "s3://b/a"}}, "tenant names"),
    ({"acme": {"documents": "/no/such/folder"}}, "a folder that exists"), ({"acme": {"documents": "ftp://x"}}, "s3://"),
    ({"acme": {"documents": "s3://b/x"}, "beta": {"documents": "s3://b/x/"}}, "apart"),
    ({"acme": {"documents": "s3://b/x"}, "beta": {"documents": "s3://b/x/y"}}, "apart"),
    ({"acme": {"documents": "s3://b"}, "beta": {"documents": "s3://b/y"}}, "apart"),
])  # fmt: skip
def test_a_bad_file_is_told_in_one_line(file, content, words):
    """The line names the variable and what is allowed."""
    with pytest.raises(ConfigurationError) as refused:
        file(content)
    assert "JACIE_TENANTS holds" in str(refused.value)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_places_that_only_begin_alike_are_apart(file):
    """A prefix that is a part of a word is no folder around another."""
    assert file({"acme": {"documents": "s3://b/x"}, "beta": {"documents": "s3://b/xy"}})


def test_a_tenant_within_the_default_collection_is_refused(file, tmp_path):
    """Keys of the default tenant would read its documents."""
    (tmp_path / "default" / "acme").mkdir()
    with pytest.raises(ConfigurationError, match="apart"):
        file({"acme": {"documents": str(tmp_path / "default" / "acme")}})


def test_a_run_id_is_of_one_tenant():
    """Only its tenant can look it up; for all others it is an id that no run has, and always the same one."""
    made = {name: ids.new(name) for name in ("default", "acme", "acme-2")}
    for name, run_id in made.items():
        for asking in made:
            assert (ids.own(asking, run_id) == run_id) == (asking == name)
            assert ids.own(asking, run_id) == ids.own(asking, run_id)
    refused = ids.own("acme", made["default"])
    assert ids.own("acme", refused) != refused
    assert ids.own("default", "\ud800")
