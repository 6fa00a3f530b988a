"""What the web server of a benchmark serves: Mamori, and beside it a view of DRF that does nothing, for comparison in the same process."""

from __future__ import annotations

# First of all: it prepares the apps that everything below needs.
from erp.wsgi import application

# isort: split
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.views import APIView

__all__ = ["application", "urlpatterns"]


class Empty(APIView):
    """DRF without a key, a limit, a database or a renderer; below the same address, so that both pass the same middleware."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("api/v1/bench-empty", Empty.as_view()), path("", include("erp.urls"))]
settings.ROOT_URLCONF = "benchmarks.served"
