"""Markdown by markdown-it, through HTML: headings make pages and tables stay rows."""

from pathlib import Path

from markdown_it import MarkdownIt

from jacie_flask.documents.extraction import Job
from jacie_flask.documents.formats.html import html_blocks
from jacie_flask.documents.formats.text import decode
from jacie_flask.documents.paging import MoreTime, Reading, laid_out


def read(job: Job, more_time: MoreTime) -> Reading:
    """Return the pages of a Markdown file."""
    del more_time
    rendered = MarkdownIt("commonmark").enable("table").render(decode(Path(job.path).read_bytes()))
    notes: list[str] = []
    reading = laid_out(html_blocks(rendered, notes), job.max_pages, "html")
    reading.notes += notes
    return reading
