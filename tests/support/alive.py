"""Whether a process runs, as /proc has it."""

from pathlib import Path


def alive(pid: int | str) -> bool:
    """Say whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # gone, before it was opened or while it was read
        return False
