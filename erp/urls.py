"""The pages of the house: the back office and what machines ask for."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from ec_gateway import health, metrics, webhooks

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("language", set_language, name="set_language"),
    path("api/", include("ec_gateway.api.urls")),
    path("webhooks/<str:channel>", webhooks.receive, name="webhooks"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
