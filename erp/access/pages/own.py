"""One's own access: where one is signed in, the second factor, the password."""

from __future__ import annotations

import base64
from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.access import selectors, services
from erp.access.models import StaffSession
from erp.access.pages.requests import session_id_of, visit_of
from erp.access.pages.signing import LOCKED, CodeForm, locked
from erp.core.errors import DomainError
from erp.core.middleware import actor_of
from erp.core.retries import retried

DRAFT_KEY = "access_enrolment"


class PasswordForm(forms.Form):
    """Who takes protection away shows that it is they who do it."""

    password = forms.CharField(
        label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )


def own_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Where one is signed in, and ending it there or everywhere."""
    at = timezone.now()
    sessions = selectors.open_sessions(_user(request).pk, at=at)
    if request.method == "POST":
        return _end(request, [session.pk for session in sessions])
    shown = {
        "title": _("My access"),
        "sessions": [(session, selectors.device_of(session.agent)) for session in sessions],
        "this": session_id_of(request),
        "has_factor": selectors.has_second_factor(_user(request).pk),
        "needs_factor": selectors.needs_second_factor(_user(request).pk),
        "codes_left": selectors.backup_codes_left(_user(request).pk),
    }
    return TemplateResponse(request, "admin/access/own.html", {**context, **shown})


def _user(request: HttpRequest) -> Any:
    return request.user


def _end(request: HttpRequest, own: list[int]) -> HttpResponse:
    wanted = request.POST.get("end", "")
    chosen = own if wanted == "all" else [number for number in own if str(number) == wanted]
    count = retried(
        services.end_sessions,
        session_ids=chosen,
        end=StaffSession.End.ENDED,
        user=request.user,
        visit=visit_of(request),
        at=timezone.now(),
        by=actor_of(request),
    )
    if session_id_of(request) in chosen:
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))
    told = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count)
    messages.success(request, told % {"count": count})
    return HttpResponseRedirect(reverse("admin:access_own"))


def factor_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Set the second factor up, look after its backup codes, give it up."""
    if selectors.has_second_factor(_user(request).pk):
        return _keep(request, context)
    return _enrol(request, context)


def _enrol(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        enrolment = _draft(request)
        form = CodeForm(request.POST)
        if enrolment is not None and form.is_valid():
            try:
                codes = retried(
                    services.enrol,
                    user=request.user,
                    key=enrolment.key,
                    code=form.cleaned_data["code"],
                    session_id=session_id_of(request),
                    visit=visit_of(request),
                    at=timezone.now(),
                    by=actor_of(request),
                )
            except DomainError as refusal:
                form.add_error(None, refusal.detail)
            else:
                del request.session[DRAFT_KEY]
                return _codes_page(request, context, codes)
    else:
        form = CodeForm()
    enrolment = _draft(request) or _new_draft(request)
    drawn = segno.make(enrolment.uri(request.user.get_username()), error="m")
    shown = {
        "title": _("Set up the second factor"),
        "form": form,
        # Made by us of letters and digits; nothing of another host.
        "drawing": mark_safe(drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", title=gettext("QR code"))),  # noqa: S308
        "secret": " ".join(enrolment.secret[at : at + 4] for at in range(0, len(enrolment.secret), 4)),
        "needs_factor": selectors.needs_second_factor(_user(request).pk),
    }
    return TemplateResponse(request, "admin/access/enrol.html", {**context, **shown})


def _keep(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_own_password(request, form):
        told: dict[str, Any] = {
            "user": request.user,
            "visit": visit_of(request),
            "at": timezone.now(),
            "by": actor_of(request),
        }
        if request.POST.get("act") == "codes":
            return _codes_page(request, context, retried(services.make_backup_codes, **told))
        try:
            retried(services.remove_factor, user_id=_user(request).pk, **told)
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            messages.success(request, gettext("The second factor was removed."))
            return HttpResponseRedirect(reverse("admin:access_own"))
    shown = {
        "title": _("Second factor"),
        "form": form,
        "codes_left": selectors.backup_codes_left(_user(request).pk),
        "needs_factor": selectors.needs_second_factor(_user(request).pk),
    }
    return TemplateResponse(request, "admin/access/factor.html", {**context, **shown})


def _is_own_password(request: HttpRequest, form: PasswordForm) -> bool:
    fault = fault_of_own_password(request, form.cleaned_data["password"])
    if fault is not None:
        form.add_error(None if fault.code == LOCKED else "password", fault)
    return fault is None


def fault_of_own_password(request: HttpRequest, typed: str) -> ValidationError | None:
    """Why this is not the password of whoever asks; None where it is. Counted like the tries to sign in: an open session is no way to guess one."""
    told: dict[str, Any] = {
        "name": _user(request).get_username(),
        "visit": visit_of(request),
        "by": actor_of(request),
    }
    attempt = retried(services.begin_attempt, **told, at=timezone.now())
    if attempt.is_locked:
        retried(services.note_refusal, **told, kind="LOCKED", at=timezone.now())
        return locked()
    if not _user(request).check_password(typed):
        retried(services.note_refusal, **told, kind="REFUSED", at=timezone.now())
        return ValidationError(gettext("The password is not right."))
    retried(services.settle_attempt, attempt=attempt, at=timezone.now(), by=actor_of(request))
    return None


def _codes_page(request: HttpRequest, context: dict[str, Any], codes: list[str]) -> HttpResponse:
    """The only moment at which the codes can be read."""
    answer = TemplateResponse(
        request, "admin/access/codes.html", {**context, "title": _("Backup codes"), "codes": codes}
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _draft(request: HttpRequest) -> services.Enrolment | None:
    kept = request.session.get(DRAFT_KEY)
    return services.Enrolment(base64.b64decode(kept)) if kept else None


def _new_draft(request: HttpRequest) -> services.Enrolment:
    enrolment = services.new_enrolment()
    request.session[DRAFT_KEY] = base64.b64encode(enrolment.key).decode()
    return enrolment
