"""What a newcomer has: a clone, Python, make. As the user who runs the tests, and for root as an ordinary one too."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO

import psutil
import pytest

from erp.runtime import leash, quarters
from erp.runtime.installation import PROJECT
from tests.runtime.families import commands_of, family_of, wait_until, wait_until_gone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fresh clone")]
SYSTEM_PYTHON = "/usr/bin/python3"


def ordinary_user() -> str:
    """Somebody without a home, rights or secrets, in the words of the leash."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; these tests run as an ordinary one already")
    asked = subprocess.run([SYSTEM_PYTHON, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"])
    if asked.returncode != 0:
        pytest.skip(f"{SYSTEM_PYTHON} is no Python 3.11 with venv, and another user cannot read ours")
    return quarters.unprivileged_identity()


@pytest.fixture(params=["ourselves", "ordinary user"])
def clone(request, tmp_path_factory):
    """A copy of what git knows, and as whom to run a command in it."""
    # Below the system's folder for temporary files, because pytest's own lets nobody else in.
    identity = ordinary_user() if request.param == "ordinary user" else leash.SAME_USER
    folder = Path("/tmp") / f"mamori-clone-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    known = subprocess.run(
        # Whoever runs the tests may not be who cloned the project.
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, known):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    home = folder / "var-home"
    home.mkdir(mode=0o700)
    if identity != leash.SAME_USER:
        uid, gid = (int(number) for number in identity.split(":")[1:])
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid)
    yield folder, identity
    shutil.rmtree(folder, ignore_errors=True)


def make(target: str, folder: Path, identity: str, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start make in a bare environment, in a session of its own, as a terminal would."""
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    path = os.environ["PATH"] if identity == leash.SAME_USER else "/usr/bin:/bin"
    environment = passed_on | {"PATH": path, "HOME": str(folder / "var-home"), "LANG": "C.UTF-8"}
    return leash.start(["make", target], identity=identity, env=environment, cwd=folder, output=output)


def test_make_run_from_nothing_and_ctrl_c_as_a_terminal_sends_it(clone):
    folder, identity = clone
    printed = folder / "var-home" / "out"
    with printed.open("wb") as output:
        process = make("run", folder, identity, output)

    def is_ready() -> bool:
        assert process.poll() is None, printed.read_text()
        return bool(re.search(r"Address +http://", printed.read_text()))

    try:
        # A company of three months is made meanwhile; a machine that does other things takes its time.
        wait_until(is_ready, timeout_s=900)
        family = family_of(process.pid)
        assert len(family) > 10
    finally:
        # The terminal sends Ctrl-C to make and to what it runs alike.
        os.killpg(process.pid, 2)
    process.wait(timeout=60)
    wait_until_gone(family)
    assert "Mamori has stopped." in printed.read_text()


def test_a_half_made_environment_is_left_alone_when_make_is_killed(clone):
    folder, identity = clone
    process = make("lint", folder, identity, subprocess.DEVNULL)
    wait_until(lambda: any("install" in command for command in commands_of(process.pid)), timeout_s=600)
    family = family_of(process.pid)

    process.kill()

    process.wait()
    wait_until_gone(family)
    assert not [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(folder)]
