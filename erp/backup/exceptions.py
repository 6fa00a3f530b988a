"""What backup and restore refuse, and what ends them."""

from __future__ import annotations

from erp.core.errors import DomainError


class BackupRefused(DomainError):
    """Nothing was begun. ``problems`` names everything that stands in the way."""

    code = "backup_refused"


class ProgramFailed(RuntimeError):
    """A program of PostgreSQL ended badly; the message is what it said. Nothing is half-written: the transaction or the file was given up."""
