"""Who does a thing. Every write use-case takes ``by``; the edge (admin, API, command, job) makes the actor, nothing inside guesses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    STAFF = "staff"
    CHANNEL = "channel"
    JOB = "job"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is a login, a channel code, a job or a command; ``source`` says from where (IP and path, host, file)."""

    kind: ActorKind
    name: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"[:100]

    @classmethod
    def staff(cls, username: str, source: str = "") -> Actor:
        return cls(ActorKind.STAFF, username, source)

    @classmethod
    def channel(cls, code: str, source: str = "") -> Actor:
        return cls(ActorKind.CHANNEL, code, source)

    @classmethod
    def job(cls, name: str) -> Actor:
        return cls(ActorKind.JOB, name)

    @classmethod
    def command(cls, name: str, source: str = "") -> Actor:
        return cls(ActorKind.COMMAND, name, source)
