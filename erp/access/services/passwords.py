"""Passwords: who got one from another person chooses their own first. What a password must be is asked by the validators of the settings."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from erp.access import selectors
from erp.access.models import AccessLog, StaffAccess, StaffSession
from erp.access.services.log import Visit, note
from erp.access.services.sessions import end_changed_sessions
from erp.core.actors import Actor
from erp.core.use_case import use_case


class DiffersFromCurrentValidator:
    """An initial password is not made one's own by typing it again."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk and user.has_usable_password() and user.check_password(password):
            raise ValidationError(
                gettext("This is the present password. Choose another one."), code="password_unchanged"
            )

    def get_help_text(self) -> str:
        return gettext("Your password can’t be the present one.")


@use_case
def give_password(*, user_id: int, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> None:
    """A password was set by somebody else: its user chooses another one at the next sign-in, and is signed out everywhere."""
    StaffAccess.objects.update_or_create(user_id=user_id, defaults={"must_change_password": True})
    end_changed_sessions(user_id=user_id, user=user, visit=visit, at=at, by=by)
    note(AccessLog.Kind.PASSWORD_GIVEN, user=user, subject=selectors.username_of(user_id), visit=visit, at=at)


@use_case
def password_changed(*, user: Any, session_id: int | None, visit: Visit, at: dt.datetime, by: Actor) -> None:
    """A user chose a new password: this session goes on, every other one ends."""
    StaffAccess.objects.filter(user_id=user.pk).update(must_change_password=False)
    if session_id is not None:
        StaffSession.objects.filter(pk=session_id, user_id=user.pk).update(stand=selectors.stand_of(user.pk))
    end_changed_sessions(user_id=user.pk, user=user, visit=visit, at=at, by=by)
    note(AccessLog.Kind.PASSWORD_CHANGED, user=user, visit=visit, at=at)


@use_case
def set_practice(*, user_id: int, at: dt.datetime, by: Actor) -> None:
    """Mark a user of a company to practise with: its made password may stay, and no role asks it for a second factor."""
    StaffAccess.objects.update_or_create(user_id=user_id, defaults={"is_practice": True, "must_change_password": False})
