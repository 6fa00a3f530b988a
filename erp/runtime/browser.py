"""The browser of the browser tests: Debian's Chromium and a font with Japanese in it, installed where this process may do so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("chromium", "fonts-noto-cjk")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def path() -> str:
    """The browser that is there, or nothing. ``MAMORI_CHROMIUM`` names another one."""
    named = os.environ.get("MAMORI_CHROMIUM", "")
    return named or next((found for name in NAMES if (found := shutil.which(name))), "")


def missing() -> list[str]:
    """What is not there of what the tests need."""
    has_font = any(Path("/usr/share/fonts").rglob("*CJK*"))
    return [name for name, is_there in zip(PACKAGES, (bool(path()), has_font), strict=True) if not is_there]


def main() -> int:
    """Install what is missing where that is possible. In CI it must be possible; elsewhere the tests say why they skip."""
    wanted = missing()
    if not wanted:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write(f"Installing {' and '.join(wanted)} for the browser tests ...\n")
        sys.stdout.flush()
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
            subprocess.run(
                ["apt-get", "--quiet", "--quiet", *command], env=quiet, check=False, stdout=subprocess.DEVNULL
            )
        wanted = missing()
    if wanted and os.environ.get("CI"):
        sys.stderr.write(f"The browser tests need {' and '.join(wanted)}, and in CI they are not skipped.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
