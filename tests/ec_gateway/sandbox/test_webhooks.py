"""What the site sends, in which order, how often, and what it does when nobody listens."""

import pytest

from tests.ec_gateway.sandbox.receiver import listening
from tests.ec_gateway.sandbox.stage import TEE, practice_site
from tests.ec_gateway.sandbox.test_contract import newest
from tests.runtime.families import wait_until

pytestmark = pytest.mark.xdist_group("practice site")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with (
        listening() as receiver,
        practice_site(tmp_path_factory.mktemp("telling") / "data", mamori=receiver.address) as site,
    ):
        yield site, receiver


@pytest.fixture
def site(both):
    """The running site of the module, nothing waiting, all faults off."""
    site, _receiver = both
    site.remote.switch("stock_silent")
    site.tell(TEE, 50, version=newest())
    site.remote.all_faults_off()
    yield site
    site.remote.all_faults_off()
    wait_until(lambda: waiting(site) == 0)


@pytest.fixture
def receiver(both, site):
    _site, receiver = both
    receiver.forget()
    return receiver


def orders_only(messages) -> list[dict]:
    return [message for message in messages if message["body"].get("type") != "stock.changed"]


def buy(site, **fields) -> str:
    with site.shopper() as shopper:
        return shopper.buy({TEE: 1}, **fields)


def waiting(site) -> int:
    return site.remote.state()["webhooks"].get("waiting", 0)


def test_an_order_is_told_at_once_and_signed(site, receiver):
    number = buy(site)

    message, _stock = receiver.wait_for(2)

    assert message["path"] == "/webhooks/TEST-1"
    assert (message["body"]["type"], message["body"]["data"]["external_id"]) == ("order.changed", number)
    assert message["webhook-id"] == site.call("GET", f"/orders/{number}").json()["events"][0]["id"]


def test_a_figure_edited_by_hand_is_told(site, receiver):
    site.remote.set_stock(TEE, 7)

    (message,) = receiver.wait_for(1)

    assert message["body"]["data"] == {"sku": TEE, "quantity": 7}
    assert message["body"]["type"] == "stock.changed"


def test_a_figure_that_moves_is_told_whoever_moved_it_unless_the_site_keeps_silent(site, receiver):
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 2})
        shopper.act(number, "cancel")
    site.tell(TEE, 40, version=newest())
    site.remote.switch("stock_silent")
    site.tell(TEE, 39, version=newest())
    site.remote.switch("stock_silent", on=False)
    site.tell(TEE, 38, version=newest())

    receiver.wait_for(7)

    told = [message["body"] for message in receiver.taken if message["body"]["type"] == "stock.changed"]
    assert [body["data"]["quantity"] for body in told] == [48, 50, 40, 38]


def test_a_duplicate_carries_the_same_id(site, receiver):
    site.remote.switch("webhook_duplicate", copies=2)
    buy(site)

    assert [message["webhook-id"] for message in receiver.wait_for(3)][:3] == [receiver.taken[0]["webhook-id"]] * 3


def test_messages_change_places(site, receiver):
    site.remote.switch("webhook_reordered", hold_seconds=0.5)
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 1})
        wait_until(lambda: site.remote.state()["faults"]["webhook_reordered"]["hit"])
        site.remote.all_faults_off()
        shopper.act(number, "cancel")

    receiver.wait_for(5)

    kinds = [kind for kind in receiver.types() if kind != "stock.changed"]
    assert kinds == ["order.cancelled", "payment.changed", "order.changed"]


def test_a_lost_message_is_still_polled(site, receiver):
    site.remote.switch("webhook_lost")
    lost = buy(site)
    wait_until(lambda: waiting(site) == 0)
    site.remote.all_faults_off()
    kept = buy(site)

    assert [message["body"]["data"]["external_id"] for message in orders_only(receiver.wait_for(1))] == [kept]
    polled = site.call("GET", "/orders").json()["orders"]
    assert [event["data"]["external_id"] for event in polled[-2:]] == [lost, kept]


def test_a_message_that_failed_is_sent_again(site, receiver):
    receiver.answers = [503]
    number = buy(site)

    (message,) = orders_only(receiver.wait_for(2))

    assert (message["body"]["data"]["external_id"], receiver.refused) == (number, 1)


def test_a_site_that_gives_up_switches_its_webhooks_off_and_says_so(site, receiver):
    site.remote.switch("webhooks_give_up", after=2)
    receiver.answers = [500] * 3
    buy(site)

    wait_until(lambda: site.call("GET", "/webhooks").json() == {"is_on": False})
    buy(site)

    wait_until(lambda: waiting(site) == 0)
    assert receiver.taken == []


def test_what_waits_is_sent_after_kill_9(site, receiver):
    site.remote.switch("stock_silent")
    receiver.answers = [500]
    number = buy(site)
    wait_until(lambda: receiver.refused == 1)
    site.kill()
    site.start()

    (message,) = receiver.wait_for(1)
    assert message["body"]["data"]["external_id"] == number
    wait_until(lambda: waiting(site) == 0)


def test_with_a_key_orders_are_written_to_the_api_and_the_rest_is_told(tmp_path, receiver):
    with practice_site(tmp_path / "keyed", mamori=receiver.address, options=["--api-key", "abc.def"]) as site:
        site.remote.switch("stock_silent")
        site.tell(TEE, 5, version=1)
        with site.shopper() as shopper:
            number = shopper.buy({TEE: 1}, method="bank_transfer")
            shopper.act(number, "pay")

        first, second = receiver.wait_for(2)

    assert (first["path"], first["authorization"]) == ("/api/v1/orders", "Api-Key abc.def")
    assert first["body"]["external_id"] == number
    assert (second["path"], second["body"]["type"]) == ("/webhooks/TEST-1", "payment.changed")
