"""The checks of ``manage.py verify``. Each app registers its own in ``AppConfig.ready``; the kernel runs them in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Fault:
    """One culprit row: which promise it breaks, which document, and the figures that disagree."""

    promise: str
    subject_type: str
    subject_id: int
    subject_label: str
    detail: str

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id} {self.subject_label}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Check:
    """``count`` says how many rows the check looked at, ``find`` yields what is wrong. Both only read."""

    promise: str
    title: StrOrPromise
    count: Callable[[], int]
    find: Callable[[], Iterator[Fault]]


_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    """Add a check under its title. Registering the same title again replaces it, so a reloading server stays sound."""
    _checks[str(check.title)] = check


def registered() -> list[Check]:
    return sorted(_checks.values(), key=lambda check: (check.promise, str(check.title)))
