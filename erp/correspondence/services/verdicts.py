"""What an answer of a mail server means (pure): try again, give up, or nobody knows whether the mail went out."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _


class Means(StrEnum):
    # The server said that it does not take the mail now: 4xx, or it was not reached before anything was handed over.
    LATER = "LATER"
    # It will never take it: 5xx.
    NEVER = "NEVER"
    # The line broke while the mail was being handed over. It may have arrived.
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Verdict:
    means: Means
    reason: str


def verdict_of(fault: Exception) -> Verdict:
    """Of a fault while one mail was handed over."""
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        # One recipient per mail, so one answer.
        code, said = next(iter(fault.recipients.values()), (550, b""))
        return Verdict(_by_code(code), _("The address was refused: %(said)s") % {"said": _text(code, said)})
    if isinstance(fault, smtplib.SMTPResponseException):
        told = _("The mail server refused the mail: %(said)s")
        return Verdict(_by_code(fault.smtp_code), told % {"said": _text(fault.smtp_code, fault.smtp_error)})
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return Verdict(Means.NEVER, _("The mail server cannot take such an address: %(said)s") % {"said": fault})
    if isinstance(fault, OSError):
        told = _("The connection broke while the mail was being sent: %(said)s")
        return Verdict(Means.UNKNOWN, told % {"said": f"{type(fault).__name__} {fault}".strip()})
    if isinstance(fault, ValueError):
        # Refused by the library before anything was sent: a header or an address that cannot be written.
        return Verdict(Means.NEVER, _("The mail cannot be written: %(said)s") % {"said": fault})
    raise fault


def unreachable(fault: Exception) -> str:
    """Why no mail at all goes out now, for people."""
    told = _("The mail server cannot be reached: %(said)s")
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        told = _("The mail server refuses our log-in: %(said)s")
    said = _text(fault.smtp_code, fault.smtp_error) if isinstance(fault, smtplib.SMTPResponseException) else fault
    return told % {"said": f"{type(fault).__name__} {said}".strip()}


def _by_code(code: int) -> Means:
    return Means.LATER if 400 <= code < 500 else Means.NEVER


def _text(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}".strip()[:300]
