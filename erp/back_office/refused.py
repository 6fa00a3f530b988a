"""The page for a form that is not accepted: its secret is missing, or that of another sign-in. Others that refuse are templates alone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Leads back to the page that held the form: where a form is sent to is often no page. ``reason`` is for the log, which has it."""
    page = request.headers.get("referer", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return render(request, "403_csrf.html", {"page": page if is_ours else ""}, status=403)
