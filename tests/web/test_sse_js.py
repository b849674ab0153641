"""The page's SSE parser, run in node against the table of the Python parser."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.client.test_sse_parser import CASES

PARSER = Path(__file__).parents[2] / "static/js/sse.js"
NODE = shutil.which("node")
PROGRAM = """
const { SseParser } = await import(process.argv[1]);
const streams = JSON.parse(require("fs").readFileSync(0, "utf8"));
const parse = (chunks) => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.feed(Buffer.from(chunk, "base64"))).map(({ raw, ...item }) => item);
};
console.log(JSON.stringify(streams.map(parse)));
"""


def in_node(streams: list[list[bytes]]) -> list[list[dict[str, object]]]:
    """Return what static/js/sse.js makes of each stream's chunks."""
    source = base64.b64encode(PARSER.read_bytes()).decode()
    program = f"(async () => {{{PROGRAM}}})()"
    chunks = json.dumps([[base64.b64encode(chunk).decode() for chunk in stream] for stream in streams])
    command = [str(NODE), "-e", program, f"data:text/javascript;base64,{source}"]
    done = subprocess.run(command, input=chunks, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def as_json(item: object) -> dict[str, object]:
    """Return an item of the Python parser as the JavaScript one names it."""
    return {"type": type(item).__name__.lower(), **asdict(item)}


@pytest.mark.skipif(NODE is None, reason="node is not installed: static/js/sse.js is tested in the browser only")
@pytest.mark.parametrize("size", [None, 1, 3])
def test_parses_what_the_python_parser_parses(size):
    """Both parsers agree on every stream of the table, however it is cut."""
    streams = [chunks for chunks, _ in CASES.values()]
    if size:
        joined = [b"".join(chunks) for chunks in streams]
        streams = [[stream[start : start + size] for start in range(0, len(stream), size)] for stream in joined]
    found = dict(zip(CASES, in_node(streams), strict=True))
    assert found == {name: [as_json(item) for item in expected] for name, (_, expected) in CASES.items()}
