"""Settings: good values are taken as they are, a bad one gives one line with its variable, what it held and what is allowed."""

import os

import pytest

from jacie_flask.config import load
from jacie_flask.errors import ConfigurationError

MINE = ("JACIE_", "OPENAI_", "PINECONE_", "AWS_")


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    """Start from an environment without settings, in a folder with one of documents."""
    for name in list(os.environ):
        if name.startswith(MINE) or name in ("HOST", "PORT", "WEB_CONCURRENCY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_documents").mkdir()


def refused(monkeypatch, **variables: str) -> str:
    """Return the line with which these variables stop the boot."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    line = str(caught.value)
    assert "\n" not in line
    return line


BAD = [
    ("JACIE_DOCUMENTS", "file:./nowhere", "a folder that exists (file:./folder) or s3://bucket/prefix"),
    ("JACIE_DOCUMENTS", "./nowhere", "a folder that exists"),
    ("JACIE_DOCUMENTS", "", "a folder"),
    ("JACIE_DOCUMENTS", "file:", "a folder"),
    ("JACIE_DOCUMENTS", "s3://", "s3://bucket/prefix"),
    ("JACIE_DOCUMENTS", "s3:///prefix", "s3://bucket/prefix"),
    ("JACIE_DOCUMENTS", "https://example.com/filings", "s3://bucket/prefix"),
    ("JACIE_INDEX", "", "sqlite:./path.db or pinecone://index-name"),
    ("JACIE_INDEX", "sqlite:", "sqlite:./path.db"),
    ("JACIE_INDEX", "pinecone://", "pinecone://index-name"),
    ("JACIE_INDEX", "pinecone://Not_A_Name", "pinecone://index-name"),
    ("JACIE_INDEX", "elastic://x", "pinecone://index-name"),
    ("JACIE_EMBEDDINGS", "cohere", "embedded or openai"),
    ("JACIE_EMBEDDING_DIMENSION", "7", "at least 8"),
    ("JACIE_EMBEDDING_DIMENSION", "20001", "at most 20000"),
    ("JACIE_MODEL_CONTEXT", "many", "a whole number"),
    ("JACIE_MODEL_CONTEXT", "1023", "at least 1024"),
    ("JACIE_RUNS", "disk:", "memory:"),
    ("JACIE_RUNS", "redis://", "redis://host:6379/0"),
    ("JACIE_RUNS", "redis://host/zero", "redis://host:6379/0"),
    ("JACIE_INGEST", "sometimes", "start or off"),
    ("OPENAI_BASE_URL", "localhost:8080", "an http:// or https:// URL"),
    ("OPENAI_BASE_URL", "ftp://example.com", "an http:// or https:// URL"),
    ("OPENAI_BASE_URL", "https://", "an http:// or https:// URL"),
    ("PINECONE_INDEX_HOST", "index.svc", "an http:// or https:// URL"),
    ("AWS_ENDPOINT_URL_S3", "minio:9000", "an http:// or https:// URL"),
    ("JACIE_OPEN", "maybe", "no or yes"),
    ("JACIE_OIDC_JWKS_URL", "http://login.example.com/keys", "an https:// URL"),
    ("JACIE_OIDC_JWKS_URL", "file:///etc/passwd", "an https:// URL"),
    ("JACIE_OIDC_SCOPES_CLAIM", "", "at least 1 character"),
    ("JACIE_HEARTBEAT_S", "0", "more than 0"),
    ("JACIE_HEARTBEAT_S", "61", "at most 60"),
    ("JACIE_HEARTBEAT_S", "nan", "a finite number"),
    ("JACIE_MODEL_TIMEOUT_S", "nan", "a finite number"),
    ("JACIE_KEEP_RUNS_S", "inf", "a finite number"),
    ("JACIE_DEADLINE_S", "-1", "more than 0"),
    ("JACIE_DEADLINE_S", "3601", "at most 3600"),
    ("JACIE_DISCONNECT_GRACE_S", "-0.5", "at least 0"),
    ("JACIE_KEEP_RUNS_S", "0", "at least 1"),
    ("JACIE_MAX_RUNS", "0", "at least 1"),
    ("JACIE_RATE_LIMIT", "60", "such as 60/minute"),
    ("JACIE_RATE_LIMIT", "0/minute", "such as 60/minute"),
    ("JACIE_RATE_LIMIT", "60/fortnight", "such as 60/minute"),
    ("JACIE_PAGE_RATE_LIMIT", "many", "such as 60/minute"),
    ("JACIE_POLL_RATE_LIMIT", "many", "such as 60/minute"),
    ("JACIE_RUNS_PER_KEY", "-1", "at least 0"),
    ("JACIE_TOKENS_PER_DAY", "many", "a whole number"),
    ("JACIE_BODY_TIMEOUT_S", "0", "more than 0"),
    ("JACIE_MAX_RUNS", "1.5", "a whole number"),
    ("JACIE_GUARD", "small", "off or always"),
    ("JACIE_MAX_DOCUMENTS", "51", "at most 50"),
    ("JACIE_MAX_BODY_BYTES", "1", "at least 1024"),
    ("JACIE_MAX_DOCUMENT_BYTES", "1", "at least 1024"),
    ("JACIE_MODEL_TIMEOUT_S", "0", "more than 0"),
    ("JACIE_CATALOG_TTL_S", "-1", "at least 0"),
    ("JACIE_CORS_ORIGINS", "*", "origins such as https://app.example.com or https://*.example.com, separated by commas"),
    ("JACIE_CORS_ORIGINS", "https://a.example,null", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://a.example/path", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://*", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://*.com", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://app.*.example", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://app*.a.example", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://*.0.0.1", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://*.a.example:*", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://a.example:99999", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://a.example?x", "origins such as"),
    ("JACIE_CORS_ORIGINS", "https://(a|b).example", "origins such as"),
    ("JACIE_CORS_ORIGINS", "ftp://a.example", "origins such as"),
    ("JACIE_LOG_LEVEL", "LOUD", "DEBUG or INFO or WARNING or ERROR"),
    ("JACIE_TRUSTED_PROXIES", "nginx", "addresses and networks"),
    ("JACIE_TRUSTED_PROXIES", "10.0.0.1/8", "addresses and networks"),
    ("JACIE_TRUSTED_PROXIES", "*", "addresses and networks"),
    ("PORT", "65536", "at most 65535"),
    ("PORT", "", "a whole number"),
    ("WEB_CONCURRENCY", "0", "at least 1"),
    ("WEB_CONCURRENCY", "two", "a whole number"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD, ids=[f"{name}={value}" for name, value, _ in BAD])
def test_a_bad_value_is_told_in_one_line(monkeypatch, name, value, allowed):
    """The line names the variable, shows what it held and says what is allowed."""
    line = refused(monkeypatch, **{name: value})
    assert line.startswith(f"{name} holds {value!r}, allowed: ")
    assert allowed in line.partition("allowed: ")[2]


SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", f"ftp://user:{SECRET}@example.com/v1"),
        ("JACIE_RUNS", f"redis://:{SECRET}@10.0.0.7/zero"),
        ("JACIE_DOCUMENTS", f"https://user:{SECRET}@example.com/filings"),
        ("OPENAI_BASE_URL", f"sk-proj-{SECRET}"),
        ("PINECONE_INDEX_HOST", f"pcsk_{SECRET}"),
    ],
)
def test_a_secret_is_never_shown(monkeypatch, name, value):
    """A password in a URL and a key in the wrong variable stay out of the line, which still names the variable."""
    line = refused(monkeypatch, **{name: value})
    assert SECRET not in line
    assert line.startswith(f"{name} holds ")


@pytest.mark.parametrize("name", ["JACIE_", "JACIE_S3_KEY", "JACIE_WINDOW"])
def test_an_unknown_name_is_a_mistake(monkeypatch, name):
    """A misspelt setting would be silently without effect, so it stops the boot and names what there is, not what it held."""
    line = refused(monkeypatch, **{name: SECRET})
    assert line.startswith(f"{name} is not a setting; the settings are ")
    assert "JACIE_DOCUMENTS" in line
    assert SECRET not in line
    assert "JACIE_EMBEDDED_MODEL_KEY" not in line


@pytest.mark.parametrize(
    ("name", "meant"),
    [("JACIE_DOCUMENT", "JACIE_DOCUMENTS"), ("JACIE_RATELIMIT", "JACIE_RATE_LIMIT"), ("JACIE_MAX_RUN", "JACIE_MAX_RUNS")],
)
def test_a_misspelt_setting_is_answered_with_the_one_that_is_meant(monkeypatch, name, meant):
    """One name says more than sixty."""
    assert refused(monkeypatch, **{name: SECRET}) == f"{name} is not a setting; did you mean {meant}?"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "http", "a whole number"),
        ("PORT", "70000", "at most 65535"),
        ("JACIE_MAX_RUNS", "0", "at least 1"),
        ("JACIE_DEADLINE_S", "soon", "a number"),
        ("JACIE_DEADLINE_S", "0", "more than 0"),
        ("JACIE_DEADLINE_S", "nan", "a finite number"),
    ],
)
def test_what_a_number_may_be_is_said_in_words(monkeypatch, name, value, allowed):
    """No phrase of the library that checks it."""
    assert refused(monkeypatch, **{name: value}) == f"{name} holds {value!r}, allowed: {allowed}"


def test_a_key_and_a_password_for_one_server_are_too_many(monkeypatch):
    """A password in the model's URL would silently replace the key: refused, without a word of either; each alone is taken."""
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-{SECRET}")
    line = refused(monkeypatch, OPENAI_BASE_URL=f"https://someone:{SECRET}@models.example.com/v1")
    assert line.startswith("OPENAI_BASE_URL holds a name or password before its host")
    assert SECRET not in line
    assert "someone" not in line
    monkeypatch.delenv("OPENAI_API_KEY")
    assert SECRET in load().secrets
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.example.com/@v1")
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-{SECRET}")
    assert load().openai_base_url.endswith("/@v1")


def test_trusted_proxies_are_counted_too(monkeypatch):
    """Networks that may speak for clients have no effect where no proxy is counted: that is said."""
    line = refused(monkeypatch, JACIE_TRUSTED_PROXIES="private")
    assert line.startswith("JACIE_TRUSTED_PROXIES needs JACIE_PROXIES")


def test_workers_need_a_shared_log(monkeypatch):
    """Two workers with a log in memory would lose every second reconnecting reader."""
    line = refused(monkeypatch, WEB_CONCURRENCY="2")
    assert line.startswith("WEB_CONCURRENCY=2 needs a shared run log")
    assert "JACIE_RUNS=memory:" in line


def test_parts_that_need_each_other(monkeypatch):
    """A shared part without its key is refused at the boot, not at the first question."""
    assert "PINECONE_API_KEY" in refused(monkeypatch, JACIE_INDEX="pinecone://filings")
    monkeypatch.setenv("PINECONE_API_KEY", SECRET)
    assert "OPENAI_API_KEY" in refused(monkeypatch, JACIE_EMBEDDINGS="openai")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert load().embeddings == "openai"
    told = refused(monkeypatch, JACIE_OIDC_ISSUER="https://login.example.com/", JACIE_OIDC_AUDIENCE="jacie")
    assert "missing: JACIE_OIDC_JWKS_URL" in told


def test_a_signing_secret_that_can_be_guessed_is_refused_unseen(monkeypatch):
    """It has to be long, and is not shown."""
    line = refused(monkeypatch, JACIE_SECRET_KEY="changeme")
    assert "at least 32 random characters" in line
    assert "changeme" not in line


def test_the_clients_key_may_stand_in_the_same_shell(monkeypatch):
    """JACIE_KEY is the command-line client's; the server passes it over."""
    monkeypatch.setenv("JACIE_KEY", SECRET)
    assert SECRET not in repr(load())


def test_without_settings_everything_is_embedded():
    """The defaults need no key and no server."""
    settings = load()
    assert settings.documents_folder is not None
    assert settings.documents_folder.name == "sample_documents"
    assert not settings.uses_remote_model
    assert not settings.uses_local_model
    assert (settings.index, settings.embeddings, settings.runs) == ("sqlite:./var/index.db", "embedded", "memory:")
    assert settings.cors_origins == ()


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_a_folder_can_be_written_three_ways(monkeypatch, tmp_path, form):
    """A path, file:path and file://path are the same folder."""
    monkeypatch.setenv("JACIE_DOCUMENTS", form.format(tmp_path))
    assert load().documents_folder == tmp_path


def test_good_values_are_taken(monkeypatch):
    """Variables arrive in their types, lists cut at commas."""
    variables = {
        "JACIE_DOCUMENTS": "s3://bucket/some/prefix",
        "JACIE_CORS_ORIGINS": "https://a.example/, http://localhost:3000",
        "JACIE_LOG_LEVEL": "debug",
        "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
        "JACIE_HEARTBEAT_S": "0.5",
        "PORT": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.documents_folder is None
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert (settings.log_level, settings.heartbeat_s, settings.port) == ("DEBUG", 0.5, 0)
    assert settings.uses_remote_model


def test_settings_do_not_change_and_do_not_show_keys(monkeypatch):
    """They are frozen, and their text can be logged."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    settings = load(port=8001)
    assert settings.port == 8001
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1
    assert SECRET not in repr(settings)


def test_no_env_file_is_read(tmp_path):
    """A .env file that lies in the folder by chance changes nothing."""
    (tmp_path / ".env").write_text("PORT=9999\n")
    assert load().port == 8000


@pytest.mark.parametrize(("given", "bound"), [
    ("::", "[::]"), ("[::1]", "[::1]"), ("::1", "[::1]"), ("0.0.0.0", "0.0.0.0"), ("localhost", "localhost"), ("a-b.example", "a-b.example"),
    ("0:0:0:0:0:0:0:1", "[::1]"),
])  # fmt: skip
def test_an_address_is_listened_at_as_it_is_written_in_a_url(given, bound):
    """IPv6 needs brackets there and not in the setting."""
    assert load(host=given).listened_at == bound


@pytest.mark.parametrize(
    "given", [":", "127.0.0.1:80", "[::1]:80", "999.1.1.1", "1.2.3", "", "http://localhost", "a b", "-x", "::1::", "[:"]
)
def test_what_is_no_address_to_listen_at_is_named(monkeypatch, given):
    """The message says what HOST may hold."""
    monkeypatch.setenv("HOST", given)
    with pytest.raises(ConfigurationError, match=r"HOST holds .* allowed: an address such as"):
        load()
