"""The rooms and their walls: every import of the package is read, and none may point up or into a neighbour's room."""

import ast
import graphlib
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.durations import duration_comparisons, measured_attributes

ROOT = Path(__file__).parents[1] / "jacie_flask"
LAYERS = (
    {"web", "cli", "app", "doctor", "__init__"},
    {"services", "answer", "ingest"},
    {"evidence"},
    {"computation"},
    {"question"},
    {"runs", "documents", "retrieval", "models", "access"},
    {"tenants"},
    {
        "dialects",
        "facts",
        "text",
        "interfaces",
        "config",
        "concurrency",
        "processes",
        "files",
        "keeping",
        "data_folder",
        "sqlite_files",
        "logs",
        "retries",
        "breakers",
        "upstreams",
        "openai_errors",
        "measures",
        "tracing",
        "redaction",
    },
    {"events", "errors", "wording"},
)
ALONE = {"client"}
BACKENDS = {"runs", "documents", "retrieval", "models", "access"}
PARTS = {
    "documents.folder_store", "documents.s3_store", "documents.text_cache", "documents.extraction", "documents.reader",
    "documents.catalog", "documents.ledger", "retrieval.sqlite_index", "retrieval.pinecone_index", "retrieval.embedded_embedder",
    "retrieval.openai_embedder", "models.openai_model", "models.local_server", "models.absent", "models.scripted", "runs.memory_log",
    "runs.redis_log", "access.tokens", "documents.pictures", "documents.bounded_folder",
}  # fmt: skip
# Ingestion is typed by the parts that only it works on; it builds none of them.
INGESTS = {"documents.catalog", "documents.ledger", "documents.reader"}
SDKS = {
    "gevent": {"concurrency", "web.worker"},
    "boto3": {"documents.s3_store"},
    "botocore": {"documents.s3_store"},
    "pinecone": {"retrieval.pinecone_index"},
    "openai": {"models.openai_model", "retrieval.openai_embedder", "openai_errors"},
    "redis": {"runs.redis_connection"},
    "h11": {"models.http_transport"},
    "gunicorn": {"web.worker", "web.gunicorn_log", "web.bodies", "web.refusals"},
    "structlog": {"logs"},
    "prometheus_client": {"measures"},
    "opentelemetry": {"tracing"},
    "xllamacpp": {"models.llama_server"},
    "pypdfium2": {
        "documents.formats.pdf",
        "documents.formats.pdf_annotations",
        "documents.formats.pdf_calls",
        "documents.formats.pdf_characters",
        "documents.formats.pdf_images",
        "documents.formats.pdf_pages",
        "documents.formats.pdf_recognition",
        "documents.page_picture",
    },
    "PIL": {"documents.page_picture"},
    "docx": {"documents.formats.docx", "documents.formats.docx_runs", "documents.formats.docx_tables"},
    "pptx": {"documents.formats.pptx"},
    "lxml": {"documents.formats"},
    "tinycss2": {"documents.formats.stylesheets"},
    "cssselect": {"documents.formats.stylesheets"},
    "markdown_it": {"documents.formats.markdown"},
    "charset_normalizer": {"documents.formats.text"},
    "jwt": {"access.tokens"},
    "onnxruntime": {"retrieval.embedded_embedder"},
}
READS_ENVIRONMENT = {"config", "client.__main__", "processes", "documents.extraction", "models.llama_server"}


def name_of(path: Path) -> str:
    """Return a module's name below the package; a folder's ``__init__`` is the folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported(path: Path) -> set[str]:
    """Return the full names that a module imports, wherever in it; ``from a import b`` counts as ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


PATHS = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def modules() -> dict[str, set[str]]:
    """Return what each module of the package imports; only the tests read it, so that collecting them costs no parsing."""
    return {name: imported(path) for name, path in PATHS.items()}


def inner(module: str) -> set[str]:
    """Return the modules of the package that ``module`` imports, by their names below the package."""
    found = set()
    for full in modules()[module]:
        if full != "jacie_flask" and not full.startswith("jacie_flask."):
            continue
        name = full.removeprefix("jacie_flask").removeprefix(".")
        while name and name not in PATHS:
            name = name.rpartition(".")[0]
        found.add(name or "__init__")
    return found


def room(module: str) -> str:
    """Return the folder or file at the top of the package that a module lies in."""
    return module.partition(".")[0]


def depth(module: str) -> int:
    """Return the layer of a module, counted from the top."""
    return next(at for at, layer in enumerate(LAYERS) if room(module) in layer)


def test_every_module_has_its_layer():
    """A new room is put into the picture before it is used."""
    known = set().union(*LAYERS) | ALONE
    assert {room(module) for module in PATHS} <= known


@pytest.mark.parametrize("module", sorted(module for module in PATHS if room(module) not in ALONE))
def test_imports_point_down_or_sideways(module):
    """No module imports one of a layer above its own, nor one of those that stand alone."""
    for other in inner(module):
        assert room(other) not in ALONE, f"{module} imports {other}, which stands alone"
        assert depth(other) >= depth(module), f"{module} imports {other}, which lies above it"


def test_the_client_stands_alone():
    """The streaming client's folder can be copied out of the package."""
    for module in PATHS:
        if room(module) in ALONE:
            assert {room(other) for other in inner(module)} <= {room(module)}, module


def test_backends_do_not_know_each_other():
    """Runs, documents, retrieval and models meet in services and chat only."""
    for module in PATHS:
        if room(module) in BACKENDS:
            strangers = {other for other in inner(module) if room(other) in BACKENDS - {room(module)}}
            assert not strangers, f"{module} imports {strangers}"


def test_services_is_for_the_top_only():
    """Steps get their parts handed; only the entrances build them."""
    for module in PATHS:
        if "services" in {room(other) for other in inner(module)} and room(module) != "services":
            assert room(module) in LAYERS[0], module


def test_only_services_knows_the_real_parts():
    """A backend can be exchanged by editing services/ and nothing else."""
    for module in PATHS:
        outside = {other for other in inner(module) & PARTS if room(other) != room(module)}
        allowed = PARTS if room(module) == "services" else INGESTS if module == "ingest" else set()
        assert outside <= allowed, f"{module} imports {outside - allowed}"
    answering = {"question", "computation", "evidence", "answer"}
    taken = {other for module in PATHS if room(module) in answering for other in inner(module) if room(other) in BACKENDS}
    assert taken <= {"retrieval.ranking"}, taken


def test_there_are_no_import_cycles():
    """Modules can be read one after the other, lowest first."""
    graph = {module: inner(module) - {module, "__init__"} for module in PATHS}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(set(graph) | set().union(*graph.values()))


def test_flask_stays_at_the_entrances():
    """Nothing below the web room knows what a request is."""
    for module, names in modules().items():
        if {name.partition(".")[0] for name in names} & {"flask", "flask_cors", "werkzeug"}:
            assert room(module) in LAYERS[0], module


@pytest.mark.parametrize("sdk", sorted(SDKS))
def test_each_sdk_has_one_home(sdk):
    """An SDK is imported in the file or folder where its errors are translated, and nowhere else."""
    users = {module for module, names in modules().items() if any(name.partition(".")[0] == sdk for name in names)}
    strangers = {user for user in users if not any(f"{user}.".startswith(f"{home}.") for home in SDKS[sdk])}
    assert not strangers, strangers


def test_the_environment_is_read_in_one_place():
    """Settings come from config; the others only pass an environment on to a child or are one."""
    for module, path in PATHS.items():
        tree = ast.parse(path.read_text())
        attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "os"}
        if attributes & {"environ", "environb", "getenv", "getenvb", "putenv"}:
            assert module in READS_ENVIRONMENT, module


def test_everything_imported_is_declared():
    """What is neither ours nor the standard library's is a line of requirements.txt."""
    declared = (ROOT.parent / "requirements.txt").read_text().replace("-", "_").lower()
    outside = {name.partition(".")[0] for names in modules().values() for name in names}
    outside -= set(sys.stdlib_module_names) | {"jacie_flask"}
    outside = {{"PIL": "pillow", "jwt": "pyjwt"}.get(name, name) for name in outside}
    undeclared = {name for name in outside if f"\n{name.lower()}" not in declared}
    undeclared -= {
        "docx",
        "pptx",
        "markdown_it",
        "xllamacpp",
    }  # python-docx, python-pptx, markdown-it-py; requirements-local-model.txt
    assert undeclared <= {"werkzeug", "click", "botocore"}, undeclared  # flask's and boto3's own


# ---------------------------------------------------------------------------------------------------- tests and the clock

TESTS = Path(__file__).parent
# What may compare a measured time: the long runs and what only they use, the shared wait, and the examples of the rule.
MAY_COMPARE_DURATIONS = {"soak", "support/waiting.py", "support/monitored.conf.py", "test_durations.py"}


def test_no_test_asserts_on_speed():
    """Tests prove order and liveness with events that they control; speed is measured in bench/ and in tests marked ``soak``."""
    measured = frozenset().union(*(measured_attributes(path.read_text()) for path in (TESTS / "support").glob("*.py")))
    found = []
    for path in TESTS.rglob("*.py"):
        name = path.relative_to(TESTS)
        if name.parts[0] not in MAY_COMPARE_DURATIONS and str(name) not in MAY_COMPARE_DURATIONS:
            found += [f"{name}:{line}" for line in duration_comparisons(path.read_text(), measured)]
    assert not found, f"these lines compare a measured time: {found}"
