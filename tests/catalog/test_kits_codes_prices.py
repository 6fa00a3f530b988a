"""Kits do not nest, codes carry their check digit and belong to one SKU, prices come from the most specific source."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import selectors, services
from catalog.exceptions import CodeTaken, KitRefused
from catalog.models import KitComponent, Price, SkuCode, SkuCost, Supplier
from erp.core import changes
from erp.core.errors import InvalidInput, NotFound
from erp.core.models import AuditRow, Channel
from erp.core.verify import verify
from tests.catalog.factories import BY, TODAY, WHEN, price_list, product, sku, standard_list
from tests.racing import race

JAN, OTHER_JAN = "4901234567894", "4549995381429"


def kit(code: str, **components: int):
    return services.define_kit(sku_code=code, components=components, **WHEN)


@pytest.mark.django_db
def test_a_kit_has_the_components_it_was_given_last():
    gift, towel, soap = sku("GIFT"), sku("TOWEL"), sku("SOAP")

    kit("GIFT", TOWEL=1, SOAP=2)
    assert selectors.sku_facts(["GIFT"])["GIFT"].components == ((towel.pk, 1), (soap.pk, 2))

    kit("GIFT", SOAP=3)
    facts = selectors.sku_facts_by_id([gift.pk, soap.pk])
    assert (facts[gift.pk].is_kit, facts[gift.pk].components) == (True, ((soap.pk, 3),))
    assert facts[soap.pk].components == ((soap.pk, 1),)


@pytest.mark.django_db
def test_the_same_definition_again_changes_nothing():
    sku("GIFT"), sku("SOAP")
    first = kit("GIFT", SOAP=2)

    assert kit("GIFT", SOAP=2).version == first.version


@pytest.mark.django_db
def test_every_fault_of_a_kit_is_named_and_nothing_changes():
    sku("OUTER"), sku("INNER"), sku("PART")
    kit("INNER", PART=1)

    with pytest.raises(KitRefused) as refusal:
        kit("OUTER", OUTER=1, INNER=1, PART=0)
    assert [problem.code for problem in refusal.value.problems] == ["own_component", "kit_in_kit", "no_pieces"]
    with pytest.raises(KitRefused, match="kit_in_kit"):
        kit("PART", OUTER=1)
    with pytest.raises(KitRefused, match="empty_kit"):
        kit("OUTER")
    with pytest.raises(NotFound, match="unknown_sku"):
        kit("OUTER", NONE=1)

    assert not selectors.sku_facts(["OUTER"])["OUTER"].is_kit
    assert KitComponent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_definitions_that_nest_only_together_are_not_both_made():
    sku("A"), sku("B"), sku("C")

    outcomes = race(lambda: kit("A", B=1), lambda: kit("B", C=1), names=["kits"])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["KitRefused", "Sku"]
    assert [fault for result in verify() for fault in result.faults if fault.subject_type == "SKU"] == []


@pytest.mark.django_db
def test_verify_names_a_kit_that_somebody_nested_by_hand():
    outer, inner, part = sku("OUTER"), sku("INNER"), sku("PART")
    kit("INNER", PART=1)
    KitComponent.objects.create(kit=outer, component=inner, quantity=1)

    faults = [fault for result in verify() for fault in result.faults if fault.subject_type == "SKU"]

    assert [(fault.subject_label, fault.detail) for fault in faults] == [("OUTER", "has components but is no kit")]
    assert part.pk


def add(sku_code: str, code: str, kind: str = "GTIN13", **options) -> SkuCode:
    return services.add_code(sku_code=sku_code, kind=kind, code=code, **WHEN, **options)


@pytest.mark.django_db
def test_a_sku_has_many_codes_and_a_repeat_adds_none():
    row = sku("S")
    mall = Channel.objects.create(code="M1", name="M1", kind="MALL")
    first = add("S", "49-0123-4567-894")
    add("S", "012345678905"), add("S", "0212345678909"), add("S", "49123456", kind="GTIN8")
    add("S", "s-001", kind="CHANNEL", channel_id=mall.pk), add("S", "X1", kind="SUPPLIER")

    assert add("S", JAN) == first
    assert set(row.codes.values_list("kind", "code")) == {
        ("GTIN13", JAN), ("GTIN14", "00012345678905"), ("IN_STORE", "0212345678909"), ("GTIN8", "49123456"),
        ("CHANNEL", "s-001"), ("SUPPLIER", "X1"),
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "kind", "problem"),
    [
        ("4901234567890", "GTIN13", "bad_gtin"),
        ("49012", "GTIN13", "bad_gtin"),
        ("  ", "SUPPLIER", "empty_code"),
        ("x", "CHANNEL", "channel_missing"),
    ],
)
def test_a_code_that_is_none_is_refused(code, kind, problem):
    sku("S")

    with pytest.raises(InvalidInput, match=problem):
        add("S", code, kind=kind)
    assert not SkuCode.objects.exists()


@pytest.mark.django_db
def test_a_code_of_another_sku_is_refused_and_names_it():
    sku("S"), sku("T")
    add("S", JAN)

    with pytest.raises(CodeTaken, match="S"):
        add("T", JAN)
    with pytest.raises(NotFound):
        add("NONE", OTHER_JAN)


@pytest.mark.django_db(transaction=True)
def test_two_skus_that_want_one_code_do_not_both_get_it():
    sku("S"), sku("T")

    outcomes = race(lambda: add("S", JAN), lambda: add("T", JAN), names=[f"code:{JAN}"])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CodeTaken", "SkuCode"]


def price(row, amount, in_list, valid_from=TODAY, **options) -> Price:
    return services.set_price(
        price_list_id=in_list.pk, sku_id=row.pk, price=Decimal(amount), valid_from=valid_from, **WHEN, **options
    )


def ask(row, on=TODAY, **options):
    answer = selectors.price_for(sku_ids=[row.pk], on=on, **options).get(row.pk)
    return answer and (answer.price, answer.tax_included, answer.price_list_code)


@pytest.mark.django_db
def test_the_most_specific_price_wins():
    row, standard = sku("S"), standard_list()
    mall = Channel.objects.create(code="M1", name="M1", kind="MALL")
    wholesale, first, second = (
        price_list("W1"),
        price_list("M-A", channel=mall, rank=1),
        price_list("M-B", channel=mall, rank=2),
    )
    assert ask(row) is None

    price(row, 3300, standard)
    assert ask(row) == (3300, True, "RETAIL")
    assert ask(row, wholesale_percent=Decimal(60)) == (1980, True, "RETAIL")
    price(row, 3200, second)
    price(row, 3100, first)
    assert ask(row, channel_id=mall.pk) == (3100, False, "M-A")
    assert ask(row) == (3300, True, "RETAIL")
    assert ask(row, channel_id=mall.pk, wholesale_percent=Decimal(60)) == (1980, True, "RETAIL")
    price(row, 1500, wholesale)
    assert ask(row, price_list_id=wholesale.pk, wholesale_percent=Decimal(60)) == (1500, False, "W1")


@pytest.mark.django_db
def test_a_wholesale_rate_is_rounded_to_the_yen_and_said_with_the_price():
    row, standard = sku("S"), standard_list()
    price(row, 2990, standard)

    answer = selectors.price_for(sku_ids=[row.pk], on=TODAY, wholesale_percent=Decimal(65))[row.pk]

    assert (answer.price, answer.percent) == (1944, 65)


@pytest.mark.django_db
def test_a_price_of_the_sku_beats_that_of_its_style_and_a_sale_ends_by_itself():
    style = product()
    row, standard = sku("S", product=style), standard_list()
    services.set_price(price_list_id=standard.pk, product_id=style.pk, price=Decimal(1000), valid_from=TODAY, **WHEN)
    assert ask(row) == (1000, True, "RETAIL")
    assert ask(row, on=TODAY - timedelta(days=1)) is None

    price(row, 1200, standard)
    price(row, 800, standard, valid_from=TODAY + timedelta(days=1), valid_to=TODAY + timedelta(days=2))

    assert [ask(row, on=TODAY + timedelta(days=day))[0] for day in range(4)] == [1200, 800, 800, 1200]


@pytest.mark.django_db
def test_setting_the_same_price_again_changes_nothing_and_a_correction_is_audited():
    row, standard = sku("S"), standard_list()
    price(row, 1000, standard)
    row.refresh_from_db()
    version = row.version

    price(row, 1000, standard)
    row.refresh_from_db()
    assert row.version == version

    price(row, 1100, standard)
    assert Price.objects.count() == 1
    changed = AuditRow.objects.filter(table_name="catalog_price", action="UPDATE").get()
    assert (changed.before, changed.after) == ({"price": 1000.0}, {"price": 1100.0})


@pytest.mark.django_db
def test_every_fault_of_a_price_is_named():
    row, standard = sku("S"), standard_list()

    with pytest.raises(InvalidInput) as refusal:
        services.set_price(
            price_list_id=standard.pk, sku_id=row.pk, product_id=row.product_id, price=Decimal(-1), valid_from=TODAY,
            valid_to=TODAY - timedelta(days=1), **WHEN,
        )  # fmt: skip

    assert [problem.code for problem in refusal.value.problems] == ["sku_or_style", "negative", "ends_before_start"]


@pytest.mark.django_db(transaction=True)
def test_a_price_of_a_style_is_announced_for_its_skus_and_a_dated_one_again_on_its_day():
    style = product()
    ids = {str(sku(code, product=style, color=None, size=None).pk) for code in ["S"]}
    standard, tomorrow = standard_list(), TODAY + timedelta(days=1)
    start = changes.current_cursor()

    services.set_price(price_list_id=standard.pk, product_id=style.pk, price=Decimal(9), valid_from=tomorrow, **WHEN)
    found, middle = changes.read(start, topics=["price"])
    assert {change.key for change in found} == ids

    assert services.announce_dated_prices(on=TODAY, **WHEN) == []
    just_after_midnight = datetime(2026, 11, 23, 15, 1, tzinfo=UTC)
    services.announce_todays_prices(at=just_after_midnight, by=BY)
    assert {change.key for change in changes.read(middle, topics=["price"])[0]} == ids


@pytest.mark.django_db
def test_the_cost_is_the_main_suppliers_on_that_date():
    main, other = (Supplier.objects.create(code=code, name=code) for code in ("S1", "S2"))
    row = sku("S", product=product(supplier=main))

    def cost(amount, valid_from, supplier):
        services.set_cost(sku_id=row.pk, cost=Decimal(amount), valid_from=valid_from, supplier_id=supplier, **WHEN)

    cost(90, date(2026, 10, 1), other.pk)
    assert selectors.cost_on([row.pk], TODAY) == {row.pk: 90}
    cost(100, date(2026, 4, 1), main.pk)
    cost(120, date(2026, 12, 1), main.pk)

    assert selectors.cost_on([row.pk], TODAY) == {row.pk: 100}
    assert selectors.cost_on([row.pk], date(2026, 12, 1)) == {row.pk: 120}
    assert selectors.cost_on([row.pk], date(2026, 3, 31)) == {}
    cost(101, date(2026, 4, 1), main.pk)
    assert SkuCost.objects.count() == 3


@pytest.mark.django_db
def test_prices_and_costs_are_a_constant_number_of_statements():
    standard = standard_list()
    skus = [sku(f"S{number}") for number in range(50)]
    for row in skus:
        Price.objects.create(price_list=standard, sku=row, price=1, valid_from=TODAY)

    def statements(count: int) -> int:
        wanted = [row.pk for row in skus[:count]]
        with CaptureQueriesContext(connection) as queries:
            assert len(selectors.price_for(sku_ids=wanted, on=TODAY)) == count
            selectors.cost_on(wanted, TODAY)
        return len(queries)

    assert statements(1) == statements(50) == 3


UPC, LONG_UPC = "036000291452", "0049000042566"


@pytest.mark.django_db
def test_a_gtin_is_scanned_with_as_many_leading_zeros_as_a_reader_gives_it():
    upc, ean = sku("UPC"), sku("EAN")
    typed = sku(LONG_UPC[1:].zfill(14))
    add("UPC", UPC), add("EAN", LONG_UPC)
    read = (
        UPC,
        f"0{UPC}",
        f"00{UPC}",
        UPC[1:],
        LONG_UPC,
        LONG_UPC[1:],
        LONG_UPC[2:],
        typed.code,
        "036000291453",
        "EAN",
    )

    met = selectors.skus_scanned(read, on=TODAY)

    assert [met.get(code) for code in read] == [upc.pk] * 4 + [ean.pk] * 3 + [typed.pk, None, ean.pk]
    codes = selectors.scanned_codes([upc.pk, ean.pk], on=TODAY)
    # What is stored first: papers print it.
    assert codes[upc.pk] == [f"00{UPC}", UPC, f"0{UPC}"]
    assert codes[ean.pk] == [LONG_UPC, LONG_UPC[1:], f"0{LONG_UPC}"]


@pytest.mark.django_db
def test_a_gtin_with_other_zeros_is_no_other_code():
    sku("UPC"), sku("EAN")
    first = add("UPC", UPC)

    assert add("UPC", f"0{UPC}") == first
    with pytest.raises(CodeTaken):
        add("EAN", f"0{UPC}")
    assert SkuCode.objects.count() == 1
