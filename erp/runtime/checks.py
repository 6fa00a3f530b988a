"""``make test``: everything that must hold before a change is accepted, in order, up to the first failure."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from erp.runtime import leash, scratch
from erp.runtime.installation import PROJECT

SERVERS = {"DATABASE_URL", "MAMORI_TEST_PROCESSES"}


@dataclass(frozen=True)
class Check:
    name: str
    command: list[str]


BROWSER = Check("a browser is there, or cannot be", ["erp.runtime.browser"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in SUITES:
        sys.stderr.write(f"usage: checks {'|'.join(SUITES)}\n")
        return 2
    # A stopped run must clean up behind itself, whoever stops it, also as a background job that ignores Ctrl-C.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    leash.die_with_parent(signal.SIGTERM, parent_pid=os.getppid())
    with scratch.folder() as var:
        return run_until_one_fails(SUITES[arguments[0]](), _environment(var))


def _lint() -> list[Check]:
    return [
        Check("ruff check", ["ruff", "check", "--quiet", "."]),
        Check("ruff format", ["ruff", "format", "--quiet", "--check", "."]),
        Check("mypy --strict", ["mypy", "--no-error-summary"]),
        Check("import-linter", ["importlinter.cli", "lint"]),
        Check("migrations are complete", ["manage.py", "makemigrations", "--check", "--dry-run"]),
        Check("Japanese catalogue is complete", ["erp.runtime.catalogue", "check"]),
    ]


def _test() -> list[Check]:
    return [*_lint(), Check("pytest", [*_pytest(), "-m", "not slow"])]


def _test_all() -> list[Check]:
    return [*_test(), *_test_browser(), *_test_slow(), *_test_faults()]


def _test_slow() -> list[Check]:
    # What drives a browser, or a whole installation, has a process of its own: a browser leaves an event loop behind, and Django asks nothing then.
    return [Check("pytest, slow tests", [*_pytest(), "-m", "slow and not browser and not faults"])]


def _test_browser() -> list[Check]:
    return [BROWSER, Check("pytest, in a browser", ["pytest", "-q", "-n", "0", "-m", "browser"])]


def _test_faults() -> list[Check]:
    return [Check("pytest, a minute of every fault", ["pytest", "-q", "-n", "0", "-m", "faults"])]


SUITES = {
    "lint": _lint,
    "test": _test,
    "test-all": _test_all,
    "test-slow": _test_slow,
    "test-browser": _test_browser,
    "test-faults": _test_faults,
}


def _pytest() -> list[str]:
    processes = os.environ.get("MAMORI_TEST_PROCESSES", "2")
    # All must end within ten minutes; the slowest are named, so that one can see where they go.
    return ["pytest", "-q", "-n", processes, "--dist", "loadgroup", "--durations", "20", "--durations-min", "5"]


def _environment(var: Path) -> dict[str, str]:
    """The caller's environment without the settings of an installation: a check must not depend on who runs it.

    Only ``DATABASE_URL`` counts, because a server of one's own to test on is a choice.
    """
    named = set(re.findall(r"^# ([A-Z_]+)=", (PROJECT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    kept = {name: value for name, value in os.environ.items() if name not in named - SERVERS}
    unwanted = {"DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS", "PYTHONPATH", "PYTHONWARNINGS"}
    # The tests start Python a hundred times; without kept bytecode each start compiles half of Django again.
    unwanted |= {"PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in kept.items() if name not in unwanted}
    return kept | {"DEBUG": "true", "MAMORI_ENV_FILE": "", "MAMORI_VAR": str(var)}


def run_until_one_fails(checks: list[Check], environment: dict[str, str]) -> int:
    for number, check in enumerate(checks, start=1):
        title = f"[{number}/{len(checks)}] {check.name}"
        _say(f"{title} ...")
        started = time.monotonic()
        process = leash.start(_command(check), env=environment, cwd=PROJECT, on_parent_death=signal.SIGTERM)
        try:
            failed = process.wait() != 0
        except KeyboardInterrupt:
            _stop(process)
            _say(f"{title}: stopped")
            return 130
        if failed:
            _say(f"{title}: FAILED")
            return 1
        _say(f"{title}: ok ({time.monotonic() - started:.1f} s)")
    _say("All checks passed.")
    return 0


def _stop(process: subprocess.Popen[bytes], *, timeout_s: float = 8) -> None:
    """It has a session of its own, so the terminal's Ctrl-C did not reach it. A second one ends the wait."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.wait(timeout=timeout_s)
    # Its workers and their servers are on leashes of their own.
    process.kill()
    process.wait()


def _command(check: Check) -> list[str]:
    program, *arguments = check.command
    if program == "manage.py":
        # Without a running database Django warns that it cannot compare; only the files count here.
        return [sys.executable, "-W", "ignore::RuntimeWarning", program, *arguments]
    if program == "importlinter.cli":
        return [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
    return [sys.executable, "-m", program, *arguments]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
