"""The command ``python -m jacie_flask.client "question"``."""

import argparse
import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console

from jacie_flask.client.stream import DEFAULT_URL, Client, ClientError, RunFailedError, RunStream, UnreachableError
from jacie_flask.client.views import JsonView, LiveView, PlainView, View, clean


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m jacie_flask.client", description="Ask Jacie a question and watch it being answered.")
    parser.add_argument("question")
    parser.add_argument("--fast", action="store_true", help="search the index instead of reading whole documents")
    parser.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    parser.add_argument("--key", default=os.environ.get("JACIE_KEY"), help="an API key or token (default: $JACIE_KEY)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no steps on stderr when stdout is not a terminal")
    parser.add_argument("--company", help="only documents of this company")
    parser.add_argument("--period", help="only documents of this period, such as 2023")
    parser.add_argument("--document-type", help="only documents of this type")
    parser.add_argument("--document-id", action="append", metavar="ID", help="only this document; may be repeated")
    parser.add_argument("--no-documents", action="store_true", help="answer without documents")
    parser.add_argument("--timeout", type=float, default=60.0, help="longest silence in seconds (default: %(default)s)")
    options = parser.parse_args(argv)
    if not options.question.strip():
        parser.error("the question is empty")
    if not re.match(r"https?://[^/]", options.url):
        parser.error(f"--url {options.url!r} is not an http or https address")
    return options


def _ask_options(options: argparse.Namespace) -> dict[str, Any]:
    filters = {name: getattr(options, name) for name in ("company", "period", "document_type") if getattr(options, name)}
    return {
        "fast": options.fast,
        "filters": filters or None,
        "document_ids": options.document_id,
        "auto_load_documents": False if options.no_documents else None,
    }


def _view(options: argparse.Namespace) -> View:
    if options.json:
        return JsonView(options.url, quiet=options.quiet)
    if sys.stdout.isatty():
        return LiveView(Console(), options.url)
    return PlainView(options.url, quiet=options.quiet)


def _complain(error: ClientError) -> None:
    sys.stderr.write(f"{error.code}: {clean(str(error))}\n")


def _run(stream: RunStream, view: View) -> int:
    try:
        for event in stream:
            view.show(event)
            if event.name == "error":
                raise RunFailedError(event.data)
    except KeyboardInterrupt:
        view.close()
        with contextlib.suppress(ClientError):
            stream.cancel()
        sys.stderr.write("Stopped.\n")
        return 130
    except ClientError as error:
        view.close()
        _complain(error)
        return 3 if isinstance(error, UnreachableError) else 1
    view.close()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 for an answer, 1 for an error, 2 for wrong usage, 3 for no server, 130 when stopped."""
    options = _arguments(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    view = _view(options)
    try:
        with Client(options.url, api_key=options.key, timeout=options.timeout) as client:
            return _run(client.stream(options.question, on_reconnect=view.reconnecting, **_ask_options(options)), view)
    except BrokenPipeError:  # the reader of our output left, as head does; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
