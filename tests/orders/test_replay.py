"""Replay of real orders: what each row means, to which account it goes, and that the books hold exactly the sum of the file."""

from __future__ import annotations

import csv
import gzip
import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from accounting.models import Posting
from accounting.selectors import trial_balance
from customers.models import ChannelIdentity, CustomerRecord
from erp.core.errors import Problem
from erp.orders.management.commands.replay import DATA
from erp.orders.management.online_retail import reconciling
from erp.orders.management.online_retail.booking import Replay
from erp.orders.management.online_retail.documents import take_apart
from erp.orders.management.online_retail.meaning import Goods, Kind, Refusal, meaning_of, median, opening_cost, survey
from erp.orders.management.online_retail.reading import COLUMNS, Row, digest, read_invoices, read_rows
from erp.orders.models import Order, OrderLine, OrderState, Return, ReturnLine
from tests.orders.factories import figure

DECEMBER = DATA / "2010-12.csv.gz"
# More months of the data set, where a developer has them.
MORE = Path(settings.BASE_DIR).parent / "shared" / "data" / "online_retail"
UK = "United Kingdom"


def write(path: Path, *rows: tuple[str, ...], header: list[str] = COLUMNS) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def cut(path: Path, source: Path, *, first: int = 0, count: int) -> Path:
    """Some rows of a month."""
    with gzip.open(source, "rb") as content:
        header, *rows = content.readlines()
    path.write_bytes(b"".join([header, *rows[first : first + count]]))
    return path


def row(tmp_path: Path, *cells: str) -> Row:
    [found] = read_rows(write(tmp_path / "row.csv", cells))
    return found


def replay(path: Path) -> str:
    printed = io.StringIO()
    call_command("replay", str(path), stdout=printed, no_color=True)
    return printed.getvalue()


def untrue(path: Path) -> str:
    """What is printed by a replay that exits 1."""
    printed = io.StringIO()
    with pytest.raises(SystemExit) as exit_of:
        call_command("replay", str(path), stdout=printed, no_color=True)
    assert exit_of.value.code == 1
    return printed.getvalue()


# Real rows of the data set, apart from those marked as made up.
@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("536365", "85123A", "WHITE HANGING HEART", "6", "2010-12-01 08:26:00", "2.55", "17850.0", UK), Kind.SALE),
        (("536414", "22139", "", "56", "2010-12-01 11:52:00", "0.0", "", UK), Kind.FREE),
        (("536370", "POST", "POSTAGE", "3", "2010-12-01 08:45:00", "18.0", "12583.0", "France"), Kind.SHIPPING),
        (("536544", "DOT", "DOTCOM POSTAGE", "1", "2010-12-01 14:32:00", "569.77", "", UK), Kind.SHIPPING),
        (("536540", "C2", "CARRIAGE", "1", "2010-12-01 14:05:00", "50.0", "14911.0", "EIRE"), Kind.SHIPPING),
        (("536569", "M", "Manual", "1", "2010-12-01 15:35:00", "1.25", "16274.0", UK), Kind.OTHER_FEE),
        (("539736", "m", "Manual", "1", "2010-12-21 15:18:00", "2.55", "", UK), Kind.OTHER_FEE),
        (("536779", "BANK CHARGES", "Bank Charges", "1", "2010-12-02 15:08:00", "15.0", "15823.0", UK), Kind.OTHER_FEE),
        (("549684", "S", "SAMPLES", "1", "2011-04-11 13:24:00", "30.0", "", UK), Kind.OTHER_FEE),
        (("C536391", "22556", "PLASTERS IN TIN", "-12", "2010-12-01 10:24:00", "1.65", "17548.0", UK), Kind.RETURN),
        (("C536379", "D", "Discount", "-1", "2010-12-01 09:41:00", "27.5", "14527.0", UK), Kind.DISCOUNT),
        (("C538124", "M", "Manual", "-4", "2010-12-09 15:43:00", "0.5", "15329.0", UK), Kind.REFUND),
        (("C537581", "S", "SAMPLES", "-1", "2010-12-07 12:03:00", "12.95", "", UK), Kind.REFUND),
        (("C537572", "BANK CHARGES", "Bank Charges", "-1", "2010-12-07 12:00:00", "95.38", "", UK), Kind.PLATFORM_FEE),
        (("C537630", "AMAZONFEE", "AMAZON FEE", "-1", "2010-12-07 15:04:00", "13541.33", "", UK), Kind.PLATFORM_FEE),
        (("537632", "AMAZONFEE", "AMAZON FEE", "1", "2010-12-07 15:08:00", "13541.33", "", UK), Kind.PLATFORM_FEE),
        (("C571750", "CRUK", "CRUK Commission", "-1", "2011-10-19 11:18:00", "52.24", "14096.0", UK), Kind.PLATFORM_FEE),
        (("A563186", "B", "Adjust bad debt", "1", "2011-08-12 14:51:00", "-11062.06", "", UK), Kind.BAD_DEBT),
        (("A563185", "B", "Adjust bad debt", "1", "2011-08-12 14:50:00", "11062.06", "", UK), Kind.BAD_DEBT),
        (("536589", "21777", "", "-10", "2010-12-01 16:50:00", "0.0", "", UK), Kind.WRITE_OFF),
        (("550193", "PADS", "PADS TO MATCH ALL CUSHIONS", "1", "2011-04-15 09:27:00", "0.001", "13952.0", UK), Kind.SALE),
        (("540271", "gift_0001_40", "Gift Voucher £40.00", "1", "2011-01-06 11:36:00", "34.04", "", UK), Kind.SALE),
    ],
)  # fmt: skip
def test_what_a_row_means(tmp_path, cells, kind):
    assert meaning_of(row(tmp_path, *cells)) == (kind, None)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("540699", "POST", "", "1000", "2011-01-11 09:32:00", "0.0", "", UK), Refusal.NOTHING_CHARGED),
        (("552230", "DOT", "DOTCOM POSTAGE", "1", "2011-05-06 15:43:00", "0.0", "", UK), Refusal.NOTHING_CHARGED),
        # Made up: the months at hand have none of these.
        (("900001", "22139", "", "0", "2010-12-01 08:00:00", "1.0", "", UK), Refusal.NO_PIECES),
        (("900002", "22139", "", "1", "2010-12-01 08:00:00", "-1.0", "", UK), Refusal.NEGATIVE_PRICE),
        (("C900003", "22139", "", "1", "2010-12-01 08:00:00", "1.0", "", UK), Refusal.POSITIVE_IN_CANCELLATION),
        (("900004", "22139", "", "-1", "2010-12-01 08:00:00", "1.0", "", UK), Refusal.NEGATIVE_WITH_PRICE),
        (("900005", "POST", "", "-1", "2010-12-01 08:00:00", "1.0", "", UK), Refusal.NEGATIVE_WITH_PRICE),
    ],
)
def test_what_is_refused_and_why(tmp_path, cells, reason):
    assert meaning_of(row(tmp_path, *cells)) == (Kind.REFUSED, reason)


def test_codes_are_compared_in_capitals_customers_without_decimals_times_in_tokyo(tmp_path):
    found = row(tmp_path, "537225", "15056bl ", " PARASOL ", "2", "2010-12-05 16:41:00", "5.95", "12748.0", UK)

    assert (found.code, found.name, found.customer) == ("15056BL", "PARASOL", "12748")
    assert found.at.isoformat() == "2010-12-05T16:41:00+09:00"
    assert (found.unit_yen, found.exact, found.yen) == (595, 1190, 1190)


def test_prices_with_three_decimals_are_rounded_once_per_line(tmp_path):
    rows = [
        row(tmp_path, "1", "P", "", quantity, "2010-12-05 16:41:00", "0.125", "", UK)
        for quantity in ("1", "2", "3", "-3")
    ]

    assert [item.exact for item in rows] == [Decimal("12.5"), 25, Decimal("37.5"), Decimal("-37.5")]
    assert [item.yen for item in rows] == [13, 25, 38, -38]


def test_an_invoice_is_whole_even_when_its_rows_lie_apart(tmp_path):
    at = "2011-02-11 08:00:00"
    path = write(
        tmp_path / "apart.csv",
        ("1", "A", "", "1", at, "1", "", UK), ("2", "A", "", "1", at, "1", "", UK), ("1", "B", "", "1", at, "1", "", UK),
    )  # fmt: skip

    invoices = list(read_invoices(path, survey(read_rows(path)).sizes, lambda _number: True))

    assert [(item.number, [found.code for found in item.rows]) for item in invoices] == [
        ("2", ["A"]),
        ("1", ["A", "B"]),
    ]


def test_charges_ride_on_the_order_or_stand_alone(tmp_path):
    at = "2010-12-01 08:00:00"
    path = write(
        tmp_path / "charges.csv",
        ("1", "A", "", "1", at, "1", "", UK), ("1", "POST", "", "1", at, "1", "", UK), ("2", "POST", "", "1", at, "1", "", UK),
    )  # fmt: skip

    first, second = map(take_apart, read_invoices(path, survey(read_rows(path)).sizes, lambda _number: True))

    assert [len(part) for part in (first.ordered, first.fees, first.charges)] == [1, 1, 0]
    assert [len(part) for part in (second.ordered, second.fees, second.charges)] == [0, 0, 1]


def test_opening_stock_costs_sixty_percent_of_the_median_price():
    goods = Goods()
    goods.prices.update({Decimal(255): 3, Decimal(295): 1, Decimal(510): 1})

    assert median(goods.prices) == 255
    assert opening_cost(goods, otherwise=Decimal(1)) == 153
    assert opening_cost(Goods(), otherwise=Decimal(7)) == 7


def test_the_same_rows_are_the_same_file_packed_or_not(tmp_path):
    plain = tmp_path / "plain.csv"
    plain.write_bytes(gzip.decompress(DECEMBER.read_bytes()))

    assert digest(plain) == digest(DECEMBER)


EVERY_KIND = [
    ("100001", "A1", "SHIRT", "3", "2010-12-01 08:26:00", "2.55", "17850.0", UK),
    ("100001", "A1", "SHIRT", "1", "2010-12-01 08:26:00", "2.55", "17850.0", UK),
    ("100001", "B2", "CUP", "2", "2010-12-01 08:26:00", "1.0", "17850.0", UK),
    ("100001", "POST", "POSTAGE", "1", "2010-12-01 08:26:00", "5.0", "17850.0", UK),
    ("100002", "a1", "", "1", "2010-12-01 09:00:00", "5.01", "", "France"),
    ("100002", "B2", "", "1", "2010-12-01 09:00:00", "0.0", "", "France"),
    ("100002", "DOT", "", "1", "2010-12-01 09:00:00", "2.5", "", "France"),
    ("100003", "M", "Manual", "1", "2010-12-01 10:00:00", "15.0", "13090.0", UK),
    ("100004", "B2", "thrown away", "-4", "2010-12-01 11:00:00", "0.0", "", UK),
    ("100005", "B2", "", "1", "2010-12-02 08:00:00", "0.0", "", UK),
    ("C100006", "A1", "SHIRT", "-2", "2010-12-02 09:00:00", "2.55", "17850.0", UK),
    ("C100006", "B2", "CUP", "-1", "2010-12-02 09:00:00", "9.99", "17850.0", UK),
    ("C100007", "D", "Discount", "-1", "2010-12-02 10:00:00", "27.5", "17850.0", UK),
    ("C100008", "AMAZONFEE", "AMAZON FEE", "-1", "2010-12-02 11:00:00", "100.0", "", UK),
    ("C100009", "POST", "POSTAGE", "-1", "2010-12-02 12:00:00", "5.0", "17850.0", UK),
    ("A100010", "B", "Adjust bad debt", "1", "2010-12-02 13:00:00", "-20.0", "", UK),
    ("100011", "POST", "", "1000", "2010-12-03 08:00:00", "0.0", "", UK),
    ("100012", "P3", "PADS", "3", "2010-12-03 09:00:00", "0.125", "17850.0", UK),
    ("100013", "B2", "", "1", "2010-12-03 10:00:00", "-3.0", "", UK),
]  # fmt: skip


def incomes() -> dict[str, int]:
    """Debit less credit of the accounts of a file, by role."""
    roles = {
        "sales.ec", "sales.shipping_fee", "sales.other_fee", "sales.returns", "sales.discounts", "fees", "bad_debt", "output_tax",
        "input_tax", "receivable.card", "refunds_payable", "bank",
    }  # fmt: skip
    return {role: abs(figure(role)) for role in sorted(roles)}


@pytest.mark.django_db
def test_every_kind_of_row_goes_to_its_account(tmp_path):
    printed = replay(write(tmp_path / "every.csv", *EVERY_KIND))

    assert incomes() == {
        "bad_debt": 2_000,
        "bank": 10_500,
        "fees": 10_000,
        "input_tax": 500,
        # Three orders and a charge, less the linked return (2 of 3 pieces that carry 38), three refunds and the bad debt.
        "output_tax": abs(86 + 37 + 1 + 75 - 25 - 49 - 137 - 25 - 100),
        # The same gross, less the linked return and the bad debt; the refunds are owed.
        "receivable.card": 1_806 + 788 + 39 + 1_575 - 535 - 2_100,
        "refunds_payable": 1_048 + 2_887 + 525,
        "sales.discounts": 2_750,
        "sales.ec": 765 + 255 + 200 + 501 + 38,
        "sales.returns": 510 + 999 + 500,
        # Bank charges that a customer was billed are no shipping.
        "sales.other_fee": 1_500,
        "sales.shipping_fee": 500 + 250,
    }
    assert "read 19 = booked 17 (now 17, before 0) + refused 2" in printed
    assert "refused: row 17, invoice 100011, POST: a charge of nothing" in printed
    assert "refused because of a negative price: 1" in printed
    assert "Σ quantity × price = ¥-13,050.5; rounding to yen changes it by ¥0.5; refused ¥-300" in printed
    assert "net of the accounts ¥-12,750 = the file's ¥-12,750" in printed
    assert "pieces written off: 4" in printed
    assert "lines returned to a known sale: 1, without one: 1" in printed
    assert "Everything above is true." in printed


@pytest.mark.django_db
def test_orders_keep_what_the_file_knows(tmp_path):
    replay(write(tmp_path / "every.csv", *EVERY_KIND))

    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.SHIPPED}
    order = Order.objects.get(external_id="100002")
    assert (order.orderer, order.customer_record) == ({"CustomerID": "", "Country": "France"}, None)
    known = ChannelIdentity.objects.get(external_id="17850").record
    assert (known.family_name, known.country) == ("17850", "GB")
    assert CustomerRecord.objects.count() == 1
    lines = OrderLine.objects.filter(order__external_id="100001").order_by("line_no")
    assert list(lines.values_list("sku_code", "quantity")) == [
        ("A1", 3), ("A1", 1), ("B2", 2),
    ]  # fmt: skip
    unlinked = Return.objects.get(external_id="C100006")
    assert (unlinked.has_original, unlinked.reason) == (False, "The original sale is not in these books.")
    linked = Return.objects.get(external_id="C100006>100001")
    assert (linked.has_original, linked.order.external_id, linked.net_amount) == (True, "100001", 510)


@pytest.mark.django_db
def test_a_return_takes_from_the_latest_sale_first_and_goes_on(tmp_path):
    sale = ("A1", "SHIRT", "2", "2.55", "17850.0", UK)
    rows = [
        (number, *sale[:3], f"2010-12-0{day} 08:00:00", *sale[3:]) for number, day in (("1", 1), ("2", 2), ("3", 4))
    ]
    back = ("C4", "A1", "SHIRT", "-5", "2010-12-03 08:00:00", "2.55", "17850.0", UK)

    printed = replay(write(tmp_path / "back.csv", *rows, back))

    lines = ReturnLine.objects.order_by("pk").values_list("document__external_id", "quantity", "net_amount")
    assert list(lines) == [("C4>2", 2, 510), ("C4>1", 2, 510), ("C4", 1, 255)]
    assert "lines returned to a known sale: 2, without one: 1" in printed


@pytest.mark.django_db
def test_again_changes_nothing(tmp_path):
    path = write(tmp_path / "every.csv", *EVERY_KIND)
    replay(path)
    before = reconciling.fill()

    printed = replay(path)

    assert reconciling.fill() == before
    assert "booked 17 (now 0, before 17) + refused 2" in printed
    assert "nothing was new, nothing changed" in printed


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_cut_off_is_taken_up_where_it_stands(tmp_path, monkeypatch):
    path = write(tmp_path / "every.csv", *EVERY_KIND)

    def cut_off(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Replay, "_ship", cut_off)
        replay(path)
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.READY}

    printed = replay(path)

    assert "booked 17 (now 17, before 0) + refused 2" in printed
    assert "Everything above is true." in printed
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.SHIPPED}


@pytest.mark.django_db
def test_an_invoice_with_other_content_is_refused_and_the_sum_is_untrue(tmp_path):
    replay(write(tmp_path / "every.csv", *EVERY_KIND))
    changed = [("100001", "A1", "SHIRT", "9", *EVERY_KIND[0][4:]), *EVERY_KIND[1:]]
    posted = Posting.objects.count()

    printed = untrue(write(tmp_path / "changed.csv", *changed))

    assert "refused because of its invoice is recorded with other content: 4" in printed
    assert "Not everything above is true." in printed
    # The opening stock of the changed file came in (goods, equity); nothing else.
    assert Posting.objects.count() == posted + 2


AT = "2010-12-01 08:00:00"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"Invoice,Code\r\n1,2\r\n", ["line 1: ", "[bad_header]"]),
        (b"", ["[bad_header]"]),
        (
            (",".join(COLUMNS) + f"\r\n1,A,,many,{AT},1.0,,UK\r\nX9,A,,1,{AT},free,,UK\r\n2,,,1,12/1/10,1.0,,UK\r\n3,A\r\n").encode(),
            ["row 1: many [bad_quantity]", "row 2: X9 [bad_invoice]", "row 2: free [bad_price]", "row 3: ", "[bad_stock_code]",
             "12/1/10 [bad_date]", "row 4: ", "[bad_row]", "6 problems"],
        ),
        ((",".join(COLUMNS) + f"\r\n1,A,白いシャツ,1,{AT},1.0,,UK\r\n").encode("cp932"), ["line 2: ", "[not_utf8]"]),
        (DECEMBER.read_bytes()[:200_000], ["[cut_off]"]),
        (b"\x1f\x8bnot packed at all", ["[cut_off]"]),
    ],
    ids=["bad heading", "empty", "bad cells", "cp932", "cut off", "not gzip"],
)  # fmt: skip
def test_a_broken_file_names_every_problem_and_writes_nothing(tmp_path, content, problems):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    before = reconciling.fill()

    printed = untrue(path)

    for problem in problems:
        assert problem in printed
    assert "Nothing was written." in printed
    assert reconciling.fill() == before


def test_a_file_that_is_not_there_is_named(tmp_path):
    problems: list[Problem] = []

    assert list(read_rows(tmp_path / "missing.csv", problems)) == []

    assert problems[0].code == "unreadable"


@pytest.mark.django_db
def test_two_months_in_both_orders_give_the_same_totals(tmp_path):
    january = MORE / "2011-01.csv.gz"
    first = cut(tmp_path / "first.csv", DECEMBER, count=400)
    second = (
        cut(tmp_path / "second.csv", january, count=400)
        if january.exists()
        else cut(tmp_path / "second.csv", DECEMBER, first=30_000, count=400)
    )

    def totals(*paths: Path) -> dict[str, Decimal]:
        """What the file speaks of: incomes, fees and tax. What goods cost depends on which average they met."""
        begin = transaction.savepoint()
        for path in paths:
            assert "Everything above is true." in replay(path)
        sums = trial_balance(first=reconciling.EVER[0], last=reconciling.EVER[1])
        found = {
            item.code: item.debit - item.credit for item in sums.rows if item.code[0] in "4678" or item.code == "2190"
        }
        transaction.savepoint_rollback(begin)
        return found

    forwards, backwards = totals(first, second), totals(second, first)

    assert forwards == backwards
    assert forwards["4110"] < 0


@pytest.mark.slow
@pytest.mark.django_db
def test_the_first_rows_of_december(tmp_path):
    printed = replay(cut(tmp_path / "december.csv", DECEMBER, count=3000))

    assert "december.csv: 3,000 rows, 132 orders, 6 cancellations, £57,004.33" in printed
    assert "read 3,000 = booked 3,000 (now 3,000, before 0) + refused 0" in printed
    assert "net of the accounts ¥5,700,433 = the file's ¥5,700,433" in printed
    assert "0 faults" in printed


@pytest.mark.slow
@pytest.mark.django_db
def test_the_whole_december_twice():
    printed = replay(DECEMBER)

    assert "2010-12.csv.gz: 42,481 rows, 1,699 orders, 326 cancellations, £748,957.02" in printed
    assert "read 42,481 = booked 42,481 (now 42,481, before 0) + refused 0" in printed
    for kind, amount in (
        ("sales", "77,800,836"), ("shipping charged", "2,970,119"), ("other charges", "249,526"), ("returns", "-1,760,786"),
        ("refunds without goods", "-264,057"), ("discounts", "-69,398"), ("platform and bank fees", "-4,030,538"),
    ):  # fmt: skip
        [line] = [line for line in printed.splitlines() if line.startswith(f"  ✓ {kind} ")]
        assert line.split()[-1].endswith(amount)
    assert "net of the accounts ¥74,895,702 = the file's ¥74,895,702" in printed
    assert "0 faults" in printed

    assert "booked 42,481 (now 0, before 42,481)" in replay(DECEMBER)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not MORE.exists(), reason="only the shipped month is here")
@pytest.mark.parametrize("month", ["2011-02", "2011-04"])
def test_other_months(month):
    printed = replay(MORE / f"{month}.csv.gz")

    assert "Everything above is true." in printed
