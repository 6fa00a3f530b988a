from datetime import date

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounting import services
from accounting.models import JournalEntry, LedgerAccount, Period, Posting
from tests.accounting.factories import CLERK, NOON, bill_to, card_sale, credit, debit, new_item, post, remaining

pytestmark = pytest.mark.django_db

NAMES = [
    "ledgeraccount", "accountrole", "counterparty", "paymentroute", "exporttaxlabel", "period", "seal", "journalentry",
    "posting", "openitem", "billableitem", "settlement", "exportrun",
]  # fmt: skip
REPORTS = ["trial_balance", "general_ledger", "subsidiary_ledger", "aging"]


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize("name", NAMES)
def test_every_list_opens_and_is_searchable(boss, name):
    card_sale()

    assert boss.get(reverse(f"admin:accounting_{name}_changelist")).status_code == 200
    assert boss.get(reverse(f"admin:accounting_{name}_changelist"), {"q": "1"}).status_code == 200


def test_an_entry_shows_its_postings_and_leads_to_its_item(boss):
    item = card_sale(11_000)
    entry = JournalEntry.objects.get()

    page = boss.get(reverse("admin:accounting_journalentry_change", args=[entry.pk])).content.decode()

    assert "1151 クレジット売掛金" in page
    assert reverse("admin:accounting_openitem_change", args=[item]) in page
    assert boss.get(reverse("admin:accounting_openitem_change", args=[item])).status_code == 200


@pytest.mark.parametrize("name", REPORTS)
def test_reports_need_the_permission_to_look_at_postings(client, name):
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    url = reverse(f"admin:accounting_{name}")
    assert client.get(url).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="view_posting"))

    assert client.get(url).status_code == 200


def test_the_trial_balance_leads_to_the_ledger_and_that_to_the_document(boss):
    voucher = services.post_voucher(
        entry_date=date(2026, 11, 5),
        description="家賃",
        lines=[debit("6310", 200_000), credit("1120", 200_000)],
        at=NOON,
        by=CLERK,
    )
    rent = LedgerAccount.objects.get(code="6310")
    asked = {"first": "2026-11-01", "last": "2026-11-30"}

    sheet = boss.get(reverse("admin:accounting_trial_balance"), asked).content.decode()
    ledger = boss.get(reverse("admin:accounting_general_ledger"), asked | {"account": rent.pk}).content.decode()

    assert f"?account={rent.pk}&amp;first=2026-11-01" in sheet
    assert "200,000" in sheet
    assert reverse("admin:accounting_journalentry_change", args=[voucher.id]) in ledger
    csv = boss.get(reverse("admin:accounting_trial_balance"), asked | {"format": "csv"}).content.decode("utf-8-sig")
    assert "6310,地代家賃,0,200000.00,0,200000.00" in csv


def test_the_subsidiary_ledger_and_aging_of_a_party(boss):
    debtor = bill_to()
    post(debit("receivable.account", 110_000, opens=new_item(debtor)), credit("sales.wholesale", 110_000))
    asked = {"party_kind": "BILL_TO", "party_id": debtor.id, "first": "2026-11-01", "last": "2026-11-30"}

    assert "110,000" in boss.get(reverse("admin:accounting_subsidiary_ledger"), asked).content.decode()
    assert "110,000" in boss.get(reverse("admin:accounting_aging"), {"on": "2026-12-01"}).content.decode()
    csv = boss.get(reverse("admin:accounting_subsidiary_ledger"), asked | {"format": "csv"}).content.decode()
    assert "110000.00" in csv


def form(*lines: dict[str, object]) -> dict[str, object]:
    data: dict[str, object] = {
        "entry_date": "2026-11-05", "description": "家賃", "lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": 0,
    }  # fmt: skip
    for index, line in enumerate(lines):
        data |= {f"lines-{index}-{name}": value for name, value in line.items()}
    return data


def account(code: str) -> int:
    return LedgerAccount.objects.get(code=code).pk


def test_a_voucher_is_posted_through_its_form(boss):
    item = card_sale(11_000)
    url = reverse("admin:accounting_journalentry_add")
    assert boss.get(url).status_code == 200

    answer = boss.post(
        url, form({"account": account("6370"), "debit": "11000"}, {"settles": item, "credit": "11000"}, {})
    )

    entry = JournalEntry.objects.get(kind="MANUAL")
    assert answer.url == reverse("admin:accounting_journalentry_change", args=[entry.pk])
    assert (entry.actor, entry.entry_date, remaining(item)) == ("staff:boss", date(2026, 11, 5), 0)


def test_a_refused_voucher_says_why_and_keeps_what_was_typed(boss):
    url = reverse("admin:accounting_journalentry_add")

    answer = boss.post(
        url, form({"account": account("1210"), "debit": "5"}, {"account": account("1110"), "credit": "5"})
    )

    assert answer.status_code == 200
    assert "1210" in str(answer.context["form"].non_field_errors())
    assert not JournalEntry.objects.exists()


def test_periods_are_opened_closed_and_reopened_with_permission(client):
    clerk = User.objects.create_user("clerk", is_staff=True)
    for codename in ("view_period", "change_period"):
        clerk.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(clerk)
    post(debit("cash", 1), credit("sales.ec", 1), on=date(2026, 9, 5))
    listing = reverse("admin:accounting_period_changelist")

    client.post(reverse("admin:accounting_period_open"))
    period = Period.objects.order_by("starts_on")[0]
    client.post(listing, {"action": "close", "_selected_action": [period.pk]})
    period.refresh_from_db()
    assert (period.state, period.closed_by) == ("CLOSED", "staff:clerk")

    client.post(listing, {"action": "reopen", "_selected_action": [period.pk]})
    period.refresh_from_db()
    assert period.state == "CLOSED"

    clerk.user_permissions.add(Permission.objects.get(codename="reopen_period"))
    client.post(listing, {"action": "reopen", "_selected_action": [period.pk]})
    period.refresh_from_db()
    assert period.state == "OPEN"


def test_an_entry_is_reversed_from_its_list_with_a_reason(boss):
    entry = post(debit("cash", 5), credit("sales.ec", 5))
    listing = reverse("admin:accounting_journalentry_changelist")
    action = {"action": "reverse", "_selected_action": [entry.id]}

    boss.post(listing, action)
    assert JournalEntry.objects.count() == 1

    boss.post(listing, action | {"reason": "二重計上", "reversal_date": "2026-11-24"})

    mirror = JournalEntry.objects.get(reversal_of_id=entry.id)
    assert (mirror.description, mirror.entry_date) == ("二重計上", date(2026, 11, 24))
    assert Posting.objects.count() == 4


def test_lists_ask_as_little_for_fifty_rows_as_for_one(boss, django_assert_max_num_queries):
    for number in range(50):
        card_sale(document_id=number)

    for name in ("journalentry", "posting", "openitem"):
        with django_assert_max_num_queries(12):
            boss.get(reverse(f"admin:accounting_{name}_changelist"))
