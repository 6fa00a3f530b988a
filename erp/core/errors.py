"""What the house says when it refuses. A refusal is data with a stable code; a bug is an AssertionError and must crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input. ``pointer`` is a JSON pointer (RFC 6901) into what was sent, or a row such as ``row 12``."""

    pointer: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail} [{self.code}]" if self.pointer else f"{self.detail} [{self.code}]"


class DomainError(Exception):
    """A use-case was refused and changed nothing. ``code`` is stable, ``detail`` is for people."""

    code = "refused"

    def __init__(self, detail: str = "", *, problems: Sequence[Problem] = ()) -> None:
        self.detail = detail
        self.problems = tuple(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [str(self.detail), *(str(problem) for problem in self.problems)]
        return "; ".join(line for line in lines if line) or self.code


class InvalidInput(DomainError):
    """The input is malformed. ``problems`` names every fault, not only the first."""

    code = "invalid_input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("", problems=problems)


class NotFound(DomainError):
    """What the caller names does not exist."""

    code = "not_found"


class Conflict(DomainError):
    """The same key was used before with other content, or the document has moved on."""

    code = "conflict"


class NotAllowedNow(DomainError):
    """The document is in a state in which this act makes no sense."""

    code = "not_allowed_now"


class NotOwner(DomainError):
    """The other side owns this fact (DESIGN: one owner per fact)."""

    code = "not_owner"
