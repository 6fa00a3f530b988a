"""What a newcomer has: a clone, Python, make. As the user who runs the tests, and for root as an ordinary one too."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from erp.runtime.installation import PROJECT
from tests.runtime.families import commands_of, family_of, wait_until, wait_until_gone

pytestmark = pytest.mark.slow
SYSTEM_PYTHON = "/usr/bin/python3"


def ordinary_user() -> list[str]:
    """A prefix that runs a command as somebody without a home, rights or secrets."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; these tests run as an ordinary one already")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    asked = subprocess.run([SYSTEM_PYTHON, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"])
    if asked.returncode != 0:
        pytest.skip(f"{SYSTEM_PYTHON} is no Python 3.11 with venv, and another user cannot read ours")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture(params=["ourselves", "ordinary user"])
def clone(request, tmp_path_factory):
    """A copy of what git knows, and how to run a command in it."""
    # Below the system's folder for temporary files, because pytest's own lets nobody else in.
    prefix = ordinary_user() if request.param == "ordinary user" else []
    folder = Path("/tmp") / f"mamori-clone-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, known):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    home = folder / "var-home"
    home.mkdir(mode=0o700)
    if prefix:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
    yield folder, prefix
    shutil.rmtree(folder, ignore_errors=True)


def bare_environment(folder: Path, prefix: list[str]) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    path = "/usr/bin:/bin" if prefix else os.environ["PATH"]
    return passed_on | {"PATH": path, "HOME": str(folder / "var-home"), "LANG": "C.UTF-8"}


def test_make_run_from_nothing_and_ctrl_c_as_a_terminal_sends_it(clone):
    folder, prefix = clone
    printed = folder / "var-home" / "out"
    with printed.open("w") as output:
        process = subprocess.Popen(
            [*prefix, "make", "run"],
            cwd=folder, env=bare_environment(folder, prefix), stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip

    def is_ready() -> bool:
        assert process.poll() is None, printed.read_text()
        return bool(re.search(r"Address +http://", printed.read_text()))

    try:
        wait_until(is_ready, timeout_s=180)
        family = family_of(process.pid)
        assert len(family) > 10
    finally:
        # The terminal sends Ctrl-C to make and to what it runs alike.
        os.killpg(process.pid, 2)
    process.wait(timeout=60)
    wait_until_gone(family)
    assert "Mamori has stopped." in printed.read_text()


def test_a_half_made_environment_is_left_alone_when_make_is_killed(clone):
    folder, prefix = clone
    process = subprocess.Popen(
        [*prefix, "make", "lint"],
        cwd=folder, env=bare_environment(folder, prefix), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: any("install" in command for command in commands_of(process.pid)), timeout_s=120)
    family = family_of(process.pid)

    process.kill()

    process.wait()
    wait_until_gone(family)
    assert not [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(folder)]
