"""What every call of the API shares: keys, limits, formats, refusals. Tried on a small call of its own, mounted for these tests."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from types import SimpleNamespace
from typing import ClassVar

import psycopg.errors
import pytest
import redis
from django.db import OperationalError
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path
from django.utils import timezone

from ec_gateway.api import errors, throttling
from ec_gateway.api.frame import Answer, ApiView, json_answer
from ec_gateway.models import ApiKey, IdempotencyRecord
from ec_gateway.services import idempotency
from erp.core import errors as core_errors
from erp.core import retries
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.core.use_case import use_case
from erp.inventory.exceptions import InsufficientStock, Shortage
from tests.ec_gateway.api.caller import ApiClient, api_key, client_for, site
from tests.inventory.factories import statements
from tests.racing import race


class Echo(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.STOCK_READ, "POST": ApiKey.Scope.HOLDS_WRITE}
    effects: ClassVar[list[str]] = []
    raises: ClassVar[Exception | None] = None

    def get(self, request, name="") -> HttpResponse:
        return json_answer({"channel": self.client.channel_code, "actor": str(self.actor(request)), "name": name})

    def post(self, request, name="") -> HttpResponse:
        body = self.json_object(request)
        if Echo.raises is not None:
            raise Echo.raises
        return self.write(request, body, lambda: make_department(code=body["code"], at=self.at, by=self.actor(request)))


@use_case
def make_department(*, code: str, at: dt.datetime, by: Actor) -> Answer:
    from erp.core.models import Department

    if Department.objects.filter(code=code).exists():
        raise core_errors.Conflict("there already")
    made = Department.objects.create(code=code, name=code)
    return Answer(201, {"id": made.pk, "code": code})


urlpatterns = [
    path("api/v1/echo", Echo.as_view()),
    path("api/v1/echo/<str:name>", Echo.as_view()),
    path("api/", include("ec_gateway.api.urls")),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _no_leftovers(monkeypatch):
    monkeypatch.setattr(Echo, "raises", None)


def refusal(answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == errors.MEDIA_TYPE
    body = json.loads(answer.content)
    assert body["status"] == answer.status_code
    assert set(body) >= {"type", "title", "status", "code", "detail", "errors"}
    return answer.status_code, body["code"]


# Keys


def test_a_key_calls_as_its_channel():
    shop = site()

    answer = ApiClient(api_key(shop)[1]).get("/echo")

    code = shop.channel.code
    assert answer.json() == {"channel": code, "actor": f"channel:{code}", "name": ""}


@pytest.mark.parametrize(
    "authorization", ["", "Api-Key", "Api-Key x", "Bearer abc", "Api-Key ab.cd", "Api-Key \x00.\xff"]
)
def test_without_a_known_key_nobody_comes_in(authorization):
    answer = ApiClient(Authorization=authorization).get("/echo")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Api-Key"
    assert refusal(answer)[1] in ("not_authenticated", "key_unknown")


def test_a_wrong_secret_is_refused_like_an_unknown_key():
    key, secret = api_key(site())

    answer = ApiClient(f"{key.prefix}.{'x' * 32}").get("/echo")

    assert refusal(answer) == (401, "key_unknown")
    assert ApiClient(secret).get("/echo").status_code == 200


def test_a_revoked_key_is_refused_at_once():
    key, secret = api_key(site())
    client = ApiClient(secret)
    assert client.get("/echo").status_code == 200

    key.revoked = True
    key.save()

    assert refusal(client.get("/echo")) == (401, "key_revoked")


def test_an_expired_key_is_refused():
    _key, secret = api_key(site(), expiry_date=timezone.now() - dt.timedelta(seconds=1))

    assert refusal(ApiClient(secret).get("/echo")) == (401, "key_expired")


def test_a_key_of_a_channel_that_is_not_active_is_refused():
    shop = site()
    client = ApiClient(api_key(shop)[1])
    Channel.objects.filter(pk=shop.channel_id).update(is_active=False)

    assert refusal(client.get("/echo")) == (401, "channel_inactive")


def test_a_key_without_the_scope_is_told_which_one_it_lacks():
    client = client_for(scopes=["stock:read"])

    answer = client.post("/echo", {"code": "D1"})

    assert refusal(answer) == (403, "scope_missing")
    assert "holds:write" in answer.json()["detail"]


def test_authentication_is_one_query_and_notes_the_use_of_a_key_at_most_once_a_minute():
    key, secret = api_key(site())
    client = ApiClient(secret)

    first = statements(lambda: client.get("/echo"))
    second = statements(lambda: client.get("/echo"))

    assert [sql.split()[0] for sql in first] == ["SELECT", "UPDATE"]
    assert [sql.split()[0] for sql in second] == ["SELECT"]
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < dt.timedelta(minutes=1)
    ApiKey.objects.update(last_used_at=timezone.now() - dt.timedelta(seconds=61))
    assert len(statements(lambda: client.get("/echo"))) == 2


# Limits


class CountingRedis:
    """What the counter asks of Redis, in memory."""

    def __init__(self):
        self.counts: dict[str, int] = {}
        self.is_away = False
        self.asked = 0

    def __call__(self, name, size):
        self.asked += 1
        if self.is_away:
            raise redis.ConnectionError("away")
        self.counts[name] = self.counts.get(name, 0) + size
        counted = self.counts[name]
        return lambda: counted


@pytest.fixture
def counter(monkeypatch):
    made = throttling.RateCounter("redis://127.0.0.1:1/0")
    monkeypatch.setattr(made, "_send", CountingRedis())
    monkeypatch.setattr(throttling, "_counter", lambda url: made)
    return made


def test_a_window_gives_its_requests_and_then_says_when_the_next_one_begins(counter):
    taken = [counter.ask("k", limit=2, now=120 + second)() for second in (0, 10, 20)]

    assert [(item.remaining, item.reset_s, item.is_exceeded) for item in taken] == [
        (1, 60, False), (0, 50, False), (0, 40, True),
    ]  # fmt: skip
    assert not counter.ask("k", limit=2, now=180)().is_exceeded
    assert not counter.ask("other", limit=2, now=120)().is_exceeded


def test_counts_of_one_window_are_kept_by_redis_together_and_end_with_it(broker):
    here, there = throttling.RateCounter(broker.url), throttling.RateCounter(broker.url)
    key, now = uuid.uuid4().hex, 120.0

    first, second = here.ask(key, limit=1, now=now), there.ask(key, limit=1, now=now)

    assert (first().is_exceeded, second().is_exceeded) == (False, True)
    assert there.is_known_to_exceed(key, now=now)
    assert not here.is_known_to_exceed(key, now=now)
    assert not there.is_known_to_exceed(key, now=now + 60)
    with redis.Redis.from_url(broker.url) as kept:
        assert 0 < kept.ttl(f"mamori:rate:{key}:2") <= 2 * throttling.WINDOW_S


def test_a_busy_process_takes_its_requests_by_the_hundredth_of_the_limit_until_the_limit_is_near(counter):
    left = [counter.ask("k", limit=1000, now=120)() for _number in range(1001)]

    assert [item.remaining for item in left] == [*range(999, -1, -1), 0]
    assert [item.is_exceeded for item in left] == [False] * 1000 + [True]
    # One, then tens to 901, then one by one.
    assert counter._send.asked == 1 + 90 + 100
    assert counter._send.counts == {"mamori:rate:k:2": 1001}


def test_processes_that_take_blocks_never_allow_more_than_the_limit_together(broker):
    counters = [throttling.RateCounter(broker.url) for _number in range(3)]
    key = uuid.uuid4().hex

    allowed = [not counters[number % 3].ask(key, limit=500, now=120)().is_exceeded for number in range(700)]

    assert 500 - 3 * 5 <= sum(allowed) <= 500


def test_requests_under_way_at_once_cost_nothing_of_the_limit(counter):
    """Each reading call asks for its number before it works, and hears of it behind."""
    allowed = 0
    for _round in range(300):
        under_way = [counter.ask("k", limit=1000, now=120) for _thread in range(4)]
        allowed += sum(not counted().is_exceeded for counted in under_way)

    assert allowed == 1000


def test_every_answer_says_what_is_left_and_429_says_when_to_come_again(counter):
    client = client_for(requests_per_minute=2)

    good, missing, refused = client.get("/echo"), client.get("/nothing/here"), client.get("/echo")
    refused = client.get("/echo")

    assert (good.headers["RateLimit-Limit"], good.headers["RateLimit-Remaining"]) == ("2", "1")
    assert 0 < int(good.headers["RateLimit-Reset"]) <= 60
    assert missing.status_code == 404
    assert refusal(refused) == (429, "too_many_requests")
    assert refused.json()["detail"] == "このキーは、1分あたりの上限(2 件)を超えました。"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert refused.headers["RateLimit-Remaining"] == "0"


def test_a_key_over_its_limit_reads_once_for_nothing_and_then_no_more(counter, monkeypatch):
    client = client_for(requests_per_minute=1)
    read = []

    def get(self, request):
        read.append(request)
        return HttpResponse()

    monkeypatch.setattr(Echo, "get", get)

    answers = [client.get("/echo").status_code for _number in range(4)]

    assert answers == [200, 429, 429, 429]
    assert len(read) == 2


def test_a_write_over_the_limit_is_refused_before_it_writes(counter, monkeypatch):
    client = client_for(requests_per_minute=1)
    written = []

    def post(self, request):
        written.append(request)
        return HttpResponse()

    monkeypatch.setattr(Echo, "post", post)

    answers = [client.post("/echo", {}).status_code for _number in range(3)]

    assert answers == [200, 429, 429]
    assert len(written) == 1


def test_without_redis_requests_pass_and_it_is_logged_and_not_asked_again_at_once(counter, caplog):
    counter._send.is_away = True
    client = client_for(requests_per_minute=1)

    with caplog.at_level(logging.WARNING):
        answers = [client.get("/echo") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert counter._send.asked == 1
    assert "rate_limit_not_counted" in caplog.text


# Formats and refusals


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"code": tru}', "malformed_json"),
        (b'"\xff\xfe"', "malformed_json"),
        (b"[]", "invalid_input"),
        (b"[" * 100_000, "invalid_input"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "invalid_input"),
        (b'{"code": "\\u0000"}', "invalid_input"),
        (b'{"code": "\\ud800"}', "invalid_input"),
        (b'{"code": NaN}', "invalid_input"),
        (b'{"code": 1e400}', "invalid_input"),
        (b'{"code": ' + b"9" * 30 + b"}", "invalid_input"),
        (b'{"code": ' + b"9" * 9999 + b"}", "malformed_json"),
    ],
)
def test_bad_json_is_refused_and_never_a_fault_of_ours(body, code):
    answer = client_for().call("POST", "/echo", body or b" ")

    assert refusal(answer) == (400, code)


def test_every_unsafe_text_is_named():
    answer = client_for().post("/echo", {"a": "\x00", "b": ["x", {"c": "\x00"}]})

    assert [item["pointer"] for item in answer.json()["errors"]] == ["/a", "/b/1/c"]


def test_a_body_of_another_kind_is_refused():
    answer = client_for().call("POST", "/echo", b"code=1", content_type="application/x-www-form-urlencoded")

    assert refusal(answer) == (415, "unsupported_media_type")


def test_a_charset_does_no_harm():
    answer = client_for().call("POST", "/echo", b'{"code": "D1"}', content_type="application/json; charset=utf-8")

    assert answer.status_code == 201


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10)
def test_a_body_that_is_too_large_is_refused():
    assert refusal(client_for().post("/echo", {"code": "D" * 20})) == (413, "payload_too_large")


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "application/json;q=0"])
def test_whoever_accepts_no_json_is_told_so(accept):
    assert refusal(client_for().get("/echo", Accept=accept)) == (406, "not_acceptable")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html, application/*;q=0.2", "a, */*;q=0.1"])
def test_whoever_accepts_json_gets_it(accept):
    assert client_for().get("/echo", Accept=accept).status_code == 200


def test_a_method_that_is_not_there_names_those_that_are():
    answer = client_for().put("/echo", {})

    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert refusal(client_for().call("OPTIONS", "/echo")) == (405, "method_not_allowed")


def test_an_unknown_path_is_a_problem_too():
    assert refusal(client_for().get("/nothing/here")) == (404, "not_found")


def test_nul_in_the_address_finds_nothing():
    assert refusal(client_for().get("/echo/a%00b")) == (404, "not_found")
    answer = client_for().get("/echo?sku=a%00b")
    assert refusal(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["pointer"] == "/query/sku"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (core_errors.InvalidInput([core_errors.Problem("/a", "b", "c")]), (400, "invalid_input")),
        (core_errors.NotOwner(), (403, "not_owner")),
        (core_errors.NotFound(), (404, "not_found")),
        (core_errors.Conflict(), (409, "conflict")),
        (core_errors.NotAllowedNow(), (409, "not_allowed_now")),
        (core_errors.DomainError(), (409, "refused")),
        (idempotency.OtherContent(), (409, "idempotency_conflict")),
        (InsufficientStock([]), (409, "insufficient_stock")),
        (OperationalError("the connection is lost"), (503, "unavailable")),
    ],
)
def test_each_refusal_of_the_house_has_its_status(monkeypatch, raised, expected):
    monkeypatch.setattr(Echo, "raises", raised)

    answer = client_for().post("/echo", {})

    assert refusal(answer) == expected
    named = [(item["pointer"], item["code"], item["detail"]) for item in answer.json()["errors"]]
    assert named == [(item.pointer, item.code, item.detail) for item in getattr(raised, "problems", ())]


def test_a_shortage_names_every_short_sku_and_what_is_left(monkeypatch):
    monkeypatch.setattr(Echo, "raises", InsufficientStock([Shortage(1, "A", 3, 1), Shortage(2, "B", 2, 0)]))

    answer = client_for().post("/echo", {})

    assert answer.json()["shortages"] == [
        {"sku": "A", "wanted": 3, "available": 1},
        {"sku": "B", "wanted": 2, "available": 0},
    ]


def test_a_bug_is_told_as_one_and_says_nothing_more(monkeypatch, caplog):
    monkeypatch.setattr(Echo, "raises", ZeroDivisionError("secret"))
    client = client_for()
    client.browser.raise_request_exception = False

    answer = client.post("/echo", {})

    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.content.decode()
    assert "secret" in caplog.text


# Idempotency-Key


def test_the_same_request_again_gets_the_first_answer():
    client = client_for()

    first = client.post("/echo", {"code": "D1", "n": 1}, Idempotency_Key="k1")
    again = client.post("/echo", {"n": 1, "code": "D1"}, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"


@pytest.mark.parametrize(("path_", "body"), [("/echo", {"code": "D2"}), ("/echo/x", {"code": "D1"})])
def test_the_same_key_with_another_request_is_refused(path_, body):
    client = client_for()
    client.post("/echo", {"code": "D1"}, Idempotency_Key="k1")

    assert refusal(client.post(path_, body, Idempotency_Key="k1")) == (409, "idempotency_conflict")


def test_a_key_is_its_sites_own():
    client_for().post("/echo", {"code": "D1"}, Idempotency_Key="k1")

    assert client_for().post("/echo", {"code": "D2"}, Idempotency_Key="k1").status_code == 201


def test_a_refused_request_leaves_its_key_free():
    client = client_for()
    client.post("/echo", {"code": "D1"})

    assert refusal(client.post("/echo", {"code": "D1"}, Idempotency_Key="k1")) == (409, "conflict")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 101, "é"])
def test_a_key_has_a_form(key):
    answer = client_for().post("/echo", {"code": "D1"}, Idempotency_Key=key)

    assert refusal(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


@pytest.mark.django_db(transaction=True)
def test_two_requests_with_one_key_have_one_effect():
    from erp.core.models import Department

    client = client_for()

    def send():
        return client.post("/echo", {"code": "D1"}, Idempotency_Key="k1")

    answers = race(send, send, table="core_department")

    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].content == answers[1].content
    assert Department.objects.filter(code="D1").count() == 1


def test_work_in_steps_that_broke_off_is_worked_off_again_under_its_key():
    shop, by, at = site(), Actor.command("test"), timezone.now()
    asked = idempotency.Request(shop.pk, "k1", "POST /bulk", "f")
    done = []

    def break_off():
        raise ZeroDivisionError

    def finish():
        done.append(1)
        return idempotency.Kept(200, "{}")

    with pytest.raises(ZeroDivisionError):
        idempotency.once_in_steps(request=asked, effect=break_off, at=at, by=by)
    answers = [idempotency.once_in_steps(request=asked, effect=finish, at=at, by=by) for _ in range(2)]

    assert [answer.is_replay for answer in answers] == [False, True]
    assert done == [1]
    other = idempotency.Request(shop.pk, "k1", "POST /bulk", "g")
    with pytest.raises(idempotency.OtherContent):
        idempotency.once_in_steps(request=other, effect=finish, at=at, by=by)


def test_answers_are_forgotten_after_a_month():
    shop, now = site(), timezone.now()
    for days in (31, 29):
        IdempotencyRecord.objects.create(
            site=shop, key=str(days), request="", fingerprint="", created_at=now - dt.timedelta(days=days)
        )

    assert idempotency.prune_answers(at=now, by=Actor.job("test")) == 1

    assert IdempotencyRecord.objects.get().key == "29"


def test_a_write_that_lost_a_deadlock_is_tried_again(monkeypatch):
    lost = OperationalError("deadlock detected")
    lost.__cause__ = psycopg.errors.DeadlockDetected()
    outcomes = [lost, lost, lost, Answer(201, {"ok": True})]

    def effect(**_asked):
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    # The test's own transaction would forbid it.
    monkeypatch.setattr(retries, "connection", SimpleNamespace(in_atomic_block=False))
    monkeypatch.setitem(globals(), "make_department", effect)

    assert client_for().post("/echo", {"code": "D1"}).status_code == 201
