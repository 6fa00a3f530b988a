"""Requests that nobody thought of, made from the OpenAPI text: no fault of ours, no answer that the text does not know.

In process, against the company of the examples. The long profile runs with the slow tests, one test per call; a list of orders, which is as long as
many requests, is tried less often.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from ec_gateway.api import throttling
from tests.ec_gateway.api.caller import api_key, site

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-x00": True, "with-security-parameters": False},
        "checks": {
            # 410: a cursor of the feed is not what a text alone can make. 413 and 429 depend on what the key may.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "400", "403", "404", "409", "410"]},
        },
    }
)
# Behind a name, a method that the call does not have is that of the name with the call's step at its end.
BEHIND_A_NAME = ("bulk", "cancel", "credit", "extend", "payment-events", "returns")
contract = schemathesis.openapi.from_wsgi("/api/schema/?format=json", app=get_wsgi_application(), config=CONFIG)
QUICK = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=300, derandomize=False)
LONG_LISTS = settings(LONG, max_examples=40)
# A bulk call answers 200 whatever is wrong with some of its orders or sales: each is refused in its own result.
BULK = ["place_orders", "record_shop_sales"]


@pytest.fixture
def headers(world, monkeypatch) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(throttling, "ask", lambda key, limit: lambda: throttling.Allowance(limit, limit, 60, False))
    # As Django's own test client does: the connection is the test's, and stays open from request to request.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {"Authorization": f"Api-Key {api_key(site(world.channel))[1]}"}
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@contract.exclude(operation_id="place_orders").parametrize()
@QUICK
def test_no_request_finds_a_fault(case, headers):
    check(case, headers)


@pytest.mark.slow
@contract.exclude(operation_id="place_orders").parametrize()
@LONG
def test_no_request_finds_a_fault_in_many(case, headers):
    check(case, headers)


@pytest.mark.slow
@contract.include(operation_id="place_orders").parametrize()
@LONG_LISTS
def test_no_list_finds_a_fault_in_many(case, headers):
    check(case, headers)


def check(case, headers) -> None:
    operation_id = case.operation.definition.raw["operationId"]
    excluded = [negative_data_rejection] if operation_id in BULK else []
    if case.operation.path.endswith(tuple(f"/{step}" for step in BEHIND_A_NAME)):
        excluded.append(unsupported_method)
    case.call_and_validate(headers=headers, excluded_checks=excluded)
