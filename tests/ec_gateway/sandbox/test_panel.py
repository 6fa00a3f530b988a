"""The operator's panel: the same switches as forms."""

import httpx
import pytest

from tests.ec_gateway.sandbox.stage import TEE
from tests.ec_gateway.sandbox.test_contract import newest

pytestmark = pytest.mark.xdist_group("practice site")


@pytest.fixture
def operator(site):
    with site.shopper() as browser:
        yield browser


def test_a_figure_is_edited_by_hand(site, operator):
    page = operator._send("/panel", "/panel/stock", {"sku": TEE, "quantity": "-2"}).text

    assert f"{TEE} の表示在庫を -2 にしました" in page
    assert site.remote.stock()[TEE] == -2
    assert "整数で入力してください" in operator._send("/panel", "/panel/stock", {"sku": TEE, "quantity": "x"}).text


def test_a_fault_is_switched_on_with_its_parameters_and_off(site, operator):
    form = {"name": "delay", "seconds": "1.5", "calls": "read_stock", "rate": "0.25", "for_seconds": "0"}

    operator._send("/panel", "/panel/faults", form | {"on": "1"})
    state = site.remote.state()["faults"]["delay"]
    operator._send("/panel", "/panel/faults", form | {"off": "1"})

    assert state["is_on"]
    assert state["parameters"] == {"seconds": 1.5, "calls": "read_stock", "rate": 0.25, "for_seconds": 0.0}
    assert not site.remote.state()["faults"]["delay"]["is_on"]


def test_a_wrong_parameter_is_named_and_switches_nothing(site, operator):
    page = operator._send("/panel", "/panel/faults", {"name": "delay", "seconds": "soon", "on": "1"}).text

    assert "delay: " in page
    assert not site.remote.state()["faults"]["delay"]["is_on"]


def test_everything_is_switched_off_at_once(site, operator):
    site.remote.switch("delay", calls="read_stock")
    site.remote.switch("webhook_lost")

    operator._send("/panel", "/panel/faults", {"all_off": "1"})

    assert [name for name, fault in site.remote.state()["faults"].items() if fault["is_on"]] == []


def test_orders_are_paid_and_cancelled_at_the_desk(site, operator):
    site.tell(TEE, 9, version=newest())
    number = operator.buy({TEE: 1}, method="bank_transfer")

    operator._send("/panel", f"/panel/orders/{number}/pay", {})
    operator._send("/panel", f"/panel/orders/{number}/cancel", {})

    (order,) = [order for order in site.remote.orders() if order["external_id"] == number]
    assert (order["is_paid"], order["is_cancelled"], order["state"]) == (True, True, "キャンセル済み")


def test_calls_and_webhooks_are_shown(site, operator):
    site.tell(TEE, 6, version=newest())
    operator.buy({TEE: 1})

    page = operator.look("/panel")

    assert f"{TEE}=6" in page
    assert "order.changed" in page


def test_a_form_without_its_token_is_refused(site):
    answer = httpx.post(f"{site.address}/panel/stock", data={"sku": TEE, "quantity": "1"})

    assert answer.status_code == 403
