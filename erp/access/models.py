"""Who of the staff may come in, who is in, and what was seen and taken out.

What a user is stays with Django; here is what holds for coming in. Written only by ``erp.access.services``. The access log is append-only.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class StaffAccess(models.Model):
    """What holds for one user beyond what Django knows of them. No row: nothing does."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    must_change_password = models.BooleanField(_("must choose a new password"), default=False)
    is_practice = models.BooleanField(_("for practice"), default=False)

    class Meta:
        verbose_name = _("terms of access")
        verbose_name_plural = _("terms of access")

    def __str__(self) -> str:
        return f"{self.pk}"


class SecondFactor(models.Model):
    """The authenticator app of one user (RFC 6238). Its key is sealed; ``last_step`` is the last code that was taken, so that none is taken twice."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    sealed_key = models.BinaryField(_("sealed key"))
    last_step = models.BigIntegerField(_("last step"))
    enrolled_at = models.DateTimeField(_("enrolled at"))

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")

    def __str__(self) -> str:
        return f"{self.pk}"


class BackupCode(models.Model):
    """A code that stands in once for the authenticator app. Kept as a keyed digest only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+"
    )
    digest = models.CharField(_("digest"), max_length=64)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("backup code")
        verbose_name_plural = _("backup codes")
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="one_backup_code_per_user_and_digest")]

    def __str__(self) -> str:
        return f"{self.pk}"


class StaffSession(models.Model):
    """One sign-in on one device, until it ends.

    ``stand`` is a digest of what the user was at that moment: password, activity, roles. A session whose user became another one is over.
    """

    class End(models.TextChoices):
        SIGNED_OUT = "SIGNED_OUT", _("Signed out")
        IDLE = "IDLE", _("Not used for too long")
        LIFETIME = "LIFETIME", _("Reached its longest time")
        CHANGED = "CHANGED", _("Password, roles or activity changed")
        ENDED = "ENDED", _("Ended by the user")
        ENDED_BY_STAFF = "ENDED_BY_STAFF", _("Ended by the system staff")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(_("started at"))
    last_seen_at = models.DateTimeField(_("last seen at"))
    address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    agent = models.CharField(_("browser"), max_length=300, blank=True)
    stand = models.CharField(_("digest"), max_length=64)
    has_second_factor = models.BooleanField(_("with a second factor"), default=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    end = models.CharField(_("why it ended"), max_length=15, choices=End.choices, blank=True)

    class Meta:
        verbose_name = _("session of staff")
        verbose_name_plural = _("sessions of staff")
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end="") | Q(ended_at__isnull=False) & ~Q(end=""),
                name="a_session_that_ended_says_why",
            )
        ]
        indexes = [
            models.Index(fields=["ended_at"], name="session_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class SignInLock(models.Model):
    """How often somebody tried lately: one name from one address, one name from anywhere, one address with any name, one user's codes.

    A try is counted before it is judged, in one statement, so that tries at the same moment cannot pass the limit together.
    """

    class Scope(models.TextChoices):
        PAIR = "PAIR", _("User name from one address")
        NAME = "NAME", _("User name from anywhere")
        ADDRESS = "ADDRESS", _("Address with any user name")
        CODE = "CODE", _("Codes of the second factor")

    scope = models.CharField(_("what is counted"), max_length=8, choices=Scope.choices)
    key = models.CharField(_("digest"), max_length=64)
    username = models.CharField(_("user name"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("tries"))
    last_at = models.DateTimeField(_("last try"))
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True)

    class Meta:
        verbose_name = _("lock-out of sign-in")
        verbose_name_plural = _("lock-outs of sign-in")
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="one_sign_in_lock_per_scope_and_key")]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.username or self.address or self.pk}"


class AccessLog(models.Model):
    """Who came, went, was refused, looked at personal data or costs, or took data out. Never changed; forgotten after its time only.

    A name that is no user's is not kept: people type their password there.
    """

    class Kind(models.TextChoices):
        SIGNED_IN = "SIGNED_IN", _("Signed in")
        SIGNED_OUT = "SIGNED_OUT", _("Signed out")
        REFUSED = "REFUSED", _("Wrong user name or password")
        CODE_REFUSED = "CODE_REFUSED", _("Wrong code of the second factor")
        LOCKED = "LOCKED", _("Refused while locked out")
        SESSION_ENDED = "SESSION_ENDED", _("Session ended")
        OPENED = "OPENED", _("Opened")
        TAKEN_OUT = "TAKEN_OUT", _("Taken out (file)")
        PASSWORD_CHANGED = "PASSWORD_CHANGED", _("Password changed")
        PASSWORD_GIVEN = "PASSWORD_GIVEN", _("Initial password given")
        FACTOR_ENROLLED = "FACTOR_ENROLLED", _("Second factor set up")
        FACTOR_REMOVED = "FACTOR_REMOVED", _("Second factor removed")
        CODES_MADE = "CODES_MADE", _("Backup codes made")
        CODE_USED = "CODE_USED", _("Backup code used")
        UNLOCKED = "UNLOCKED", _("Lock-out lifted")

    occurred_at = models.DateTimeField(_("occurred at"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    username = models.CharField(_("user name"), max_length=150, blank=True)
    subject = models.CharField(_("whose access"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("IP address"), null=True)
    agent = models.CharField(_("browser"), max_length=300, blank=True)
    path = models.CharField(_("page"), max_length=500, blank=True)
    is_personal = models.BooleanField(_("personal data"), default=False)
    is_cost = models.BooleanField(_("costs"), default=False)
    detail = models.CharField(_("detail"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("access log")
        indexes = [
            models.Index(fields=["occurred_at"], name="access_by_time"),
            models.Index(fields=["user", "-id"], name="access_by_user"),
            models.Index(fields=["kind", "-id"], name="access_by_kind"),
            models.Index(fields=["-id"], condition=Q(is_personal=True), name="access_to_personal_data"),
            models.Index(fields=["-id"], condition=Q(is_cost=True), name="access_to_costs"),
            models.Index(fields=["username", "-id"], name="access_by_user_name"),
            models.Index(fields=["subject", "-id"], condition=~Q(subject=""), name="access_by_subject"),
            models.Index(fields=["address", "-id"], name="access_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()} {self.username}"
