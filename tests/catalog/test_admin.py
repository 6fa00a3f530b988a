"""The product master in the back office: lists, forms that announce, check digits in forms, the upload."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import gettext

from catalog.models import Color, Product, Sku, SkuCode, Supplier
from catalog.services import create_matrix
from erp.core import changes
from erp.core.models import AuditRow
from tests.catalog.factories import WHEN, colors, product, sizes, sku, standard_list

pytestmark = pytest.mark.django_db
MODELS = ["brand", "season", "category", "color", "size", "supplier", "product", "sku", "skucode", "pricelist", "price"]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def inlines(*prefixes, **fields):
    empty = {f"{prefix}-{name}": "0" for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return {**empty, **fields}


SKU_INLINES = ("codes", "costs", "prices", "components")


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens_and_can_be_searched(staff, model):
    assert staff.get(f"/admin/catalog/{model}/").status_code == 200
    assert staff.get(f"/admin/catalog/{model}/?q=x").status_code == 200


def test_a_style_shows_its_matrix_in_the_order_of_sizes(staff):
    style = product()
    colors("WH"), sizes("S", "M", "L")
    create_matrix(product_code="TS-001", color_codes=["WH"], size_codes=["L", "S"], **WHEN)

    page = staff.get(f"/admin/catalog/product/{style.pk}/change/").content.decode()

    assert page.index("TS-001-WH-S") < page.index("TS-001-WH-L")


def test_a_saved_form_raises_the_version_and_is_announced_once(staff):
    style = product()
    row = sku(product=style)
    cursor = changes.current_cursor()
    data = {"code": "TS-001", "name": "新しい名", "tax_class": "STANDARD", "life_cycle": "ACTIVE"}

    assert staff.post(f"/admin/catalog/product/{style.pk}/change/", inlines("prices", **data)).status_code == 302

    style.refresh_from_db()
    row.refresh_from_db()
    assert (style.name, style.version, row.version) == ("新しい名", 2, 2)
    assert AuditRow.objects.filter(actor="staff:mika", table_name="catalog_product").exists()
    assert cursor.epoch == changes.current_cursor().epoch

    staff.post(f"/admin/catalog/product/{style.pk}/change/", inlines("prices", **data))
    style.refresh_from_db()
    assert style.version == 2


def sku_data(row: Sku, **fields):
    return inlines(*SKU_INLINES, code=row.code, product=row.product_id, is_active="on", **fields)


def test_a_code_is_added_on_its_page_and_filed_under_what_it_is(staff):
    row, other = sku(), sku("OTHER")
    page = f"/admin/catalog/sku/{row.pk}/code/"
    assert page in staff.get(f"/admin/catalog/sku/{row.pk}/change/").content.decode()
    assert staff.get(page).status_code == 200

    wrong = staff.post(page, {"kind": "GTIN13", "code": "4901234567890"})
    assert (wrong.status_code, levels(wrong), SkuCode.objects.count()) == (200, ["error"], 0)

    assert staff.post(page, {"kind": "GTIN13", "code": "0212345678909", "valid_from": "2026-12-01"}).status_code == 302
    filed = SkuCode.objects.get()
    assert (filed.kind, filed.sku, filed.valid_from) == ("IN_STORE", row, date(2026, 12, 1))

    taken = staff.post(f"/admin/catalog/sku/{other.pk}/code/", {"kind": "IN_STORE", "code": "0212345678909"})
    assert levels(taken)[-1] == "error"
    assert row.code in [str(message) for message in taken.context["messages"]][-1]
    assert SkuCode.objects.get().sku == row


def test_a_code_that_is_corrected_in_the_form_keeps_to_check_digits(staff):
    row = sku()
    code = SkuCode.objects.create(sku=row, kind="GTIN13", code="4901234567894")
    data = {
        "codes-TOTAL_FORMS": "1", "codes-INITIAL_FORMS": "1", "codes-0-id": code.pk, "codes-0-kind": "GTIN13",
        "codes-0-sku": row.pk,
    }  # fmt: skip
    url = f"/admin/catalog/sku/{row.pk}/change/"

    page = staff.post(url, sku_data(row, **data, **{"codes-0-code": "4901234567890"}))
    assert page.status_code == 200
    assert SkuCode.objects.get().code == "4901234567894"

    assert staff.post(url, sku_data(row, **data, **{"codes-0-code": "0212345678909"})).status_code == 302
    assert SkuCode.objects.get().kind == "IN_STORE"


def levels(page) -> list[str]:
    return [message.level_tag for message in page.context["messages"]]


def test_colours_and_sizes_are_chosen_looked_at_and_made(staff):
    style = product()
    colors("WH", "BK"), sizes("S", "M")
    create_matrix(product_code="TS-001", color_codes=["WH"], size_codes=["S"], **WHEN)
    page, wanted = f"/admin/catalog/product/{style.pk}/matrix/", {"colors": ["WH", "BK"], "sizes": ["S", "M"]}
    assert page in staff.get(f"/admin/catalog/product/{style.pk}/change/").content.decode()
    assert staff.get(page).context["plan"] is None

    plan = staff.get(page, wanted).context["plan"]
    assert [cells for _color, cells in plan["rows"]] == [
        [("TS-001-WH-S", True), ("TS-001-WH-M", False)],
        [("TS-001-BK-S", False), ("TS-001-BK-M", False)],
    ]
    assert (plan["fresh"], Sku.objects.count()) == (3, 1)

    assert staff.post(page, wanted).status_code == 302
    assert set(Sku.objects.values_list("code", flat=True)) == {code for _c, row in plan["rows"] for code, _there in row}
    assert staff.get(page, wanted).context["plan"]["fresh"] == 0


def test_a_code_that_another_style_has_is_named_and_nothing_is_made(staff):
    style = product()
    colors("WH"), sizes("S", "M")
    sku("TS-001-WH-M", product=product("OTHER"))

    page, wanted = f"/admin/catalog/product/{style.pk}/matrix/", {"colors": ["WH"], "sizes": ["S", "M"]}
    seen = staff.get(page, wanted)
    assert seen.context["plan"]["problems"] == ["TS-001-WH-M は別のSKUのコードです。"]
    assert "作成できません" in seen.content.decode()
    assert 'method="post"' not in seen.content.decode().split('id="main"')[-1]

    refused = staff.post(page, wanted)

    assert levels(refused) == ["error"]
    assert "TS-001-WH-M" in str(next(iter(refused.context["messages"])))
    assert not Sku.objects.filter(product=style).exists()


def test_styles_move_to_another_stage_by_the_action_and_never_by_the_form(staff):
    style, listing = product(), "/admin/catalog/product/"
    chosen = {"action": "change_life_cycle", "_selected_action": [style.pk]}

    unsaid = staff.post(listing, chosen, follow=True)
    back = staff.post(listing, {**chosen, "life_cycle": "PLANNED"}, follow=True)
    style.refresh_from_db()
    assert (levels(unsaid), levels(back), style.life_cycle) == (["error"], ["error", "warning"], "ACTIVE")

    staff.post(listing, {**chosen, "life_cycle": "DISCONTINUED", "on": "2026-11-30"})
    style.refresh_from_db()
    assert (style.life_cycle, style.discontinued_date, style.version) == ("DISCONTINUED", date(2026, 11, 30), 2)

    data = {"code": "TS-001", "name": style.name, "tax_class": "STANDARD", "life_cycle": "PLANNED"}
    assert staff.post(f"{listing}{style.pk}/change/", inlines("prices", **data)).status_code == 302
    style.refresh_from_db()
    assert style.life_cycle == "DISCONTINUED"


@pytest.mark.parametrize("page", ["product/{}/matrix/", "sku/{}/code/"])
def test_who_may_only_look_may_neither_make_skus_nor_add_codes(client, page):
    row = sku()
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert (
        client.get("/admin/catalog/" + page.format(row.product_id if "product" in page else row.pk)).status_code == 403
    )


def test_a_kit_is_defined_in_the_form_and_a_refusal_changes_nothing(staff):
    kit, part = sku("KIT"), sku("PART")
    url = f"/admin/catalog/sku/{kit.pk}/change/"

    staff.post(url, sku_data(kit, kit_definition="PART 2"))
    kit.refresh_from_db()
    assert (kit.is_kit, [(item.component, item.quantity) for item in kit.components.all()]) == (True, [(part, 2)])

    page = staff.post(url, sku_data(kit, weight_g="5", kit_definition="KIT 1"), follow=True)
    kit.refresh_from_db()
    assert kit.weight_g is None
    assert gettext("A kit cannot contain itself.") in page.content.decode()
    assert [(item.component, item.quantity) for item in kit.components.all()] == [(part, 2)]
    assert staff.post(url, sku_data(kit, kit_definition="PART two")).status_code == 200
    for many in ("10000", "9" * 5000):
        refused = staff.post(url, sku_data(kit, kit_definition=f"PART {many}"))
        assert f"1つの構成品の数量は9999点までです: PART {many}" in refused.content.decode()


def test_sizes_and_colours_are_ordered_in_their_list(staff):
    white, black = colors("WH", "BK")

    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "form-0-id": white.pk, "form-0-sort_order": "9"}
    staff.post("/admin/catalog/color/", {**data, "form-1-id": black.pk, "form-1-sort_order": "1", "_save": "x"})

    assert list(Color.objects.order_by("sort_order").values_list("code", flat=True)) == ["BK", "WH"]


def test_a_registration_number_is_brought_to_form_and_a_failing_check_digit_only_warns(staff):
    data = {
        "code": "S1", "name": "A", "lead_time_days": 0, "closing_day": 31, "payment_month_offset": 1, "payment_day": 31,
    }  # fmt: skip

    page = staff.post(
        "/admin/catalog/supplier/add/", {**data, "registration_number": "Ｔ７１２３４５６７８９０１３"}, follow=True
    )

    assert Supplier.objects.get().registration_number == "T7123456789013"
    assert "T7123456789013" in page.content.decode()
    assert staff.post("/admin/catalog/supplier/add/", {**data, "registration_number": "T0"}).status_code == 200
    assert Supplier.objects.count() == 1


def upload(text, **fields):
    return {"file": SimpleUploadedFile("p.csv", text.encode("cp932")), **fields}


def test_a_file_is_checked_then_imported_and_its_problems_are_listed(staff):
    standard_list()
    url, good = "/admin/catalog/product/import/", "品番,品名,上代\n0001,髙級シャツ,1000\n"
    assert staff.get(url).status_code == 200

    page = staff.post(url, upload(good, dry_run="on"))
    assert page.context["report"].skus_created == 1
    assert not Product.objects.exists()

    assert staff.post(url, upload(good)).status_code == 302
    assert Product.objects.get().code == "0001"

    page = staff.post(url, upload("品番,JAN\nX,1\n"))
    assert [problem.code for problem in page.context["problems"]] == ["bad_gtin", "missing"]


def test_who_may_only_look_may_not_upload(client):
    looker = User.objects.create_user("look", is_staff=True)
    client.force_login(looker)

    assert client.post("/admin/catalog/product/import/", upload("品番,品名\nA,B\n")).status_code == 403
    assert not Product.objects.exists()
