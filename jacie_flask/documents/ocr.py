"""Text recognition by the ``tesseract`` program, where it is installed; runs in the extraction child's group and limits."""

import shutil
import subprocess

PAGE_S = 40.0


def program() -> str:
    """Return the path of tesseract, or nothing."""
    return shutil.which("tesseract") or ""


def recognise(gray: bytes, width: int, height: int, dpi: int) -> str:
    """Return the text of a picture of one byte a pixel, its rows as lines (``--psm 4``); nothing when recognition failed or took too long."""
    command = [program(), "stdin", "stdout", "--dpi", str(dpi), "--psm", "4"]
    try:
        done = subprocess.run(
            command, input=b"P5 %d %d 255\n" % (width, height) + gray, capture_output=True, timeout=PAGE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").replace("\f", "")
