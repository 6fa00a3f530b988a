"""The addresses of the API below ``/api/``."""

from django.urls import URLPattern, include, path, re_path

from ec_gateway.api.frame import UnknownPath
from ec_gateway.api.schema import DocsView, SchemaView

# Each call also stands in the table of tests/ec_gateway/api/test_access.py: a test fails for one that is missing there.
CALLS: list[URLPattern] = []

urlpatterns = [
    path("v1/", include(CALLS)),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path("", UnknownPath.as_view()),
]
