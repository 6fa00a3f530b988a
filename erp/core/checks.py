"""The checks of ``manage.py verify``. Each app registers its own in ``AppConfig.ready``; the kernel runs them in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One culprit row: which promise it breaks, which document, and the figures that disagree."""

    promise: str
    subject_type: str
    subject_id: int
    subject_label: str
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """``count`` says how many rows the check looked at, ``find`` yields what is wrong. Both only read."""

    promise: str
    title: str
    count: Callable[[], int]
    find: Callable[[], Iterator[Fault]]


_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    """Add a check under its title. Registering the same title again replaces it, so a reloading server stays sound."""
    _checks[check.title] = check


def registered() -> list[Check]:
    return sorted(_checks.values(), key=lambda check: (check.promise, check.title))
