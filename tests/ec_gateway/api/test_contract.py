"""The OpenAPI text is true: its examples are answered as it says, and every field has an owner."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from drf_spectacular.generators import SchemaGenerator

from ec_gateway.api import urls
from ec_gateway.api.schema import Described
from erp.core import ownership

pytestmark = pytest.mark.django_db

# What a database counts for itself: the example shows one, the answer another.
COUNTED = {"version", "cursor", "next_cursor", "feed_cursor", "golden_id", "number", "return_number"}


@cache
def contract() -> dict[str, Any]:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation) for path, item in contract()["paths"].items() for method, operation in item.items()
    ]


def examples(*, of_the_feed: bool) -> list[Any]:
    """Readers of the feed see what is committed, the others what the test's own transaction wrote."""
    return [
        pytest.param(path, method, example, id=f"{operation['operationId']}: {example['name']}")
        for path, method, operation in operations()
        for example in operation.get("x-examples", [])
        if bool({"after", "changed_after"} & set(example["query"])) == of_the_feed
    ]


@pytest.mark.parametrize(("path", "method", "example"), examples(of_the_feed=False))
def test_each_example_is_answered_as_it_says(world, path, method, example):
    check(world, path, method, example, query=example["query"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "method", "example"), examples(of_the_feed=True))
def test_each_example_of_the_feed_is_answered_as_it_says(world, path, method, example):
    from erp.core.models import FeedEpoch

    epoch = FeedEpoch.objects.latest("pk").pk
    query = {name: f"{epoch}.0" if value == "1.0" else value for name, value in example["query"].items()}
    check(world, path, method, example, query=query)


def check(world, path, method, example, *, query) -> None:
    for name, value in example["path"].items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    address = path.removeprefix("/api/v1") + ("?" + urlencode(query, safe=",") if query else "")

    answer = world.caller().call(method.upper(), address, example["request"])

    assert answer.status_code == example["status"], answer.content.decode()
    if example["response"] is not None:
        assert comparable(answer.json()) == comparable(example["response"])


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "…" if name in COUNTED and item else comparable(item) for name, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


def test_every_operation_has_an_example_a_summary_and_all_its_refusals():
    for path, method, operation in operations():
        named = f"{method} {path}"
        assert operation.get("x-examples"), named
        assert operation["summary"], named
        assert {"400", "401", "403", "406", "429", "503"} <= set(operation["responses"]), named
        if "requestBody" in operation:
            assert {"413", "415"} <= set(operation["responses"]), named


def test_every_call_is_in_the_text():
    routes = {"/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)) for pattern in urls.CALLS}

    assert routes == set(contract()["paths"])


def shapes() -> dict[str, type[Described]]:
    def below(kind):
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return {kind.__name__.removesuffix("Serializer"): kind for kind in below(Described)}


@pytest.mark.parametrize("name", sorted(contract()["components"]["schemas"]))
def test_every_field_of_the_api_has_exactly_one_owner(name):
    component = contract()["components"]["schemas"][name]
    if "properties" not in component:
        return
    known = shapes()
    kind = known.get(name) or known.get(name.removesuffix("Request"))
    assert kind is not None, f"{name} is no Described shape: whose facts does it carry?"
    assert [bool(kind.asset), bool(kind.within), kind.is_envelope].count(True) == 1, name
    if kind.asset:
        for field in component["properties"]:
            ownership.owner_of(kind.asset, field)
    if kind.within:
        ownership.owner_of(*kind.within.split("."))


def test_a_field_without_an_owner_is_found():
    with pytest.raises(KeyError):
        ownership.owner_of("stock", "colour_of_the_shelf")


def test_the_pages_need_nothing_from_another_host(client):
    page = client.get("/api/docs/").content.decode()

    assert "/api/schema/" in page
    assert "https://" not in page.replace("https://www.w3.org", "")
    assert client.get("/api/schema/?format=json").json()["openapi"].startswith("3.1")
