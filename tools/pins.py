"""Moves the exact pins of a requirements file to what a resolution found newest; comments stay where they are."""

import re
import subprocess
import sys
from pathlib import Path

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?P<extra>\[[^]]*\])?==(?P<version>[^\s;]+)", re.MULTILINE)


def normal(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str) -> dict[str, str]:
    """Return the version of each package that a requirements file or a lock pins, markers aside."""
    return {normal(found["name"]): found["version"] for found in _PIN.finditer(text)}


def loosened(text: str, only: set[str]) -> str:
    """Return the requirements without their versions; with ``only``, the others keep theirs."""
    return _PIN.sub(lambda found: found[0] if only and normal(found["name"]) not in only else _named(found), text)


def moved(text: str, newest: dict[str, str]) -> str:
    """Return the text with each pin at its newest version, comments in their columns."""
    lines = []
    for line in text.splitlines():
        found = _PIN.match(line)
        version = newest.get(normal(found["name"])) if found else None
        lines.append(_put(line, found, version) if found and version else line)
    return "\n".join(lines) + "\n"


def _named(found: re.Match[str]) -> str:
    return f"{found['name']}{found['extra'] or ''}"


def _put(line: str, found: re.Match[str], version: str) -> str:
    pin, rest = f"{_named(found)}=={version}", line[found.end() :]
    comment = rest.lstrip()
    return f"{pin}{' ' * max(1, len(found[0]) + len(rest) - len(comment) - len(pin))}{comment}" if comment else pin


def main(uv: str, path: str, *only: str) -> None:
    """Ask the index what is newest and write it into the file."""
    file = Path(path)
    text = file.read_text()
    command = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--fork-strategy",
        "fewest",
        "--python-version",
        "3.11",
        "--no-annotate",
        "--no-header",
        "-",
    ]
    asked = loosened(text, {normal(name) for name in only})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    newest = pinned(done.stdout)
    for name, version in pinned(text).items():
        if newest[name] != version:
            sys.stdout.write(f"{path}: {name} {version} -> {newest[name]}\n")
    file.write_text(moved(text, newest))


if __name__ == "__main__":
    main(*sys.argv[1:])
