"""A page that its reader may not open is named and not linked. That no page of the demo company says otherwise to any role is asked in
``tests/demo``."""

import re

import pytest
from django.urls import reverse

from catalog.models import Product, Supplier
from erp.back_office.roles import ROLES
from erp.core import doors, staff_tasks
from erp.inventory.models import StockDocument
from tests.back_office import access
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
BY_LOGIN = {role.login: role for role in ROLES}


@pytest.fixture
def seen_by(client):
    def opened(login, url_name, *keys):
        client.force_login(access.make_user(BY_LOGIN[login]))
        return client.get(reverse(f"admin:{url_name}", args=keys)).content.decode()

    return opened


def linked(page, text):
    """Where the links with this text lead."""
    return re.findall(rf'<a href="([^"]+)"[^>]*>{text}</a>', page)


def test_the_subject_of_a_task_is_a_link_for_those_who_may_open_it(seen_by):
    finding = staff_tasks.Finding("INBOX_REFUSED", "INBOUND_EVENT", 7, "EC1 受注 A-1", "")
    staff_tasks.open_tasks([finding], at=NOON, by=DESK)

    of_the_desk = seen_by("ec", "core_stafftask_changelist")
    of_the_warehouse = seen_by("soko", "core_stafftask_changelist")

    assert linked(of_the_desk, "EC1 受注 A-1") == [reverse("admin:ec_gateway_inboundevent_change", args=[7])]
    assert "EC1 受注 A-1" in of_the_warehouse
    assert linked(of_the_warehouse, "EC1 受注 A-1") == []


def test_the_document_behind_a_movement_is_one_too(seen_by):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    [parcel] = shipped(placed(channel, order(line(shirt, 1))))
    document = StockDocument.objects.get(source_type="SHIPMENT")

    of_the_warehouse = seen_by("soko", "inventory_stockdocument_change", document.pk)
    of_merchandise = seen_by("md", "inventory_stockdocument_change", document.pk)

    assert linked(of_the_warehouse, f"[^<]*{parcel.number}")
    assert parcel.number in of_merchandise
    assert linked(of_merchandise, f"[^<]*{parcel.number}") == []


def test_a_row_that_a_shown_field_names_is_one_too(seen_by):
    supplier = Supplier.objects.create(code="S-1", name="青山縫製")
    product = sku().product
    Product.objects.filter(pk=product.pk).update(supplier=supplier)

    of_management, of_the_shop = (seen_by(login, "catalog_product_change", product.pk) for login in ("keiei", "tenpo"))

    assert linked(of_management, str(supplier)) == [reverse("admin:catalog_supplier_change", args=[supplier.pk])]
    assert str(supplier) in of_the_shop
    assert linked(of_the_shop, str(supplier)) == []


def test_the_list_above_a_page_of_our_own_is_named_where_it_is_shut(seen_by):
    """販売分析 stands on the list of the scores of customers, which merchandise does not see."""
    of_merchandise, of_the_desk = seen_by("md", "insights_sales"), seen_by("juchu", "insights_sales")

    scores = reverse("admin:insights_customerrfm_changelist")
    assert f'<a href="{scores}"' in of_the_desk
    assert f'<a href="{scores}"' not in of_merchandise


def test_outside_of_a_request_every_page_counts_as_open():
    assert doors.is_open("admin:orders_order_change")
