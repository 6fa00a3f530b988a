"""Every fault strikes as its switch says, and the same seed strikes the same calls."""

import time

import httpx
import pytest

from ec_gateway.sandbox.database import Database
from ec_gateway.sandbox.faults import FAULTS, BadParameter, FaultBoard
from tests.ec_gateway.sandbox.stage import TEE
from tests.ec_gateway.sandbox.test_contract import newest

pytestmark = pytest.mark.xdist_group("practice site")


@pytest.fixture
def database(tmp_path):
    found = Database(tmp_path / "site.sqlite3")
    yield found
    found.close()


def batch(count: int = 4) -> dict:
    skus = ["PR-TEE-WH-S", "PR-TEE-WH-M", "PR-TEE-WH-L", "PR-TEE-NV-S"][:count]
    version = newest()
    return {
        "items": [
            {"sku": sku, "quantity": 100 + version, "expected": None, "version": version, "orders_seen": ""}
            for sku in skus
        ]
    }


def figures(site, body: dict) -> list[int]:
    stock = site.remote.stock()
    return [stock[item["sku"]] for item in body["items"]]


def test_chance_repeats_with_the_seed_and_goes_on_after_a_restart(tmp_path, database):
    def strikes(board: FaultBoard, count: int) -> list[bool]:
        return [board.decide("server_error") is not None for _number in range(count)]

    first = FaultBoard(database, seed=7)
    first.switch("server_error", on=True, parameters={"rate": 0.5})
    began = strikes(first, 20)
    went_on = strikes(FaultBoard(database, seed=7), 20)

    again = Database(tmp_path / "again.sqlite3")
    board = FaultBoard(again, seed=7)
    board.switch("server_error", on=True, parameters={"rate": 0.5})
    assert strikes(board, 40) == began + went_on
    again.close()
    assert 10 < sum(began + went_on) < 30


def test_a_fault_ends_by_the_clock(database):
    at = [100.0]
    board = FaultBoard(database, seed=1, clock=lambda: at[0])
    board.switch("dead", on=True, parameters={"for_seconds": 5})

    assert board.is_on("dead")
    at[0] = 105.0
    assert not board.is_on("dead")


def test_parameters_are_checked(database):
    board = FaultBoard(database, seed=1)

    with pytest.raises(BadParameter):
        board.switch("delay", on=True, parameters={"second": 1.0})
    with pytest.raises(BadParameter):
        board.switch("delay", on=True, parameters={"seconds": "1"})
    with pytest.raises(KeyError):
        board.switch("no_such_fault", on=True)
    assert not board.is_on("delay")


def test_429_says_when_to_come_back_or_does_not(site):
    site.remote.switch("too_many_requests", retry_after="3", calls="read_orders")
    with_word, other = site.call("GET", "/orders"), site.call("GET", "/webhooks")
    site.remote.switch("too_many_requests", retry_after="")
    without = site.call("GET", "/orders")

    assert (with_word.status_code, with_word.headers["Retry-After"]) == (429, "3")
    assert other.status_code == 200
    assert (without.status_code, "Retry-After" in without.headers) == (429, False)


def test_an_error_does_nothing(site):
    body = batch()
    before = figures(site, body)
    site.remote.switch("server_error", status=503)

    assert site.call("PUT", "/stock", json=body).status_code == 503
    assert figures(site, body) == before


@pytest.mark.parametrize(
    ("fault", "parameters", "is_done"),
    [
        ("timeout_after_work", {"seconds": 0.2}, True),
        ("closed", {"after_work": True}, True),
        ("closed", {"after_work": False}, False),
    ],
)
def test_a_connection_that_breaks_tells_nothing_of_the_work(site, fault, parameters, is_done):
    body = batch()
    site.remote.switch(fault, **parameters)

    with pytest.raises(httpx.TransportError):
        site.call("PUT", "/stock", json=body)

    wanted = [item["quantity"] for item in body["items"]]
    assert (figures(site, body) == wanted) is is_done


def test_a_delay_only_delays(site):
    site.remote.switch("delay", seconds=0.3)
    begun = time.monotonic()

    assert site.call("GET", "/webhooks").json() == {"is_on": True}
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("then_error", [False, True])
def test_half_a_batch_is_applied(site, then_error):
    body = batch()
    before = figures(site, body)
    site.remote.switch("half_batch", then_error=then_error)

    answer = site.call("PUT", "/stock", json=body, headers={"Idempotency-Key": f"half-{newest()}"})

    wanted = [item["quantity"] for item in body["items"]]
    assert figures(site, body) == wanted[:2] + before[2:]
    if then_error:
        assert answer.status_code == 500
    else:
        assert [item["outcome"] for item in answer.json()["items"]] == ["done", "done", "failed", "failed"]


def test_a_batch_that_broke_off_is_done_by_its_repetition(site):
    body = batch()
    key = {"Idempotency-Key": f"broken-{newest()}"}
    site.remote.switch("half_batch", then_error=True)
    site.call("PUT", "/stock", json=body, headers=key)
    site.remote.all_faults_off()

    answer = site.call("PUT", "/stock", json=body, headers=key)

    assert "Idempotent-Replay" not in answer.headers
    assert figures(site, body) == [item["quantity"] for item in body["items"]]


def test_stock_lies_in_both_ways(site):
    site.tell(TEE, 4, version=newest())
    site.remote.switch("lying_stock", how="keeps")
    claimed = site.tell(TEE, 9, version=newest())
    kept = site.remote.stock()[TEE]
    site.remote.switch("lying_stock", how="reports")
    reported = {item["sku"]: item["quantity"] for item in site.call("GET", "/stock").json()["items"]}

    assert (claimed["outcome"], claimed["shown"], kept) == ("done", 9, 4)
    assert reported[TEE] != 4


def test_a_dead_site_answers_nobody_but_its_operator(site):
    site.remote.switch("dead", how="refuse", for_seconds=60)

    with pytest.raises(httpx.TransportError):
        site.call("GET", "/webhooks")
    with site.shopper() as shopper, pytest.raises(httpx.TransportError):
        shopper.look("/")
    assert httpx.get(f"{site.address}/panel").status_code == 200


def test_silence_ends_with_the_fault(site):
    site.remote.switch("dead", how="silent", for_seconds=0.5)

    with pytest.raises(httpx.TransportError):
        site.call("GET", "/webhooks")
    assert site.call("GET", "/webhooks").status_code == 200


def test_calls_are_listed_with_what_struck_them(site):
    site.remote.switch("server_error", calls="read_stock")
    site.call("GET", "/stock")
    site.call("GET", "/webhooks")

    assert [(call["name"], call["status"], call["fault"]) for call in site.remote.calls()[-2:]] == [
        ("read_stock", 500, "server_error 500"),
        ("ask_webhooks", 200, ""),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "faults/no_such_fault", {"on": True}, 404),
        ("PUT", "faults/delay", {"on": "yes"}, 400),
        ("PUT", "faults/delay", {"on": True, "parameters": {"seconds": "x"}}, 400),
        ("PUT", "stock/NO-SUCH", {"quantity": 1}, 404),
        ("PUT", f"stock/{TEE}", {"quantity": "1"}, 400),
        ("PUT", "products", {"products": [{"sku": "X"}]}, 400),
        ("POST", "state", {}, 405),
    ],
)
def test_the_control_api_refuses_what_it_does_not_know(site, method, path, body, status):
    headers = {"Authorization": "Bearer control-of-the-tests"}

    assert httpx.request(method, f"{site.address}/control/{path}", json=body, headers=headers).status_code == status


def test_the_control_api_wants_its_token(site):
    assert httpx.get(f"{site.address}/control/state").status_code == 403


def test_every_fault_is_on_the_panel_and_has_words_for_its_parameters(site):
    page = httpx.get(f"{site.address}/panel").text

    assert [fault.label for fault in FAULTS.values() if fault.label.split("(")[0] not in page] == []
