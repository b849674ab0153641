"""Forty kinds of damage to a file: cut, zeroed, random, with another's header or content, or something else in its place."""

import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

PAGE = 4096


def _written(path: Path, change: Callable[[bytearray], bytes | bytearray]) -> None:
    """Change a file in place: whoever has it open or mapped sees it."""
    data = change(bytearray(path.read_bytes()))
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate(len(data))


def _page(number: int, content: Callable[[int], bytes]) -> Callable[[Path], None]:
    def change(data: bytearray) -> bytearray:
        pages = max(1, -(-len(data) // PAGE))
        start = number % pages * PAGE
        end = min(start + PAGE, len(data))
        data[start:end] = content(end - start)
        return data

    return lambda path: _written(path, change)


def _flipped(seed: int, share: float) -> Callable[[Path], None]:
    def change(data: bytearray) -> bytearray:
        chance = random.Random(seed)
        for _ in range(max(1, int(len(data) * share))) if data else ():
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return data

    return lambda path: _written(path, change)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        path.unlink()
        make(path)

    return harm


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "something").write_text("of somebody")


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:  # the name of a socket has at most 107 bytes, whatever the folder's has
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _random(size: int, seed: int = 5) -> bytes:
    return random.Random(seed).randbytes(size)


KINDS: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: _written(path, lambda data: b""),
    "one byte": lambda path: _written(path, lambda data: data[:1]),
    "a hundred bytes": lambda path: _written(path, lambda data: data[:100]),
    "one page": lambda path: _written(path, lambda data: data[:PAGE]),
    "half": lambda path: _written(path, lambda data: data[: len(data) // 2]),
    "without its last byte": lambda path: _written(path, lambda data: data[:-1]),
    "without its last page": lambda path: _written(path, lambda data: data[:-PAGE]),
    "without its first byte": lambda path: _written(path, lambda data: data[1:]),
    "without its first page": lambda path: _written(path, lambda data: data[PAGE:]),
    "zeros": lambda path: _written(path, lambda data: bytes(len(data))),
    "ones": lambda path: _written(path, lambda data: b"\xff" * len(data)),
    "random": lambda path: _written(path, lambda data: _random(len(data))),
    "text": lambda path: _written(path, lambda data: b"this is no such file " * 500),
    "JSON": lambda path: _written(path, lambda data: b'{"keys": [[[[]]]], "a": 1e999}'),
    "not UTF-8": lambda path: _written(path, lambda data: b"\xff\xfe\x00\xd8" * 200),
    "behind garbage": lambda path: _written(path, lambda data: _random(777) + data),
    "before garbage": lambda path: _written(path, lambda data: data + _random(7777)),
    "twice": lambda path: _written(path, lambda data: data + data),
    "backwards": lambda path: _written(path, lambda data: data[::-1]),
    "an empty database's header": lambda path: _written(path, lambda data: b"SQLite format 3\0" + data[16:]),
    "a wrong header": lambda path: _written(path, lambda data: _random(100) + data[100:]),
    "a header alone": lambda path: _written(path, lambda data: data[:100] + bytes(max(0, len(data) - 100))),
    "a body of random bytes": lambda path: _written(path, lambda data: data[:100] + _random(max(0, len(data) - 100))),
    **{f"random page {number}": _page(number, _random) for number in (0, 1, 2, 3, 5, 8, 13)},
    **{f"zero page {number}": _page(number, bytes) for number in (0, 1, 2, 5)},
    "one bit": _flipped(1, 0.0),
    "many bits": _flipped(2, 0.01),
    "most bits": _flipped(3, 1.0),
    "gone": Path.unlink,
    "a folder": _replaced(_folder),
    "a link to nothing": _replaced(lambda path: path.symlink_to(path.with_name("nothing"))),
    "a link to itself": _replaced(lambda path: path.symlink_to(path.name)),
    "a pipe": _replaced(os.mkfifo),
    "a socket": _replaced(_socket),
    "without permission": lambda path: path.chmod(0),
}
"""What is done to a file, by name; each works on any file."""


def swap(one: Path, other: Path) -> None:
    """Exchange the contents of two files by name."""
    aside = one.with_name(f"{one.name}.aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def restored(saved: Path, data: Path) -> None:
    """Make a folder what it was when it was saved."""
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(saved, data, symlinks=True)
