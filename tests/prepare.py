"""Installs what the tests need from the system where it may, and names what is missing where it may not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = {
    "redis-server": "run logs shared by workers",
    "chromium": "the pages in a real browser",
    "nginx": "streaming through a reverse proxy",
    "haproxy": "streaming through a load balancer",
    "systemd-analyze": "the systemd unit, as systemd reads it",
    "tesseract": "text recognition on scanned pages",
}
PACKAGES = {"tesseract": "tesseract-ocr", "systemd-analyze": "systemd"}


def main() -> None:
    """Install the missing programs by apt-get as root on Debian; elsewhere say what will not be tested."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing and os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get"):
        print(f"installing {', '.join(missing)} ...", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        install += [PACKAGES.get(name, name) for name in missing]
        subprocess.run(install, check=False, env=quiet, stdout=subprocess.DEVNULL)
        for name in ("redis-server", "nginx", "haproxy"):  # Debian starts them; the tests run their own
            if name in missing and shutil.which("service"):
                subprocess.run(["service", name, "stop"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, purpose in NEEDED.items():
        if shutil.which(name) is None:
            print(f"NOT TESTED: {purpose} ({name} is not installed)", file=sys.stderr)


if __name__ == "__main__":
    main()
