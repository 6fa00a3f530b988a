"""The product file: encodings, dry run, every problem of every row, all or nothing, leading zeros, speed, and real rows."""

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import selectors
from catalog.models import Brand, Color, Price, Product, Season, Size, Sku, SkuCode, SkuCost, Supplier
from catalog.services import import_products
from erp.core.errors import InvalidInput
from erp.core.identifiers import gtin_check_digit
from erp.core.models import AuditRow
from tests.catalog.factories import TODAY, WHEN, colors, product, sizes, sku, standard_list

HEAD = "品番,品名,色,色名,サイズ,サイズ名,SKU,JAN,仕入先,仕入先名,原価,上代,税区分,シーズン,シーズン名,ブランド,ブランド名\n"
SHIRT = 'TS-001,Tシャツ,WH,白,M,Mサイズ,,4901234567894,S01,髙島繊維,"1,150",3300,標準,26AW,2026秋冬,MM,守\n'
TABLES = (Product, Sku, SkuCode, SkuCost, Price, Color, Size, Supplier, Season, Brand)


def load(text: str, *, encoding="utf-8", **options):
    return import_products(content=text.encode(encoding), on=TODAY, **WHEN, **options)


def refused(text: str, **options) -> list[tuple[str, str]]:
    before = [table.objects.count() for table in TABLES]
    with pytest.raises(InvalidInput) as refusal:
        load(text, **options)
    assert [table.objects.count() for table in TABLES] == before
    return [(problem.pointer, problem.code) for problem in refusal.value.problems]


@pytest.fixture
def retail(db):
    return standard_list()


@pytest.mark.usefixtures("retail")
def test_one_row_makes_a_style_a_sku_its_code_its_cost_and_its_price():
    report = load(HEAD + SHIRT)

    row = Sku.objects.select_related("product__brand", "product__season", "product__supplier").get()
    assert (row.code, row.product.name, row.product.tax_class) == ("TS-001-WH-M", "Tシャツ", "STANDARD")
    assert (row.product.brand.name, row.product.season.name, row.product.supplier.name) == (
        "守",
        "2026秋冬",
        "髙島繊維",
    )
    assert [(item.kind, item.code) for item in row.codes.all()] == [("GTIN13", "4901234567894")]
    assert selectors.cost_on([row.pk], TODAY) == {row.pk: Decimal(1150)}
    answer = selectors.price_for(sku_ids=[row.pk], on=TODAY)[row.pk]
    assert (answer.price, answer.tax_included, answer.price_list_code) == (3300, True, "RETAIL")
    assert (report.products_created, report.skus_created, report.codes_added) == (1, 1, 1)
    assert (report.costs_set, report.prices_set, report.masters_created) == (1, 1, 5)


@pytest.mark.usefixtures("retail")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_utf8_with_and_without_mark_and_cp932_are_told_apart(encoding):
    load(HEAD + SHIRT, encoding=encoding)

    assert Supplier.objects.get().name == "髙島繊維"


@pytest.mark.usefixtures("retail")
def test_the_same_file_again_changes_nothing():
    load(HEAD + SHIRT)
    audited = AuditRow.objects.count()
    version = Sku.objects.get().version

    report = load(HEAD + SHIRT)

    assert report.rows == 1
    assert not any((report.skus_created, report.skus_changed, report.codes_added, report.costs_set, report.prices_set))
    assert AuditRow.objects.count() == audited
    assert Sku.objects.get().version == version


@pytest.mark.usefixtures("retail")
def test_given_cells_update_and_empty_cells_leave_what_is_there():
    load(HEAD + SHIRT)

    load("品番,品名,サイズ,色,税区分,上代,JAN\nTS-001,Tシャツ改,M,WH,,3500,\n")

    row = Sku.objects.select_related("product").get()
    assert (row.product.name, row.product.tax_class, row.product.brand.code) == ("Tシャツ改", "STANDARD", "MM")
    assert Price.objects.get().price == 3500
    assert SkuCode.objects.count() == 1


@pytest.mark.usefixtures("retail")
def test_a_dry_run_reports_the_same_and_writes_nothing():
    report = load(HEAD + SHIRT, dry_run=True)

    assert report.skus_created == 1
    assert not Product.objects.exists()
    assert (
        not AuditRow.objects.filter(table_name__startswith="catalog_", action="INSERT")
        .exclude(table_name="catalog_pricelist")
        .exists()
    )
    assert load(HEAD + SHIRT) == report


@pytest.mark.usefixtures("retail")
def test_every_problem_of_every_row_is_named_and_nothing_is_imported():
    sku("TAKEN")
    rows = [
        "TS-001,Tシャツ,WH,白,M,M,,4901234567890,,,,,,,,,",  # check digit
        "TS-002,,WH,白,M,M,,,,,abc,-1,変,,,,",  # new style without name, bad cost, price, tax class
        ",名,WH,白,M,M,,,,,,,,,,,",  # no style
        "TS-003,名,XX,,YY,,,,,,,,,,,,",  # unknown colour and size without names
        "TS-004,名,WH,white,M,M,,,,,,,,,,,",  # another name for a known colour
        "TS-005,名,WH,白,M,M,TAKEN,,,,,,,,,,",  # SKU of another style
        "TS-006,名,WH,白,M,M,DUP,,,,,,,,,,",
        "TS-006,別名,WH,白,L,L,DUP,4.90123E+12,,,,,,,,,",  # doubled SKU, other name, spreadsheet number
        f"{'S' * 41},名,WH,白,M,M,,,,,,,,,,,",  # too long
    ]

    assert refused(HEAD + "\n".join(rows)) == [
        ("row 2, jan", "bad_gtin"),
        ("row 3, 原価", "bad_amount"),
        ("row 3, 上代", "bad_amount"),
        ("row 3, 税区分", "bad_tax_class"),
        ("row 3, 品名", "missing"),
        ("row 4, 品番", "missing"),
        ("row 5, カラーコード", "unknown_color"),
        ("row 5, サイズコード", "unknown_size"),
        ("row 6, カラー名", "name_differs"),
        ("row 7, sku", "sku_elsewhere"),
        ("row 8, sku", "double_sku"),
        ("row 9, jan", "spreadsheet_number"),
        ("row 9, 品名", "style_disagrees"),
        ("row 9, sku", "double_sku"),
        ("row 10, 品番", "too_long"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "missing_column"),
        ("品名\n".encode(), "missing_column"),
        ("品番,style\n".encode(), "double_column"),
        (b"\x81\xad", "bad_encoding"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(content, code):
    with pytest.raises(InvalidInput) as refusal:
        import_products(content=content, on=TODAY, **WHEN)

    assert [problem.code for problem in refusal.value.problems] == [code]


@pytest.mark.django_db
def test_a_price_without_a_standard_list_is_refused():
    assert refused("品番,品名,上代\nTS-1,名,100\n") == [("row 2, 上代", "no_standard_list")]


@pytest.mark.django_db
def test_a_jan_of_another_sku_in_the_file_or_the_master_is_refused():
    SkuCode.objects.create(sku=sku("OLD"), kind="GTIN13", code="4901234567894")
    text = "品番,品名,JAN\nA,名,4901234567894\nB,名,4549995381429\nC,名,4549995381429\n"
    assert gtin_check_digit("454999538142") == "9"

    assert refused(text) == [("row 2, jan", "code_taken"), ("row 4, jan", "code_taken")]


@pytest.mark.django_db
def test_leading_zeros_are_kept_and_codes_are_filed_under_what_they_are():
    upc, in_store = "012345678905", "0212345678909"

    load(f"品番,品名,SKU,JAN\n0001,名,0001-007,{upc}\n0002,名,0002,{in_store}\n0003,名,0003,49123456\n")

    assert set(Sku.objects.values_list("code", flat=True)) == {"0001-007", "0002", "0003"}
    assert set(SkuCode.objects.values_list("kind", "code")) == {
        ("GTIN14", "00" + upc),
        ("IN_STORE", in_store),
        ("GTIN8", "49123456"),
    }


@pytest.mark.django_db
def test_sizes_get_the_order_of_the_file_unless_it_is_given():
    sizes("XS")
    load("品番,品名,サイズ,サイズ名,サイズ順\nA,名,S,S,\nA,名,M,M,\nA,名,XXS,XXS,0\n")

    assert dict(Size.objects.values_list("code", "sort_order")) == {"XS": 0, "S": 1, "M": 2, "XXS": 0}


@pytest.mark.django_db
def test_two_rows_for_one_colour_and_size_are_refused():
    colors("WH"), sizes("M")
    sku("OLD", product=product("A"), color=Color.objects.get(), size=Size.objects.get())

    assert refused("品番,色,サイズ,SKU\nA,WH,M,NEW\n") == [("row 2, sku", "combination_taken")]


@pytest.mark.usefixtures("retail")
def test_dated_costs_and_prices_are_history():
    head = "品番,品名,原価,原価適用日,上代,上代適用日\n"
    load(head + "A,名,100,2026/4/1,1000,2026-04-01\n")
    load(head + "A,,120,2026年10月1日,1100,2026.10.1\n")

    [row] = Sku.objects.all()
    assert selectors.cost_on([row.pk], date(2026, 9, 30)) == {row.pk: 100}
    assert selectors.cost_on([row.pk], date(2026, 10, 1)) == {row.pk: 120}
    assert selectors.price_for(sku_ids=[row.pk], on=date(2026, 9, 30))[row.pk].price == 1000
    assert selectors.price_for(sku_ids=[row.pk], on=date(2026, 10, 1))[row.pk].price == 1100


def big_file(count: int, tag: str = "") -> str:
    lines = ["品番,品名,色,色名,サイズ,サイズ名,JAN,原価,上代,税区分"]
    for number in range(count):
        body = f"45{number:08d}{len(tag):02d}"
        style, (color, size) = number // 20, divmod(number % 20, 5)
        lines.append(
            f"{tag}ST-{style:05d},品{style},C{color},色{color},Z{size},寸{size},{body}{gtin_check_digit(body)},500,1000,標準"
        )
    return "\n".join(lines)


@pytest.mark.usefixtures("retail")
def test_2_000_rows_take_no_more_statements_than_one():
    def statements(count: int, tag: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            load(big_file(count, tag))
        return len(queries)

    few = statements(1, "A")
    many = statements(2_000, "BB")

    assert few == many
    assert Sku.objects.count() == 2_001


@pytest.mark.usefixtures("retail")
def test_the_command_prints_the_report_or_every_problem_and_exits_1(tmp_path, capsys):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes((HEAD + SHIRT).encode("cp932"))
    bad.write_text("品番,JAN\nA,123\n,\nB,456\n")

    call_command("import_products", str(good), "--dry-run")
    assert "1 rows would change: styles +1" in capsys.readouterr().out
    call_command("import_products", str(good))
    assert Sku.objects.get().code == "TS-001-WH-M"

    with pytest.raises(CommandError, match="4 problems, nothing imported"):
        call_command("import_products", str(bad))
    assert "row 2, jan" in capsys.readouterr().err


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MAGENTO = SHARED / "magento/app/code/Magento/ConfigurableSampleData/fixtures/products.csv"


def magento_file() -> tuple[str, int, int]:
    """The variants of a published sample shop as one of our files. Its licence forbids shipping the rows, so they are read in place."""
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(["style", "name", "sku", "color", "color_name", "size", "size_name", "price", "weight_g"])
    styles, count = set(), 0
    with MAGENTO.open(newline="") as file:
        for row in csv.DictReader(file):
            options = dict(part.split("=", 1) for part in row["additional_attributes"].split(",") if "=" in part)
            if row["product_type"] != "simple" or not {"color", "size"} <= set(options):
                continue
            style = row["sku"].split("-")[0]
            name = row["name"].removesuffix(f"-{options['size']}-{options['color']}")
            color, size = options["color"], options["size"]
            cells = [style, name, row["sku"], color.upper()[:10], color, size, size, row["price"], row["weight"]]
            writer.writerow(cells)
            styles.add(style)
            count += 1
    return output.getvalue(), len(styles), count


@pytest.mark.skipif(not MAGENTO.exists(), reason="the sample shop's rows are not on this machine")
@pytest.mark.usefixtures("retail")
def test_real_styles_of_a_sample_shop_become_matrices():
    text, styles, count = magento_file()

    report = load(text)

    assert (report.products_created, report.skus_created) == (styles, count) == (147, 1847)
    hoodie = selectors.matrix_of(Product.objects.get(code="MH01").pk)
    assert [size.code for size in hoodie.sizes] == ["XS", "S", "M", "L", "XL"]
    assert len(hoodie.cells) == len(hoodie.sizes) * len(hoodie.colors)
    assert load(text).skus_changed == 0


@pytest.mark.usefixtures("retail")
@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ('A,"B\nC,D,1\nE,F,2\n', [("row 2", "unclosed_quote")]),
        ('A,B,1\n\nC,"D,1\nE,F,2\n', [("row 4", "unclosed_quote")]),
        (
            'A,"B\nC,D",1\nE,,x\n',
            [("row 2", "unclosed_quote"), ("row 3, 上代", "bad_amount"), ("row 3, 品名", "missing")],
        ),
        ('A,"B\nC,"D",1\nE,F,x\n', [("row 2", "unclosed_quote")]),
        ('A,"B"x,1\nE,F,x\n', [("row 2", "unreadable"), ("row 3, 上代", "bad_amount")]),
    ],
    ids=["open at the end", "after an empty row", "closed rows later", "opened again", "text after a quote"],
)
def test_a_quote_that_is_not_closed_in_its_row_is_refused_under_that_row(rows, found):
    assert sorted(refused("品番,品名,上代\n" + rows)) == sorted(found)


@pytest.mark.usefixtures("retail")
def test_a_quote_that_is_not_closed_in_the_heading_is_refused():
    assert refused('品番,"品名,上代\nA,B,1\n') == [("row 1", "unclosed_quote")]


@pytest.mark.usefixtures("retail")
def test_cells_and_numbers_of_any_length_are_problems_of_their_row():
    digits = "9" * 5_000
    rows = f"A,{'x' * 131_073},1,1\nB,B,{digits},{digits}\nC,C,1_000,1\n"

    assert sorted(refused("品番,品名,上代,重量\n" + rows)) == [
        ("row 2", "unreadable"),
        ("row 3, 上代", "bad_amount"),
        ("row 3, 重量(g)", "bad_number"),
        ("row 4, 上代", "bad_amount"),
    ]


@pytest.mark.django_db
def test_a_jan_with_other_leading_zeros_is_the_same_jan():
    SkuCode.objects.create(sku=sku("OLD"), kind="GTIN13", code="0036000291452")
    text = "品番,品名,JAN\nA,名,036000291452\nB,名,049000042566\nC,名,0049000042566\n"

    assert refused(text) == [("row 2, jan", "code_taken"), ("row 4, jan", "code_taken")]
