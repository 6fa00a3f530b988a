"""Makes the virtual environment and installs the locked packages, only when the lock changed.

The one file that runs before anything is installed: standard library only, and written so that an old Python can read
it far enough to say what is wrong. Then it becomes the command it was given, so that make starts us without a shell.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).resolve().parents[2]
NEEDED = (3, 11)
# The locked sets; the second contains the first.
LOCKS = ["requirements.txt", "requirements-dev.txt"]
# Settings of the user's shell that would lead packages to another place than our environment.
MISLEADING = ["PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "__PYVENV_LAUNCHER__"]


def main(lock: str, arguments: list[str]) -> None:
    if sys.version_info < NEEDED:
        _continue_with_a_newer_python()
    folder = Path(os.environ.get("MAMORI_VENV") or PROJECT / ".venv").absolute()
    python = folder / "bin" / "python"
    if not _is_installed(folder, lock):
        leash = _leash()
        leash.die_with_parent(signal.SIGTERM, parent_pid=os.getppid())
        with _only_one_installs(folder):
            # Another command may have done it while we waited.
            if not _is_installed(folder, lock):
                _install(folder, python, lock)
    os.execv(python, [str(python), *arguments])


def _is_installed(folder: Path, lock: str) -> bool:
    """Whether this lock, or a larger one, was installed completely and has not changed since."""
    larger = LOCKS[LOCKS.index(lock) :]
    return (folder / "bin" / "python").exists() and any(_stamp(folder, each).exists() for each in larger)


def _stamp(folder: Path, lock: str) -> Path:
    digest = hashlib.sha256((PROJECT / lock).read_bytes() + str(folder).encode()).hexdigest()[:16]
    return folder / f"installed-{lock}-{digest}"


@contextlib.contextmanager
def _only_one_installs(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another command that installs the packages ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(folder: Path, python: Path, lock: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    if not _works(python, environment):
        _say(f"Making the environment in {folder.name} ...")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], environment)
    _say(f"Installing the packages of {lock} ...")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install"]
    _run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(PROJECT / lock)], environment)
    for old in folder.glob(f"installed-{lock}-*"):
        old.unlink()
    _stamp(folder, lock).touch()


def _works(python: Path, environment: dict[str, str]) -> bool:
    """A copied, moved or half-made environment is made anew."""
    try:
        asked = subprocess.run([python, "-m", "pip", "--version"], env=environment, capture_output=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0


def _run(command: list[str], environment: dict[str, str]) -> None:
    if _leash().start(command, env=environment, output=sys.stderr.fileno()).wait() != 0:
        raise SystemExit("The environment could not be made; the lines above say why. Nothing else was changed.")


def _leash() -> ModuleType:
    # Only now, because an old Python could not read that file.
    sys.path.insert(0, str(PROJECT))
    from erp.runtime import leash

    return leash


def _continue_with_a_newer_python() -> None:
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            os.execv(found, [found, "-I", *sys.argv])  # never returns
    raise SystemExit(f"Mamori needs Python 3.11 or newer, not {sys.version.split()[0]}. Try: make PYTHON=python3.12")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in LOCKS:
        raise SystemExit(f"usage: environment.py {'|'.join(LOCKS)} ARGUMENTS_FOR_PYTHON...")
    main(sys.argv[1], sys.argv[2:])
