"""What ``make test`` is started with: the choice of unit tests, the count of CPU time, and the list of targets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.unit_tests import TESTS, WHOLE_SYSTEM, is_unit_test_file

ROOT = TESTS.parent
SUPPORT = {
    "starter.py": "import subprocess\n",
    "over.py": "from tests.support import starter\n",
    "waiting.py": "import time\n",
}


def judged(tests: Path, text: str, folder: str = "text") -> bool:
    """Write a test file beside a small ``support`` folder and return whether it is one with unit tests."""
    files = {f"support/{name}": content for name, content in SUPPORT.items()} | {f"{folder}/test_it.py": text}
    for name, content in files.items():
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).write_text(content)
    return is_unit_test_file(tests / folder / "test_it.py", tests)


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\n",
        "def test_it():\n    import multiprocessing.pool\n",
        "from tests.support.starter import start\n",
        "from tests.support.over import start\n",
        "import pytest\n\nsync_api = pytest.importorskip('playwright.sync_api')\n",
        "def test_it(browser):\n    pass\n",
    ],
)
def test_a_file_that_starts_something_has_no_unit_tests(tmp_path, text):
    """By itself, inside a test, through one or two parts of the support folder, or by the browser's fixture."""
    assert not judged(tmp_path, text)


def test_other_files_have_unit_tests(tmp_path):
    """Whatever they import that starts nothing; a test of the whole system has none in any case."""
    text = "import re\n\nfrom tests.support.waiting import wait_for\n"
    assert judged(tmp_path, text)
    assert not any(judged(tmp_path, text, folder) for folder in WHOLE_SYSTEM)


def test_the_choice_leaves_both_kinds():
    """Of this suite, well-known files are on either side, and many files are unit tests."""
    names = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py") if is_unit_test_file(path)}
    assert {"text/test_figures.py", "question/test_plans.py", "runs/test_sse.py"} <= names
    assert not {"test_cli.py", "runs/test_redis_log.py", "documents/test_stores.py", "web/test_sse_js.py"} & names
    assert len(names) > 60


SPINS = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def counted(script: str) -> tuple[float, int]:
    """Run a script under the tool and return (CPU seconds that it printed, exit code)."""
    command = [sys.executable, "-m", "tools.cpu_time", sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return float(re.search(r"^CPU time of all processes: (\d+) s", done.stdout, re.MULTILINE)[1]), done.returncode


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are counted on Linux only: NOT TESTED")
def test_the_cpu_time_of_orphans_is_counted():
    """A process whose parent has ended without a wait is counted, and the exit code is that of the command."""
    orphan = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SPINS.format(2)!r}])\n"
    seconds, code = counted(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {orphan!r}])\nsys.exit(3)\n")
    assert code == 3
    assert seconds >= 2, "what two seconds of work cost, and the start of the processes"


def test_make_help_lists_the_targets():
    """Each target with a ``##`` comment, and no target that people call is without one."""
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    listed = set(re.findall(r"^make (\S+)", shown, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    assert listed == phony
