"""Signing in: name and password, and the code of the second factor where there is one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy

from erp.access import selectors, services
from erp.access.models import AccessLog, StaffSession
from erp.access.pages.requests import SESSION_KEY, door, session_id_of, visit_of
from erp.core.errors import DomainError
from erp.core.retries import retried

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as ThemedForm
else:
    # The theme brings no types.
    from unfold.forms import AuthenticationForm as ThemedForm

# Between the password and the code, on our side of the browser session.
WAITING_KEY, WAITING_TIME = "access_waiting", dt.timedelta(minutes=5)
OVER = {
    StaffSession.End.IDLE: gettext_lazy("You were signed out because the page was not used for a while."),
    StaffSession.End.LIFETIME: gettext_lazy("You were signed out because your session reached its longest time."),
    StaffSession.End.CHANGED: gettext_lazy("You were signed out because your password or your roles changed."),
    StaffSession.End.ENDED: gettext_lazy("This session was ended from another device or by the system staff."),
}
Kind = AccessLog.Kind
# By which a try that is not judged is known.
LOCKED = "locked"


def signed_in(*, request: HttpRequest, user: Any, **_signal: Any) -> None:
    """Receiver of ``user_logged_in``."""
    how = getattr(request, "second_factor", "")
    request.session[SESSION_KEY] = services.start_session(
        user=user, has_second_factor=bool(how), visit=visit_of(request), at=timezone.now(), by=door(request), detail=how
    )


def signed_out(*, request: HttpRequest, user: Any, **_signal: Any) -> None:
    """Receiver of ``user_logged_out``. The gate has ended the session itself before it signs somebody out."""
    session_id = session_id_of(request) if user is not None else None
    if session_id is not None:
        services.note_end(
            session_id=session_id,
            end=StaffSession.End.SIGNED_OUT,
            user=user,
            visit=visit_of(request),
            at=timezone.now(),
            by=door(request),
        )


class SignInForm(ThemedForm):
    """Counts each try before it is judged. What it says is the same for names that exist and for names that do not."""

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name is None or not password:
            return super().clean()
        request: Any = self.request
        told: dict[str, Any] = {"name": name, "visit": visit_of(request), "by": door(request)}
        attempt = retried(services.begin_attempt, **told, at=timezone.now())
        if attempt.is_locked:
            retried(services.note_refusal, **told, kind=Kind.LOCKED, at=timezone.now())
            raise locked()
        try:
            cleaned = super().clean()
        except ValidationError:
            retried(services.note_refusal, **told, kind=Kind.REFUSED, at=timezone.now())
            raise
        retried(services.settle_attempt, attempt=attempt, at=timezone.now(), by=door(request))
        return cleaned


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True, "spellcheck": "false"}
        ),
    )


def locked() -> ValidationError:
    minutes = int(settings.SIGN_IN_COOL_OFF.total_seconds() // 60)
    return ValidationError(
        gettext("Too many tries. Wait %(minutes)d minutes, or ask the system staff.") % {"minutes": minutes},
        code=LOCKED,
    )


class SignInView(LoginView):
    """The password is the first step; who has a second factor is not signed in by it."""

    authentication_form = SignInForm
    template_name = "admin/login.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        why = OVER.get(self.request.GET.get("why", ""))  # type: ignore[call-overload]
        return super().get_context_data(**more, why=why)

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if not selectors.has_second_factor(user.pk):
            return super().form_valid(form)
        self.request.session[WAITING_KEY] = {
            "user": user.pk,
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "until": (timezone.now() + WAITING_TIME).timestamp(),
            "next": self.get_success_url(),
        }
        return HttpResponseRedirect(reverse("admin:access_code"))


def code_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The second step: a code of the app, or a backup code."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(reverse("admin:index"))
    waiting = request.session.get(WAITING_KEY) or {}
    user = _waiting_user(waiting)
    if user is None:
        request.session.pop(WAITING_KEY, None)
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_right(request, form, user):
        request.session.pop(WAITING_KEY, None)
        login(request, user, backend=waiting["backend"])
        return HttpResponseRedirect(_safe(request, waiting["next"]))
    shown = {**context, "form": form, "title": gettext("Second step"), "name": user.get_username()}
    return TemplateResponse(request, "admin/access/code.html", shown)


def _waiting_user(waiting: dict[str, Any]) -> Any:
    """Whose password was right a moment ago, and still is."""
    if not waiting or waiting["until"] < timezone.now().timestamp():
        return None
    user = get_user_model()._default_manager.filter(pk=waiting["user"], is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), waiting["hash"]):
        return None
    return user


def _is_right(request: HttpRequest, form: CodeForm, user: Any) -> bool:
    name, visit, by = user.get_username(), visit_of(request), door(request)
    attempt = retried(services.begin_attempt, name=name, code_of=user.pk, visit=visit, at=timezone.now(), by=by)
    if attempt.is_locked:
        retried(services.note_refusal, name=name, kind=Kind.LOCKED, visit=visit, at=timezone.now(), by=by)
        form.add_error(None, locked())
        return False
    code = form.cleaned_data["code"]
    try:
        retried(services.check_code, user=user, code=code, visit=visit, at=timezone.now(), by=by)
    except DomainError as refusal:
        retried(services.note_refusal, name=name, kind=Kind.CODE_REFUSED, visit=visit, at=timezone.now(), by=by)
        form.add_error(None, refusal.detail)
        return False
    retried(services.settle_attempt, attempt=attempt, at=timezone.now(), by=by)
    request.second_factor = gettext("with a second factor")  # type: ignore[attr-defined]
    return True


def _safe(request: HttpRequest, url: str) -> str:
    is_ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if is_ours else reverse("admin:index")


def sign_in(request: HttpRequest, context: dict[str, Any]) -> HttpResponseBase:
    """The page to sign in. Whoever is signed in goes to the first page."""
    if request.method == "GET" and request.user.is_authenticated and request.user.is_staff:
        return HttpResponseRedirect(reverse("admin:index"))
    shown = {
        **context,
        "title": gettext("Log in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
    }
    if "next" not in request.GET and "next" not in request.POST:
        shown["next"] = reverse("admin:index")
    return SignInView.as_view(extra_context=shown)(request)
