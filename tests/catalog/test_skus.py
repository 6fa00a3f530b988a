"""The facts of SKUs that orders ask for, the colour × size matrix, and life cycles."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog import selectors, services
from catalog.models import Product, Sku, SkuCode
from erp.core import changes
from erp.core.errors import Conflict, NotAllowedNow, NotFound
from erp.core.models import Channel
from tests.catalog.factories import TODAY, WHEN, colors, product, sizes, sku


def make(style="TS-001", colors=("WH", "BK"), sizes=("S", "M", "L"), **options) -> list[Sku]:
    return services.create_matrix(product_code=style, color_codes=colors, size_codes=sizes, **WHEN, **options)


@pytest.mark.django_db
def test_a_matrix_makes_every_colour_in_every_size():
    product(), colors("WH", "BK"), sizes("S", "M", "L")

    skus = make()

    assert [row.code for row in skus] == [
        "TS-001-WH-S", "TS-001-WH-M", "TS-001-WH-L",
        "TS-001-BK-S", "TS-001-BK-M", "TS-001-BK-L",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_wider_matrix_adds_only_what_is_missing_and_a_repeat_nothing():
    product(), colors("WH", "BK"), sizes("S", "M", "L")
    first = make(sizes=("S", "M"))
    version = Product.objects.get().version

    again = make(sizes=("S", "M"))
    assert (again, Product.objects.get().version) == (first, version)

    wider = make()
    assert set(first) < set(wider)
    assert Sku.objects.count() == 6
    assert Product.objects.get().version == version + 1


@pytest.mark.django_db
def test_every_unknown_code_of_a_matrix_is_named():
    colors("WH")

    with pytest.raises(NotFound) as refusal:
        make(style="NONE", colors=("WH", "XX"), sizes=("YY",))

    assert [problem.detail for problem in refusal.value.problems] == ["NONE", "XX", "YY"]


@pytest.mark.django_db
def test_codes_that_another_sku_has_or_that_are_too_long_are_refused_and_nothing_is_made():
    product(), colors("WH", "BK"), sizes("S")
    sku("TS-001-WH-S")

    with pytest.raises(Conflict, match="TS-001-WH-S"):
        make(sizes=("S",))
    with pytest.raises(Conflict, match="code_too_long"):
        make(sizes=("S",), code_pattern="{style}" + "-" * 40 + "{color}{size}")
    with pytest.raises(Conflict, match="code_taken"):
        make(sizes=("S",), code_pattern="{style}")
    assert Sku.objects.count() == 1


@pytest.mark.django_db
def test_the_database_keeps_one_sku_per_colour_and_size_also_without_them():
    style = product()
    sku("A", product=style)

    with pytest.raises(IntegrityError, match="one_sku_per_colour_and_size"), transaction.atomic():
        sku("B", product=style)


@pytest.mark.django_db
def test_a_matrix_is_read_in_the_order_of_sizes_not_of_letters():
    product(), colors("WH", "BK"), sizes("XS", "S", "M", "L", "XL", "F")
    make(sizes=("XL", "F", "M", "XS"))
    Sku.objects.filter(code="TS-001-BK-F").delete()

    matrix = selectors.matrix_of(Product.objects.get().pk)

    assert [size.code for size in matrix.sizes] == ["XS", "M", "XL", "F"]
    assert [color.code for color in matrix.colors] == ["WH", "BK"]
    assert [cell and cell.code for cell in matrix.row(matrix.colors[1])] == [
        "TS-001-BK-XS", "TS-001-BK-M", "TS-001-BK-XL", None,
    ]  # fmt: skip


@pytest.mark.django_db
def test_facts_name_style_colour_and_size_and_a_plain_sku_is_its_own_component():
    style = product(name="Tシャツ", tax_class="REDUCED", release_date=TODAY)
    [white], [medium] = colors("WH"), sizes("M")
    row = sku(product=style, color=white, size=medium)

    facts = selectors.sku_facts([row.code, "unknown"])

    assert facts == {
        row.code: selectors.SkuFacts(
            sku_id=row.pk, code=row.code, product_id=style.pk, product_code="TS-001", name="Tシャツ colour WH size M",
            is_kit=False, is_active=True, tax_class="REDUCED", release_date=TODAY, components=((row.pk, 1),),
        )
    }  # fmt: skip
    assert selectors.sku_facts_by_id([row.pk]) == {row.pk: facts[row.code]}


@pytest.mark.django_db
def test_facts_are_one_statement_for_any_number_of_skus():
    codes = [sku(f"S-{index}").code for index in range(50)]

    with CaptureQueriesContext(connection) as queries:
        assert len(selectors.sku_facts(codes)) == 50
    assert len(queries) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("sku_active", "life_cycle", "active"), [
    (True, "ACTIVE", True), (True, "PLANNED", True), (True, "CLEARANCE", True),
    (True, "DISCONTINUED", False), (False, "ACTIVE", False),
])  # fmt: skip
def test_a_sku_is_active_with_its_style(sku_active, life_cycle, active):
    row = sku(product=product(life_cycle=life_cycle), is_active=sku_active)

    assert selectors.sku_facts([row.code])[row.code].is_active is active


@pytest.mark.django_db
def test_channel_codes_belong_to_their_channel():
    one, other = (Channel.objects.create(code=code, name=code, kind="MALL") for code in ("M1", "M2"))
    row = sku()
    SkuCode.objects.create(sku=row, kind="CHANNEL", code="ts001:wh-m", channel=one)

    assert selectors.skus_by_channel_code(one.pk, ["ts001:wh-m", "?"]) == {"ts001:wh-m": row.code}
    assert selectors.skus_by_channel_code(other.pk, ["ts001:wh-m"]) == {}


@pytest.mark.django_db
def test_a_life_cycle_change_is_announced_and_a_repeat_is_not():
    style = product()
    discontinue = {"product_id": style.pk, "life_cycle": "DISCONTINUED", "on": TODAY, **WHEN}

    services.change_life_cycle(**discontinue)
    after = services.change_life_cycle(**discontinue)

    assert (after.life_cycle, after.discontinued_date, after.version) == ("DISCONTINUED", TODAY, 2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM core_changerow WHERE topic = 'product' AND epoch = %s", [epoch()])
        assert cursor.fetchall() == [(str(style.pk),)]

    back = services.change_life_cycle(**{**discontinue, "life_cycle": "ACTIVE"})
    assert back.discontinued_date is None
    with pytest.raises(NotAllowedNow):
        services.change_life_cycle(**{**discontinue, "life_cycle": "PLANNED"})


def epoch() -> int:
    return changes.current_cursor().epoch
