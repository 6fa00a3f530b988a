"""What a key may do. A view names one scope per method; a method without one is open to every key of the site."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ec_gateway.api.authentication import Client


def client_of(request: Request) -> Client:
    """Raises NotAuthenticated."""
    client = request.auth
    if not isinstance(client, Client):
        raise NotAuthenticated(_("This call needs an API key: “Authorization: Api-Key …”."))
    return client


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        scope = view.scopes.get(request.method)
        if scope and scope not in client_of(request).scopes:
            raise PermissionDenied(_("This API key lacks the scope %(scope)s.") % {"scope": scope}, "scope_missing")
        return True
