"""The command ``python -m jacie_flask.cli background-ingest FILE``, for a server's own use."""

import sys
from pathlib import Path

from jacie_flask.cli.background import background_ingest

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "background-ingest":
        sys.exit("use: flask --app wsgi ingest")
    background_ingest(Path(sys.argv[2]))
