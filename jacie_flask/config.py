"""The settings of a process: the only reader of the environment; a bad value stops the boot with one line."""

import os
import re
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from jacie_flask.errors import ConfigurationError
from jacie_flask.wording import wanted

_SECRET = re.compile(r"(?<!PER_)KEY(?!S)|SECRET|TOKEN(?!S_PER)|PASSWORD", re.IGNORECASE)
# A password in a URL, and a provider's key that was put into the wrong variable.
_SECRET_PART = re.compile(r"(?<=//)[^/\s]*(?=@)|\b(?:sk|pcsk)[-_][\w-]{8,}")
_SECRET_CHARS = 32
_LOCAL_CONTEXT = 8192
_RATE = re.compile(r"^([1-9][0-9]{0,8})/(second|minute|hour|day)$")
Network = IPv4Network | IPv6Network
_NETWORKS = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
}
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252})")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,62})"
_ORIGIN = re.compile(rf"https?://(?:(?:\*\.{_LABEL}\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::[0-9]{{1,5}})?")
_INDEX_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,44}$")
_CHOICES = {
    "embeddings": ("embedded", "openai"),
    "ingest": ("start", "off"),
    "guard": ("off", "always"),
    "model_for": ("all", "words"),
    "selection": ("rules", "model"),
    "open": ("no", "yes"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": ("console", "json"),
    "access_log": ("off", "on"),
}


class Settings(BaseSettings):
    """Everything that can be set, with its variable as alias; times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    documents: str = Field("file:./sample_documents", alias="JACIE_DOCUMENTS")
    index: str = Field("sqlite:./var/index.db", alias="JACIE_INDEX")
    embeddings: str = Field("embedded", alias="JACIE_EMBEDDINGS")
    embedding_model: str = Field("text-embedding-3-small", alias="JACIE_EMBEDDING_MODEL")
    embedding_dimension: int = Field(1536, alias="JACIE_EMBEDDING_DIMENSION", ge=8, le=20_000)
    model: str = Field("", alias="JACIE_MODEL")
    model_context: int = Field(128_000, alias="JACIE_MODEL_CONTEXT", ge=1024)
    guard: str = Field("off", alias="JACIE_GUARD")
    model_for: str = Field("all", alias="JACIE_MODEL_FOR")
    model_file: Path | None = Field(None, alias="JACIE_MODEL_FILE")
    selection: str = Field("rules", alias="JACIE_SELECTION")
    runs: str = Field("memory:", alias="JACIE_RUNS", repr=False)
    ingest: str = Field("start", alias="JACIE_INGEST")
    data: Path = Field(Path("./var"), alias="JACIE_DATA")

    openai_api_key: str = Field("", alias="OPENAI_API_KEY", repr=False)
    openai_base_url: str = Field("", alias="OPENAI_BASE_URL")
    pinecone_api_key: str = Field("", alias="PINECONE_API_KEY", repr=False)
    pinecone_host: str = Field("", alias="PINECONE_INDEX_HOST")
    s3_endpoint: str = Field("", alias="AWS_ENDPOINT_URL_S3")
    # Read by SDKs themselves; known here so that they can be kept out of logs and of children that need none.
    aws_secret_access_key: str = Field("", alias="AWS_SECRET_ACCESS_KEY", repr=False)
    aws_session_token: str = Field("", alias="AWS_SESSION_TOKEN", repr=False)
    otlp_headers: str = Field("", alias="OTEL_EXPORTER_OTLP_HEADERS", repr=False)

    heartbeat_s: float = Field(4.0, alias="JACIE_HEARTBEAT_S", gt=0, le=60)
    deadline_s: float = Field(300.0, alias="JACIE_DEADLINE_S", gt=0, le=3600)
    grace_s: float = Field(30.0, alias="JACIE_DISCONNECT_GRACE_S", ge=0, le=3600)
    slow_reader_s: float = Field(30.0, alias="JACIE_SLOW_READER_S", gt=0, le=3600)
    keep_runs_s: float = Field(900.0, alias="JACIE_KEEP_RUNS_S", ge=1)
    max_runs: int = Field(512, alias="JACIE_MAX_RUNS", ge=1)
    rate_limit: str = Field("6000/minute", alias="JACIE_RATE_LIMIT")
    page_rate_limit: str = Field("3000/minute", alias="JACIE_PAGE_RATE_LIMIT")
    poll_rate_limit: str = Field("12000/minute", alias="JACIE_POLL_RATE_LIMIT")
    runs_per_key: int = Field(256, alias="JACIE_RUNS_PER_KEY", ge=0)
    tokens_per_day: int = Field(0, alias="JACIE_TOKENS_PER_DAY", ge=0)
    max_documents: int = Field(6, alias="JACIE_MAX_DOCUMENTS", ge=1, le=50)
    max_body: int = Field(1_048_576, alias="JACIE_MAX_BODY_BYTES", ge=1024)
    body_timeout_s: float = Field(10.0, alias="JACIE_BODY_TIMEOUT_S", gt=0, le=600)
    max_document: int = Field(200_000_000, alias="JACIE_MAX_DOCUMENT_BYTES", ge=1024)
    model_timeout_s: float = Field(60.0, alias="JACIE_MODEL_TIMEOUT_S", gt=0)
    documents_timeout_s: float = Field(15.0, alias="JACIE_DOCUMENTS_TIMEOUT_S", gt=0)
    index_timeout_s: float = Field(10.0, alias="JACIE_INDEX_TIMEOUT_S", gt=0)
    embeddings_timeout_s: float = Field(20.0, alias="JACIE_EMBEDDINGS_TIMEOUT_S", gt=0)
    retries: int = Field(6, alias="JACIE_RETRIES", ge=0, le=50)
    breaker_failures: int = Field(5, alias="JACIE_BREAKER_FAILURES", ge=1)
    breaker_open_s: float = Field(10.0, alias="JACIE_BREAKER_OPEN_S", gt=0, le=3600)
    catalog_ttl_s: float = Field(30.0, alias="JACIE_CATALOG_TTL_S", ge=0)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), alias="JACIE_CORS_ORIGINS")
    log_level: str = Field("INFO", alias="JACIE_LOG_LEVEL")
    log_format: str = Field("console", alias="JACIE_LOG_FORMAT")
    access_log: str = Field("off", alias="JACIE_ACCESS_LOG")
    otlp_endpoint: str = Field("", alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    proxies: int = Field(0, alias="JACIE_PROXIES", ge=0, le=10)
    trusted_proxies: str = Field("loopback", alias="JACIE_TRUSTED_PROXIES")

    keys: str = Field("", alias="JACIE_KEYS")
    secret_key: str = Field("", alias="JACIE_SECRET_KEY", repr=False)
    open: str = Field("no", alias="JACIE_OPEN")
    tenants: str = Field("", alias="JACIE_TENANTS")
    oidc_issuer: str = Field("", alias="JACIE_OIDC_ISSUER")
    oidc_audience: str = Field("", alias="JACIE_OIDC_AUDIENCE")
    oidc_jwks_url: str = Field("", alias="JACIE_OIDC_JWKS_URL")
    oidc_tenant_claim: str = Field("", alias="JACIE_OIDC_TENANT_CLAIM")
    oidc_scopes_claim: str = Field("scope", alias="JACIE_OIDC_SCOPES_CLAIM", min_length=1)

    host: str = Field("127.0.0.1", alias="HOST")
    port: int = Field(8000, alias="PORT", ge=0, le=65535)
    workers: int = Field(1, alias="WEB_CONCURRENCY", ge=1, le=256)

    # Set by a parent process for its workers, never by people.
    local_model_url: str = Field("", alias="JACIE_LOCAL_MODEL_URL")
    local_model_key: str = Field("", alias="JACIE_LOCAL_MODEL_KEY", repr=False)
    background: str = Field("", alias="JACIE_BACKGROUND")
    keys_seen: str = Field("", alias="JACIE_KEYS_SEEN")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment and nothing else: no .env file is picked up by surprise."""
        return init_settings, env_settings

    @field_validator("documents")
    @classmethod
    def _documents(cls, value: str) -> str:
        return documents_place(value)

    @field_validator("model_file", mode="before")
    @classmethod
    def _model_file(cls, value: object) -> object:
        if value in ("", None):
            return None
        if not Path(str(value)).is_file():
            raise ValueError("a GGUF file that exists")
        return value

    @field_validator("index")
    @classmethod
    def _index(cls, value: str) -> str:
        if value.startswith("sqlite:") and value.removeprefix("sqlite:"):
            return value
        if value.startswith("pinecone://") and _INDEX_NAME.match(urlsplit(value).netloc):
            return value
        raise ValueError("sqlite:./path.db or pinecone://index-name")

    @field_validator(*_CHOICES)
    @classmethod
    def _choice(cls, value: str, info: ValidationInfo) -> str:
        allowed = _CHOICES[str(info.field_name)]
        for one in allowed:
            if one.lower() == value.lower():
                return one
        raise ValueError(" or ".join(allowed))

    @field_validator("secret_key")
    @classmethod
    def _secret(cls, value: str) -> str:
        if value and len(value) < _SECRET_CHARS:
            raise ValueError(f"at least {_SECRET_CHARS} random characters, the same on all machines")
        return value

    @field_validator("oidc_jwks_url")
    @classmethod
    def _jwks_url(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if value and not (local or (parts.scheme == "https" and parts.hostname)):
            raise ValueError("an https:// URL (http:// on this machine only)")
        return value

    @field_validator("runs")
    @classmethod
    def _runs(cls, value: str) -> str:
        parts = urlsplit(value)
        if value == "memory:" or (parts.scheme in ("redis", "rediss") and parts.hostname and _database(parts.path)):
            return value
        raise ValueError("memory: or redis://host:6379/0 (rediss:// for TLS)")

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        bare = value.strip().removeprefix("[").removesuffix("]")
        try:
            return str(ip_address(bare))
        except ValueError:
            pass
        if _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit():
            return bare
        raise ValueError("an address such as 127.0.0.1, 0.0.0.0, ::1 or ::, or the name of this machine, without a port")

    @field_validator("rate_limit", "page_rate_limit", "poll_rate_limit")
    @classmethod
    def _rate(cls, value: str) -> str:
        if value != "off" and not _RATE.match(value):
            raise ValueError("requests in a window, such as 60/minute (second, minute, hour or day), or off")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _peers(cls, value: str) -> str:
        try:
            _networks(value)
        except ValueError:
            raise ValueError("addresses and networks such as 10.1.0.0/16, loopback or private, separated by commas") from None
        return value

    @field_validator("openai_base_url", "s3_endpoint", "pinecone_host", "otlp_endpoint")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("an http:// or https:// URL")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> tuple[str, ...]:
        if not isinstance(value, str):
            return value  # type: ignore[return-value]  # pydantic checks the rest
        return tuple(_origin(part) for part in (part.strip().rstrip("/").lower() for part in value.split(",")) if part)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.workers > 1 and self.runs == "memory:":
            raise ValueError(
                f"WEB_CONCURRENCY={self.workers} needs a shared run log: with JACIE_RUNS=memory: a client that reconnects to "
                "another worker would not find its answer; use one worker, or JACIE_RUNS=redis://host:6379/0"
            )
        if self.index.startswith("pinecone://") and not self.pinecone_api_key:
            raise ValueError("JACIE_INDEX=pinecone://... needs PINECONE_API_KEY")
        if self.trusted_proxies != "loopback" and not self.proxies:
            raise ValueError("JACIE_TRUSTED_PROXIES needs JACIE_PROXIES, the number of proxies on the way")
        oidc = {"ISSUER": self.oidc_issuer, "AUDIENCE": self.oidc_audience, "JWKS_URL": self.oidc_jwks_url}
        if any(oidc.values()) and not all(oidc.values()):
            missing = ", ".join(f"JACIE_OIDC_{name}" for name, value in oidc.items() if not value)
            raise ValueError(
                f"JACIE_OIDC_ISSUER, JACIE_OIDC_AUDIENCE and JACIE_OIDC_JWKS_URL belong together; missing: {missing}"
            )
        if self.openai_api_key and "@" in urlsplit(self.openai_base_url).netloc:
            raise ValueError(
                "OPENAI_BASE_URL holds a name or password before its host, which would be sent in the place of OPENAI_API_KEY; "
                "allowed: one of the two"
            )
        if self.model_file and (self.openai_api_key or self.openai_base_url) and self.embeddings != "openai":
            raise ValueError("JACIE_MODEL_FILE and OPENAI_API_KEY or OPENAI_BASE_URL name two models; allowed: one of the two")
        if self.embeddings == "openai" and not (self.openai_api_key or self.openai_base_url):
            raise ValueError("JACIE_EMBEDDINGS=openai needs OPENAI_API_KEY or OPENAI_BASE_URL")
        return self

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be told to anybody: the values of secret settings, and what stands before the host of any URL."""
        held = {str(getattr(self, name)) for name, field in type(self).model_fields.items() if not field.repr}
        named = {str(getattr(self, name)) for name in type(self).model_fields}
        return frozenset(filter(None, held.union(*map(_parts, held), *map(_credentials, named)) - {"memory:"}))

    @property
    def uses_local_model(self) -> bool:
        """Whether a GGUF file of the user's is served by a process of Jacie's own."""
        return self.model_file is not None and not self.scripted

    @property
    def local_context(self) -> int:
        """The tokens of context that a local model is given: as set, at most what most of them take."""
        return min(self.model_context, _LOCAL_CONTEXT)

    @property
    def uses_remote_model(self) -> bool:
        """Whether an OpenAI-compatible server is asked."""
        return bool(self.openai_api_key or self.openai_base_url) and not self.uses_local_model and not self.scripted

    @property
    def scripted(self) -> bool:
        """Whether answers come from the scripted model, whatever else is set."""
        return self.model == "scripted"

    @property
    def listened_at(self) -> str:
        """The host as it stands in an address or URL: one of IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def keys_file(self) -> Path:
        """The file of API keys."""
        return Path(self.keys) if self.keys else self.data / "keys.json"

    @property
    def rate(self) -> tuple[int, str] | None:
        """The questions and searches a caller may send, and in which unit of time; None for any number."""
        return _rate(self.rate_limit)

    @property
    def poll_rate(self) -> tuple[int, str] | None:
        """Return how many polls and listings a caller may make in which window, None for no bound."""
        return _rate(self.poll_rate_limit)

    @property
    def page_rate(self) -> tuple[int, str] | None:
        """The documents and pages a caller may ask for, and in which unit of time; None for any number."""
        return _rate(self.page_rate_limit)

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The networks whose addresses may say who the client is, when the settings count proxies."""
        return _networks(self.trusted_proxies)

    @property
    def documents_folder(self) -> Path | None:
        """The local folder of documents, or None when they are in S3."""
        return Path(self.documents.removeprefix("file:")) if self.documents.startswith("file:") else None


def secret_variables() -> frozenset[str]:
    """Return the names of the variables that hold a secret: a child that needs none is started without them."""
    urls = {"OPENAI_BASE_URL", "PINECONE_INDEX_HOST", "AWS_ENDPOINT_URL_S3", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    return frozenset({str(field.alias) for field in Settings.model_fields.values() if not field.repr} | urls)


def _credentials(value: str) -> set[str]:
    """Return the user information of a URL: whole, its password, and both as they are sent."""
    place = urlsplit(value).netloc if "://" in value else ""
    if "@" not in place:
        return set()
    whole = place.rpartition("@")[0]
    password = whole.partition(":")[2]
    return {whole, unquote(whole), password, unquote(password)}


def _parts(value: str) -> set[str]:
    """Return the values of a list such as ``name=value,name=value``, which are told apart where they are used."""
    return {part.partition("=")[2].strip() for part in value.split(",") if "=" in part}


def documents_place(value: str) -> str:
    """Return where documents are as ``file:folder`` or an S3 URL; raise ValueError with what is allowed."""
    if value.startswith("s3://"):
        if not urlsplit(value).netloc:
            raise ValueError("a folder (file:./folder) or s3://bucket/prefix")
        return value
    if "://" in value and not value.startswith("file://"):
        raise ValueError("a folder (file:./folder) or s3://bucket/prefix")
    folder = value.removeprefix("file://").removeprefix("file:")
    if not folder or not Path(folder).is_dir():
        raise ValueError("a folder that exists (file:./folder) or s3://bucket/prefix")
    return f"file:{folder}"


def _origin(text: str) -> str:
    """Return an origin as browsers write it, which leave the usual port out; ``*.`` may stand for any subdomain. Raise ValueError."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host = None, ""
    if not host or not _ORIGIN.fullmatch(text) or (host.startswith("*") and host[-1].isdigit()):
        raise ValueError("origins such as https://app.example.com or https://*.example.com, separated by commas (* only so)")
    return text.rpartition(":")[0] if port == {"http": 80, "https": 443}[parts.scheme] else text


def _rate(value: str) -> tuple[int, str] | None:
    found = _RATE.match(value)
    return (int(found[1]), found[2]) if found else None


def _networks(value: str) -> tuple[Network, ...]:
    """Return the networks of a list of addresses, networks and names of such; raise ValueError."""
    words = [word.strip() for word in value.split(",") if word.strip()]
    return tuple(ip_network(place) for word in words for place in _NETWORKS.get(word, (word,)))


def _database(path: str) -> bool:
    """Say whether the path of a Redis URL is empty or a database's number."""
    return path in ("", "/") or path[1:].isdigit()


_CLIENTS = {"JACIE_KEY"}  # the command-line client's, in the same shell perhaps
_INTERNAL = {"JACIE_PARENT_PID", "JACIE_BACKGROUND", "JACIE_LOCAL_MODEL_URL", "JACIE_LOCAL_MODEL_KEY", "JACIE_KEYS_SEEN"}


def load(**overrides: object) -> Settings:
    """Return the settings of this process; raise ConfigurationError with one line for the first thing that is wrong."""
    known = {str(field.alias) for field in Settings.model_fields.values()}
    for name in sorted(os.environ):
        if name.startswith("JACIE_") and name not in known | _INTERNAL | _CLIENTS:
            raise ConfigurationError(f"{name} is not a setting; {_meant(name, known - _INTERNAL)}")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None


def _meant(name: str, settings: set[str]) -> str:
    """Return the setting that a wrong name comes near to, all of them where it comes near to none."""
    near = get_close_matches(name, settings, n=1, cutoff=0.85)
    return f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(settings))}"


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    message = wanted(first["type"], first.get("ctx", {})) or str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    alias = next((str(f.alias) for n, f in Settings.model_fields.items() if n == name), name)
    held = "(not shown)" if _SECRET.search(alias) else repr(_SECRET_PART.sub("(not shown)", os.environ.get(alias, "(unset)")))
    return f"{alias} holds {held}, allowed: {message}"
