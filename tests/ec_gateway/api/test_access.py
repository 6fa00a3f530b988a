"""The same questions to every call: without a key, with a key that may not, with one that may, with one of another channel."""

from __future__ import annotations

import re

import pytest
from django.http import HttpRequest

from ec_gateway.api import urls
from ec_gateway.api.errors import MEDIA_TYPE
from ec_gateway.models import ApiKey
from erp.core import changes
from tests.ec_gateway.api.caller import ALL_SCOPES, ApiClient
from tests.ec_gateway.api.calls import CALLS, Call

pytestmark = pytest.mark.django_db
every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.route}")


def send(client: ApiClient, call: Call):
    return client.call(call.method, call.path, call.body)


def test_every_call_is_asked_here():
    methods = ("get", "post", "put", "delete")
    views = {str(pattern.pattern): pattern.callback.view_class for pattern in urls.CALLS}  # type: ignore[attr-defined]
    known = {(method.upper(), route) for route, view in views.items() for method in methods if hasattr(view, method)}

    assert {(call.method, call.route) for call in CALLS} == known


@every_call
def test_nobody_comes_in_without_a_key(world, call):
    answer = send(ApiClient(), call)

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, MEDIA_TYPE)


@every_call
def test_a_key_without_the_scope_is_refused(world, call):
    others = [scope for scope in ALL_SCOPES if scope != call.scope] if call.scope else []

    answer = send(world.caller(scopes=others), call)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (call.scope or "") in answer.json()["detail"]


@every_call
def test_a_key_with_the_scope_is_served(world, call):
    answer = send(world.caller(scopes=[call.scope or ApiKey.Scope.STOCK_READ]), call)

    assert answer.status_code == call.status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(answer.headers)


@every_call
def test_a_key_of_another_channel_sees_nothing_of_this_one(world, call):
    changes.record(topic="order", keys=["A-1"], audience=world.channel.code)

    answer = send(world.other_site(), call)

    assert answer.status_code == call.for_another_site, answer.content
    if call.secret:
        assert call.secret not in answer.content.decode()
        assert (
            call.method != "GET"
            or call.route == "changes"
            or call.secret in send(world.caller(), call).content.decode()
        )


@every_call
def test_an_unknown_method_is_refused_with_those_there_are(world, call):
    answer = world.caller().call("PATCH", call.path, {})

    assert answer.status_code == 405
    assert call.method in re.split(", ", answer.headers["Allow"])


def test_no_call_asks_for_a_session():
    """The request of a key has no user: nothing of the back office is looked up, and nothing can be done in a member of staff's name."""
    for pattern in urls.CALLS:
        request = HttpRequest()
        request.method = "GET"
        answer = pattern.callback(request, **dict.fromkeys(pattern.pattern.converters, "x"))
        assert answer.status_code == 401
