import pytest

from accounting import selectors
from accounting.models import AccountRole, Counterparty, LedgerAccount, PaymentRoute
from accounting.services.reference_data import ROLES, load_reference_data
from erp.core.models import Channel
from erp.orders.models import PaymentMethod

pytestmark = pytest.mark.django_db


def test_the_chart_is_whole():
    accounts = {row.code: row for row in LedgerAccount.objects.all()}

    assert len(accounts) == 80
    assert {code for code, row in accounts.items() if row.control == "OPEN_ITEM"} == {
        "1150", "1151", "1152", "1153", "1154", "1340", "2120", "2145", "2160",
    }  # fmt: skip
    assert {code for code, row in accounts.items() if row.control == "STOCK"} == {"1210", "1215", "1216"}
    assert (accounts["1154"].name, accounts["1216"].name) == ("後払い売掛金", "委託先在庫")
    assert {code: accounts[code].normal_side for code in ("1110", "2120", "3330", "4110", "4180", "5110", "1390")} == {
        "1110": "DEBIT",
        "2120": "CREDIT",
        "3330": "CREDIT",
        "4110": "CREDIT",
        "4180": "DEBIT",
        "5110": "DEBIT",
        "1390": "CREDIT",
    }
    assert dict(AccountRole.objects.values_list("role", "account__code")) == ROLES


def test_loading_again_keeps_what_staff_changed():
    LedgerAccount.objects.filter(code="1110").update(name="小口現金")
    AccountRole.objects.filter(role="bank").update(account=LedgerAccount.objects.get(code="1130"))
    Counterparty.objects.filter(code="CARD").update(fee_tax="TAXED", name="守りペイ")
    PaymentRoute.objects.filter(method="CARD").update(must_be_paid_first=True)
    before = [model.objects.count() for model in (LedgerAccount, AccountRole, Counterparty, PaymentRoute)]

    load_reference_data()

    assert LedgerAccount.objects.get(code="1110").name == "小口現金"
    assert selectors.account_of("bank").code == "1130"
    assert (Counterparty.objects.get(code="CARD").fee_tax, Counterparty.objects.get(code="CARD").name) == (
        "TAXED",
        "守りペイ",
    )
    assert PaymentRoute.objects.get(method="CARD").must_be_paid_first
    assert [model.objects.count() for model in (LedgerAccount, AccountRole, Counterparty, PaymentRoute)] == before


def test_every_payment_method_has_a_route():
    channel = Channel.objects.create(code="EC", name="EC", kind="EC_SITE")
    routes = selectors.payment_routes()

    found = {}
    for method in PaymentMethod.values:
        route = routes.find(channel.pk, method, "whoever")
        assert route is not None, method
        found[method] = (route.role, route.party.label if route.party else "", route.must_be_paid_first)

    assert found == {
        "CARD": ("receivable.card", "クレジットカード決済", False),
        "COD": ("receivable.cod", "代引(運送会社)", False),
        "BANK_TRANSFER": ("bank", "", True),
        "CONVENIENCE_STORE": ("receivable.agent", "コンビニ収納代行", True),
        "DEFERRED": ("receivable.deferred", "後払い決済", False),
        "WALLET": ("receivable.card", "ID・コード決済", False),
        "CARRIER_BILLING": ("receivable.card", "キャリア決済", False),
        "MALL": ("receivable.mall", "モール", False),
        "GIFT_CARD": ("gift_cards", "", False),
        "ON_ACCOUNT": ("receivable.account", "", False),
        "CASH": ("cash", "", False),
        "FUNDER": ("receivable.agent", "クーポン・ポイント負担者", False),
        "NONE": ("", "", False),
    }
    assert routes.find(channel.pk, "BARTER", "") is None


def test_the_most_specific_route_wins():
    channel = Channel.objects.create(code="EC", name="EC", kind="EC_SITE")
    own = Counterparty.objects.create(code="OWN", name="自社便", kind="CARRIER")
    PaymentRoute.objects.create(channel=channel, method="COD", role="receivable.cod", counterparty=own)
    routes = selectors.payment_routes()

    def debtor(channel_id: int, provider: str) -> str:
        return routes.find(channel_id, "cod", provider).party.label

    assert debtor(channel.pk + 1, "yamato") == "ヤマト運輸"
    assert debtor(channel.pk + 1, "") == "代引(運送会社)"
    assert debtor(channel.pk, "yamato") == "自社便"


@pytest.mark.django_db(transaction=True)
def test_a_flush_brings_the_chart_back():
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)

    assert selectors.account_of("bank").code == "1120"
