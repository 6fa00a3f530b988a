"""What this room refuses."""

from __future__ import annotations

from erp.core.errors import DomainError


class WrongCode(DomainError):
    """The code is not the one of now, was taken already, or belongs to nobody."""

    code = "wrong_code"


class FactorUnreadable(DomainError):
    """The key was sealed under another SECRET_KEY. The system staff removes the second factor, and its user sets it up anew."""

    code = "second_factor_unreadable"


class FactorRequired(DomainError):
    """A role of the user asks for a second factor: it cannot be given up."""

    code = "second_factor_required"
