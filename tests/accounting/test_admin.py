import datetime as dt
import re
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounting import services
from accounting.models import JournalEntry, LedgerAccount, OpenItem, Period, Posting, Settlement
from accounting.selectors.parties import party_of, with_parties
from accounting.services import Party
from erp.core.errors import InvalidInput
from tests.accounting.factories import (
    CLERK,
    NOON,
    bill_to,
    card_sale,
    counterparty,
    credit,
    debit,
    new_item,
    post,
    remaining,
    supplier,
)

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


def test_a_posting_that_settled_no_item_names_its_party_all_the_same(boss):
    debtor = bill_to()
    named = Party(debtor.kind, debtor.id, "取引先A")
    [item, *_rest] = post(
        debit("receivable.account", 1_000, opens=new_item(named)), credit("sales.wholesale", 1_000)
    ).item_ids
    services.record_receipt(
        debtor=debtor,
        reference="B-1",
        received_on=NOON.date(),
        items=[services.Settling(item)],
        bank_amount=Decimal(1_200),
        at=NOON,
        by=CLERK,
    )
    over = Posting.objects.get(open_item=None, party_id=debtor.id)

    page = boss.get(reverse("admin:accounting_posting_change", args=[over.pk])).content.decode()
    with CaptureQueriesContext(connection) as queries:
        entry = boss.get(reverse("admin:accounting_journalentry_change", args=[over.entry_id])).content.decode()

    assert "取引先A" in page
    assert entry.count("取引先A") == 2
    assert len([query for query in queries if '"accounting_openitem"' in query["sql"]]) == 1


def test_a_party_that_no_item_names_is_told_by_its_kind_and_number(boss):
    post(
        debit("cash", 300),
        credit("suspense_receipts", 100, party=Party("SUPPLIER", 999, "?")),
        credit("suspense_receipts", 200, party=Party("CUSTOMER", 0, "?")),
    )

    names = {row.party_id: party_of(row) for row in with_parties(Posting.objects.all())}

    assert names == {None: "", 999: "仕入先 999", 0: names[0]}
    assert names[0].endswith(" 0")


@pytest.mark.parametrize("name", REPORTS)
def test_reports_need_the_permission_to_look_at_postings(client, name):
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    url = reverse(f"admin:accounting_{name}")
    assert client.get(url).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="view_posting"))
    client.force_login(staff)

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
    assert "6310,地代家賃,0,200000,0,200000" in csv


def test_the_subsidiary_ledger_and_aging_of_a_party(boss):
    debtor = bill_to()
    post(debit("receivable.account", 110_000, opens=new_item(debtor)), credit("sales.wholesale", 110_000))
    asked = {"party_kind": "BILL_TO", "party_id": debtor.id, "first": "2026-11-01", "last": "2026-11-30"}

    assert "110,000" in boss.get(reverse("admin:accounting_subsidiary_ledger"), asked).content.decode()
    assert "110,000" in boss.get(reverse("admin:accounting_aging"), {"on": "2026-12-01"}).content.decode()
    csv = boss.get(reverse("admin:accounting_subsidiary_ledger"), asked | {"format": "csv"}).content.decode()
    assert ",110000," in csv
    assert "110000.00" not in csv


def test_what_somebody_wrote_into_a_voucher_is_no_formula_of_the_file(boss):
    line = debit("6310", 1_000, description="+1+1")
    services.post_voucher(
        entry_date=date(2026, 11, 5), description="=2+2", lines=[line, credit("1120", 1_000)], at=NOON, by=CLERK
    )
    asked = {"first": "2026-11-01", "last": "2026-11-30", "format": "csv"}

    told = ""
    for code in ("6310", "1120"):
        url = reverse("admin:accounting_general_ledger")
        told += boss.get(url, asked | {"account": account(code)}).content.decode("utf-8-sig")

    assert ",'+1+1," in told
    assert ",'=2+2," in told
    assert not any(cell[:1] in "=+" for cell in re.split("[,\r\n]", told) if cell)


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


def test_a_voucher_whose_button_is_pressed_twice_is_posted_once(boss):
    url = reverse("admin:accounting_journalentry_add")
    lines = form({"account": account("6370"), "debit": "5"}, {"account": account("1110"), "credit": "5"})

    def opened() -> dict[str, object]:
        return lines | {"seen": boss.get(url).context["form"].initial["seen"]}

    pressed = opened()
    once, twice = boss.post(url, pressed), boss.post(url, pressed)
    another = boss.post(url, opened())

    assert once.url == twice.url != another.url
    assert JournalEntry.objects.filter(kind="MANUAL").count() == 2


def test_an_equal_voucher_of_a_form_opened_before_the_first_is_told_that_nothing_was_posted(boss):
    """Whoever wants it twice and has two forms open must not read that the second is posted."""
    url = reverse("admin:accounting_journalentry_add")
    lines = form({"account": account("6370"), "debit": "5"}, {"account": account("1110"), "credit": "5"})
    forms = [lines | {"seen": boss.get(url).context["form"].initial["seen"]} for _tab in range(2)]

    said = [list(boss.post(url, filled, follow=True).context["messages"]) for filled in forms]

    number = JournalEntry.objects.get(kind="MANUAL").number
    assert [[(each.level_tag, str(each)) for each in messages] for messages in said] == [
        [("success", f"{number} を記帳しました。")],
        [
            (
                "warning",
                f"この内容は {number} として記帳済みのため、今回は記帳していません。同じ内容をもう一度記帳する場合は、新しい画面で入力してください。",
            )
        ],
    ]


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
    client.force_login(clerk)
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


def open_form(boss, action: str, *items: int):
    """What an action of the list of open items answers: the form over the chosen ones."""
    listing = reverse("admin:accounting_openitem_changelist")
    return boss.post(listing, {"action": action, "_selected_action": list(items)})


def settle_form(boss, kind: str, *items: int, **fields):
    typed = {"items": list(items), "reference": "R-1", "settled_on": "2026-11-24"}
    return boss.post(reverse("admin:accounting_settle", args=[kind]), typed | fields)


def told(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_a_payout_is_recorded_over_the_chosen_items(boss):
    first, second = card_sale(11_550, document_id=1), card_sale(1_000, document_id=2)
    page = open_form(boss, "record_payout", first, second)
    assert [item.pk for item, _field in page.context["items"]] == [first, second]
    assert page.context["debit"] == 12_550

    answer = settle_form(boss, "PAYOUT", first, second, bank_amount="12135", fee="415", fee_tax="EXEMPT")

    settlement = Settlement.objects.get()
    assert answer.url == reverse("admin:accounting_settlement_change", args=[settlement.pk])
    assert (settlement.kind, settlement.settled_amount, settlement.actor) == ("PAYOUT", 12_550, "staff:boss")
    assert (remaining(first), remaining(second)) == (0, 0)
    assert Posting.objects.get(account__code="6235").amount == 415


def test_a_settlement_leads_to_its_entries_and_items_and_they_lead_back(boss):
    item = card_sale(11_550, document_id=1)
    settle_form(boss, "PAYOUT", item, bank_amount="11550")
    settlement = Settlement.objects.get()
    entry = JournalEntry.objects.get(source_type="PAYOUT")

    told = boss.get(reverse("admin:accounting_settlement_change", args=[settlement.pk])).content.decode()

    assert f'href="{reverse("admin:accounting_openitem_change", args=[item])}"' in told
    assert f'href="{reverse("admin:accounting_journalentry_change", args=[entry.pk])}"' in told
    assert "11,550" in told
    back = boss.get(reverse("admin:accounting_journalentry_change", args=[entry.pk])).content.decode()
    assert f'href="{reverse("admin:accounting_settlement_change", args=[settlement.pk])}"' in back
    of_item = boss.get(reverse("admin:accounting_openitem_change", args=[item])).content.decode()
    assert f'href="{reverse("admin:accounting_journalentry_change", args=[entry.pk])}"' in of_item


def test_a_payout_that_does_not_add_up_says_so_and_keeps_what_was_typed(boss):
    item = card_sale(11_550)

    answer = settle_form(boss, "PAYOUT", item, bank_amount="11000", fee="415")

    assert "11,415" in told(answer)[0] or "11415" in told(answer)[0]
    assert answer.context["form"]["bank_amount"].value() == "11000"
    assert remaining(item) == 11_550
    assert not Settlement.objects.exists()


def owed_by_account(amount: int = 110_000, *, document_id: int = 1, code: str = "B1") -> int:
    entry = post(
        debit("receivable.account", amount, opens=new_item(bill_to(code), document_id)),
        credit("sales.wholesale", amount),
        source_id=document_id,
    )
    return entry.item_ids[0]


def test_a_receipt_less_the_transfer_fee(boss):
    item = owed_by_account()
    assert open_form(boss, "record_receipt", item).status_code == 200

    settle_form(boss, "RECEIPT", item, bank_amount="109560", fee_kept="440")

    assert remaining(item) == 0
    entry = JournalEntry.objects.get(source_type="MONEY_RECEIPT")
    posted = {(row.account.code, row.side): int(row.amount) for row in entry.postings.select_related("account")}
    assert posted == {
        ("1120", "DEBIT"): 109_560, ("4190", "DEBIT"): 400, ("2190", "DEBIT"): 40, ("1150", "CREDIT"): 110_000,
    }  # fmt: skip


def test_a_part_is_received_and_the_same_reference_is_booked_once(boss):
    item = owed_by_account()

    for _again in range(2):
        settle_form(boss, "RECEIPT", item, bank_amount="10000", **{f"amount_{item}": "10000"})

    assert (remaining(item), Settlement.objects.count()) == (100_000, 1)


def test_items_of_two_debtors_are_not_one_receipt(boss):
    first, second = owed_by_account(), owed_by_account(document_id=2, code="B2")

    answer = settle_form(boss, "RECEIPT", first, second, bank_amount="220000")

    assert "株式会社B1, 株式会社B2" in told(answer)[0]
    assert not Settlement.objects.exists()


def test_a_supplier_is_paid_and_a_customer_refunded(boss):
    bought = post(
        debit("inventory.goods", 126_500),
        credit("payable.suppliers", 126_500, opens=new_item(supplier())),
    ).item_ids[1]
    owed = post(
        debit("cash", 550), credit("refunds_payable", 550, opens=new_item(Party("CUSTOMER", 5, "山田花子")))
    ).item_ids[1]
    assert open_form(boss, "pay_supplier", bought).status_code == 200
    assert open_form(boss, "pay_refund", owed).status_code == 200

    settle_form(boss, "SUPPLIER_PAYMENT", bought, fee="440")
    settle_form(boss, "REFUND", owed)

    assert (remaining(bought), remaining(owed)) == (0, 0)
    assert dict(Settlement.objects.values_list("kind", "bank_amount")) == {"SUPPLIER_PAYMENT": 126_940, "REFUND": 550}


@pytest.mark.parametrize(("kind", "more"), [("SUPPLIER_PAYMENT", {}), ("REFUND", {}), ("PAYOUT", {"bank_amount": "9"})])
def test_each_form_refuses_parties_that_are_not_its_own(boss, kind, more):
    party = bill_to() if kind != "REFUND" else supplier()
    item = post(debit("receivable.account", 9, opens=new_item(party)), credit("sales.wholesale", 9)).item_ids[0]

    answer = settle_form(boss, kind, item, **more)

    assert party.label in told(answer)[0]
    assert not Settlement.objects.exists()


def test_what_no_form_can_settle_is_said_before_anybody_fills_it_in(boss):
    account, card = owed_by_account(), card_sale(1_000)
    listing = reverse("admin:accounting_openitem_changelist")

    refused = open_form(boss, "record_payout", account, card)
    assert refused.url == listing
    [several_and_other] = told(page := boss.get(listing))
    assert "複数あります" in several_and_other
    assert "株式会社B1 は" in several_and_other
    assert (
        f'data-kept-rows="{card} {account}"' in page.content.decode()
        or f'data-kept-rows="{account} {card}"' in page.content.decode()
    )

    settle_form(boss, "PAYOUT", card, bank_amount="1000")
    again = open_form(boss, "record_payout", card)
    assert again.url == listing
    assert "消込できる残りがありません" in told(boss.get(listing))[-1]
    # What was booked and is sent again leads to what was booked.
    assert settle_form(boss, "PAYOUT", card, bank_amount="1000").url == reverse(
        "admin:accounting_settlement_change", args=[Settlement.objects.get().pk]
    )


def provider_is_owed(amount: int) -> int:
    entry = post(
        debit("cash", amount),
        credit("receivable.card", amount, opens=new_item(counterparty(), 900)),
        source_id=900,
    )
    return entry.item_ids[1]


def test_part_of_what_is_owed_to_a_provider_is_set_off_though_more_is_left(boss):
    sale, back = card_sale(3_000), provider_is_owed(5_000)

    assert open_form(boss, "record_payout", sale, back).status_code == 200
    settle_form(boss, "PAYOUT", sale, back, bank_amount="0", **{f"amount_{sale}": "3000", f"amount_{back}": "3000"})

    assert (remaining(sale), remaining(back)) == (0, 2_000)
    assert Settlement.objects.get().bank_amount == 0


def test_what_is_owed_to_a_provider_alone_is_no_payout_and_no_other_page_takes_it(boss):
    back, listing = provider_is_owed(5_000), reverse("admin:accounting_openitem_changelist")

    assert open_form(boss, "record_payout", back).url == listing

    assert told(boss.get(listing))[-1].endswith("選んだ明細に当社の債権はありません。")


def test_what_is_owed_to_a_customer_is_no_receipt_but_a_refund(boss):
    listing = reverse("admin:accounting_openitem_changelist")
    owed = post(
        debit("cash", 550), credit("refunds_payable", 550, opens=new_item(Party("CUSTOMER", 5, "山田花子")))
    ).item_ids[1]

    assert open_form(boss, "record_receipt", owed).url == listing

    why = told(boss.get(listing))[-1]
    assert ("「返金の支払を登録」" in why, "仕入先" in why) == (True, False)


def test_what_is_owed_to_us_is_not_paid_and_no_money_comes_tomorrow(boss):
    owed = owed_by_account()
    listing = reverse("admin:accounting_openitem_changelist")

    assert open_form(boss, "pay_refund", owed).url == listing
    why = told(boss.get(listing))[-1]
    assert "当社の債務はありません" in why
    assert "「入金を登録」を使って" in why
    assert "精算" not in why
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    page = settle_form(boss, "RECEIPT", owed, bank_amount="110000", settled_on=f"{tomorrow:%Y-%m-%d}")
    assert page.context["form"]["settled_on"].errors == ["まだ来ていない日付です。"]
    assert not Settlement.objects.exists()


def test_settling_needs_its_permission_and_items(client, boss):
    item = card_sale()
    assert (
        reverse("admin:accounting_openitem_changelist")
        in boss.get(reverse("admin:accounting_settle", args=["PAYOUT"])).url
    )
    looker = User.objects.create_user("look", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_openitem"))
    client.force_login(looker)

    assert settle_form(client, "PAYOUT", item, bank_amount="11000").status_code == 403
    assert not Settlement.objects.exists()


def test_the_form_asks_as_little_for_many_items_as_for_one(boss):
    items = [card_sale(document_id=number) for number in range(30)]
    with CaptureQueriesContext(connection) as one:
        open_form(boss, "record_payout", items[0])
    with CaptureQueriesContext(connection) as many:
        open_form(boss, "record_payout", *items)

    assert len(many) == len(one)


def test_reports_from_the_first_to_the_last_day_of_the_calendar_answer(boss):
    card_sale(11_000)
    rent = LedgerAccount.objects.get(code="6310")
    everything = {"first": "0001-01-01", "last": "9999-12-31"}
    assert "11,000" in boss.get(reverse("admin:accounting_trial_balance"), everything).content.decode()
    assert boss.get(reverse("admin:accounting_general_ledger"), everything | {"account": rent.pk}).status_code == 200
    for day in everything.values():
        assert boss.get(reverse("admin:accounting_aging"), {"on": day}).status_code == 200


@pytest.mark.parametrize("amount", ["1e30", "99999999999999999999", "100000000000000", "0.5", "NaN", "Infinity"])
def test_a_voucher_names_the_field_of_an_amount_that_no_column_holds(boss, amount):
    typed = {
        "entry_date": "2026-11-24", "description": "x", "lines-TOTAL_FORMS": 2, "lines-INITIAL_FORMS": 0,
        "lines-0-debit": amount, "lines-1-credit": amount,
    }  # fmt: skip

    answer = boss.post(reverse("admin:accounting_journalentry_add"), typed)

    assert answer.status_code == 200
    assert [list(errors) for errors in answer.context["lines"].errors] == [["debit"], ["credit"]]
    assert not JournalEntry.objects.exists()


def test_a_payout_takes_whole_yen_only_in_the_form_and_in_the_service(boss):
    item = card_sale(11_550)

    answer = settle_form(boss, "PAYOUT", item, bank_amount="11549.5", fee="0.5")
    assert list(answer.context["form"].errors) == ["bank_amount", "fee"]

    with pytest.raises(InvalidInput) as refusal:
        services.record_payout(
            counterparty_id=OpenItem.objects.get().party_id, reference="R-1", paid_on=date(2026, 11, 24),
            items=[services.Settling(item)], bank_amount=Decimal("11549.5"), fee=Decimal("0.5"),
            promotion=Decimal("NaN"), at=NOON, by=CLERK,
        )  # fmt: skip
    assert [problem.pointer for problem in refusal.value.problems] == ["/bank_amount", "/fee", "/promotion"]
    assert remaining(item) == 11_550


@pytest.mark.parametrize("typed", ["12,135", "１２，１３５", "¥12,135", "12135円", " 12135 "])
def test_amounts_are_read_as_a_bank_writes_them(boss, typed):
    item = card_sale(12_135)

    settle_form(boss, "PAYOUT", item, bank_amount=typed)

    assert Settlement.objects.get().bank_amount == 12_135


@pytest.mark.parametrize("typed", ["12.5", "あ", "-5", "1e3000", "NaN"])
def test_what_is_no_amount_is_refused_and_stays_in_its_field(boss, typed):
    item = card_sale(12_135)

    page = settle_form(boss, "PAYOUT", item, bank_amount=typed)

    assert page.context["form"]["bank_amount"].errors
    assert page.context["form"]["bank_amount"].value() == typed
    assert not Settlement.objects.exists()
