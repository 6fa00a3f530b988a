"""What shoppers change at the practice site changes the order in Mamori, also when it is paid."""

import pytest

from catalog.models import Sku
from ec_gateway.management.fault_day.shopper import PERSON
from ec_gateway.platforms.generic import GenericPlatform
from ec_gateway.platforms.taking_in import take_in
from erp.core.models import StaffTask
from erp.orders.models import Delivery, Order
from tests.ec_gateway import factories
from tests.ec_gateway.sandbox.stage import SECRET, TEE, TOKEN
from tests.ec_gateway.sandbox.test_contract import newest
from tests.ec_gateway.test_inbox import work
from tests.inventory.factories import sku, stock
from tests.orders.factories import figure, released

pytestmark = [pytest.mark.xdist_group("practice site"), pytest.mark.django_db]
MOVED = {**PERSON, "postal_code": "530-0001", "prefecture": "大阪府", "city": "大阪市北区", "street": "梅田9-9"}


@pytest.fixture
def mamori(site):
    joined, place = factories.shop(base_url=site.address)
    shirt = sku()
    Sku.objects.filter(pk=shirt.pk).update(code=TEE)
    stock(shirt, place, 20)
    site.tell(TEE, 20, version=newest())
    platform = GenericPlatform(
        base_url=site.address, settings={}, credentials={"token": TOKEN, "webhook_secret": SECRET}
    )

    def hear(number: str) -> Order:
        take_in(site_id=joined.pk, news=platform.fetch_order(external_id=number), source="POLL", at=factories.NOON)
        work(joined)
        return Order.objects.get(external_id=number)

    return hear


@pytest.mark.parametrize("method", ["card", "convenience_store", "cod"])
def test_a_new_address_reaches_the_order_whatever_was_paid(site, mamori, method):
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 2}, method=method)
        if method == "convenience_store":
            shopper.act(number, "pay")
        before = mamori(number)
        assert (before.state, before.deliveries.get().street) == ("READY", PERSON["street"])
        deposits = figure("deposits")

        shopper.act(number, "address", MOVED)

    after = mamori(number)
    assert (after.state, after.revision) == ("READY", 2)
    assert Delivery.objects.values_list("prefecture", "street").get() == ("大阪府", "梅田9-9")
    assert (figure("deposits"), StaffTask.objects.count()) == (deposits, 0)


def test_a_new_address_for_what_is_being_picked_is_left_to_staff(site, mamori):
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 1})
        released(mamori(number))

        shopper.act(number, "address", MOVED)

    assert mamori(number).revision == 1
    assert Delivery.objects.get().street == PERSON["street"]
    assert StaffTask.objects.get().kind == "AMEND_AFTER_RELEASE"
