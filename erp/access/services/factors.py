"""The second factor: codes of an authenticator app (RFC 6238), and backup codes for the day it is lost.

The key is sealed with ``SECRET_KEY``, backup codes are kept as keyed digests: a copy of the database signs nobody in.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _
from django_otp.oath import TOTP

from erp.access import selectors
from erp.access.exceptions import FactorRequired, FactorUnreadable, WrongCode
from erp.access.models import AccessLog, BackupCode, SecondFactor, StaffSession
from erp.access.services.log import Visit, note
from erp.core.actors import Actor
from erp.core.use_case import use_case

KEY_BYTES = 20
# One step to either side: clocks of telephones are half a minute off at most.
TOLERANCE = 1
BACKUP_CODES = 10
# 50 bits; no letter that is read as another one.
ALPHABET, CODE_LENGTH = "23456789abcdefghjkmnpqrstuvwxyz", 10
Kind = AccessLog.Kind


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A key that waits for its first code. Kept in the browser session, on our side, and nowhere else before that."""

    key: bytes

    @property
    def secret(self) -> str:
        """The key as apps take it by hand."""
        return base64.b32encode(self.key).decode().rstrip("=")

    def uri(self, username: str) -> str:
        issuer = settings.SECOND_FACTOR_ISSUER
        label = quote(f"{issuer}:{username}")
        return f"otpauth://totp/{label}?secret={self.secret}&issuer={quote(issuer)}&algorithm=SHA1&digits=6&period=30"


def new_enrolment() -> Enrolment:
    return Enrolment(secrets.token_bytes(KEY_BYTES))


@use_case
def enrol(
    *, user: Any, key: bytes, code: str, session_id: int | None, visit: Visit, at: dt.datetime, by: Actor
) -> list[str]:
    """Take an app as the second factor once it shows the right code. Returns the backup codes, which nobody can read later.

    This session has shown it; every other one of the user ends. Raises WrongCode.
    """
    step = _step_of(key, code, at, after=None)
    if step is None:
        raise WrongCode(_("The code is not right. Check the clock of the device and enter the code that it shows now."))
    SecondFactor.objects.update_or_create(
        user=user, defaults={"sealed_key": _box().encrypt(key), "last_step": step, "enrolled_at": at}
    )
    others = StaffSession.objects.filter(user=user, ended_at__isnull=True)
    if session_id is not None:
        others.filter(pk=session_id).update(has_second_factor=True)
    others.exclude(pk=session_id or 0).update(ended_at=at, end=StaffSession.End.CHANGED)
    note(Kind.FACTOR_ENROLLED, user=user, visit=visit, at=at)
    return _new_codes(user)


@use_case
def check_code(*, user: Any, code: str, visit: Visit, at: dt.datetime, by: Actor) -> None:
    """Take a code of the app or a backup code, each once.

    Raises WrongCode, and FactorUnreadable when the key was sealed under another SECRET_KEY.
    """
    factor = SecondFactor.objects.select_for_update(no_key=True).filter(user=user).first()
    if factor is None:
        raise WrongCode(_("There is no second factor."))
    typed = re.sub(r"[\s-]", "", code).lower()
    if re.fullmatch(r"[0-9]{6}", typed):
        step = _step_of(_opened(factor), typed, at, after=factor.last_step)
        if step is not None:
            SecondFactor.objects.filter(pk=factor.pk).update(last_step=step)
            return
    elif BackupCode.objects.filter(user=user, digest__in=_digests(typed), used_at__isnull=True).update(used_at=at):
        note(Kind.CODE_USED, user=user, visit=visit, at=at)
        return
    raise WrongCode(_("The code is not right, or was used already."))


@use_case
def make_backup_codes(*, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> list[str]:
    """New codes in the place of the old ones."""
    codes = _new_codes(user)
    note(Kind.CODES_MADE, user=user, visit=visit, at=at)
    return codes


@use_case
def remove_factor(*, user_id: int, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> bool:
    """Take the second factor away: from oneself where no role asks for it, or from others by the system staff, who are told by the log.

    The user is signed out everywhere when somebody else does it. False when there was none. Raises FactorRequired.
    """
    is_own = user_id == user.pk
    if is_own and selectors.needs_second_factor(user_id):
        raise FactorRequired(_("Your role asks for a second factor; it cannot be removed."))
    BackupCode.objects.filter(user_id=user_id).delete()
    gone, _details = SecondFactor.objects.filter(user_id=user_id).delete()
    if not gone:
        return False
    if not is_own:
        StaffSession.objects.filter(user_id=user_id, ended_at__isnull=True).update(
            ended_at=at, end=StaffSession.End.CHANGED
        )
    note(Kind.FACTOR_REMOVED, user=user, subject=selectors.username_of(user_id), visit=visit, at=at)
    return True


def _new_codes(user: Any) -> list[str]:
    BackupCode.objects.filter(user=user).delete()
    codes = ["".join(secrets.choice(ALPHABET) for _each in range(CODE_LENGTH)) for _number in range(BACKUP_CODES)]
    BackupCode.objects.bulk_create([BackupCode(user=user, digest=_digests(code)[0]) for code in codes])
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _step_of(key: bytes, code: str, at: dt.datetime, *, after: int | None) -> int | None:
    """The step of which ``code`` is, later than ``after``; None if it is of none."""
    typed = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", typed):
        return None
    clock = TOTP(key)
    clock.time = at.timestamp()
    is_right = clock.verify(int(typed), tolerance=TOLERANCE, min_t=None if after is None else after + 1)
    return clock.t() if is_right else None


def _secrets() -> list[bytes]:
    """The present SECRET_KEY first, then those that are rotated out."""
    return [secret.encode() for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _opened(factor: SecondFactor) -> bytes:
    try:
        return _box().decrypt(bytes(factor.sealed_key))
    except InvalidToken as error:
        raise FactorUnreadable(
            _("The second factor cannot be read any more. Ask the system staff to remove it, then set it up anew.")
        ) from error


def _box() -> MultiFernet:
    keys = [hashlib.sha256(b"mamori.second-factor:" + secret).digest() for secret in _secrets()]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


def _digests(code: str) -> list[str]:
    return [
        hmac.new(b"mamori.backup-code:" + secret, code.encode(), hashlib.sha256).hexdigest() for secret in _secrets()
    ]
