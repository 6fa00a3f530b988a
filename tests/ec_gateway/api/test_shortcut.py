"""A call of the API passes by what only pages need, and keeps what every answer needs."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings
from django.test import Client, override_settings

from tests.ec_gateway.api.caller import client_for

pytestmark = pytest.mark.django_db


def test_no_session_and_no_form_token_for_a_call():
    answer = client_for().get("/orders")

    assert answer.status_code == 200
    assert not answer.cookies
    assert "Vary" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_pages_keep_theirs():
    page = Client().get("/admin/login/")

    assert settings.CSRF_COOKIE_NAME in page.cookies
    assert page.headers["X-Frame-Options"] == "DENY"


@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_the_host_is_checked():
    assert client_for().get("/orders", Host="evil.example").status_code == 400
    assert client_for().get("/orders", Host="shop.example").status_code == 200


def test_one_line_is_logged_with_the_callers_id(caplog):
    with caplog.at_level(logging.INFO):
        client_for().get("/orders", X_Request_ID="req-7")

    [record] = [item for item in caplog.records if "api_call" in item.getMessage()]
    said = record.getMessage()
    assert "req-7" in said
    assert "/api/v1/orders" in said
    assert "200" in said


def test_an_id_beyond_measure_is_cut(caplog):
    with caplog.at_level(logging.INFO):
        client_for().get("/orders", X_Request_ID="x" * 5_000)

    [record] = [item for item in caplog.records if "api_call" in item.getMessage()]
    assert "x" * 200 in record.getMessage()
    assert "x" * 201 not in record.getMessage()
