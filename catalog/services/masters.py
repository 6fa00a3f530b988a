"""The masters of this room as files: their columns, what they are known by, and what is announced when their rows changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import (
    Brand,
    Category,
    Color,
    Price,
    PriceList,
    Product,
    Season,
    Size,
    Sku,
    SkuCode,
    SkuCost,
    Supplier,
)
from catalog.services.announcing import announce_list, announce_prices, announce_products
from catalog.services.codes import GTIN_KINDS
from catalog.services.import_rows import TAX_CLASSES
from erp.core.actors import Actor
from erp.core.identifiers import classify_gtin, gtin_forms, gtin_key, normalise_registration_number
from erp.core.permissions import SEE_COSTS
from erp.imports.masters import Column, Master, Written, register

# What the EC site owns of a style, as staff call it in their files.
FOREIGN = {
    "description": ("商品説明", "説明", "説明文"),
    "images": ("画像", "商品画像", "画像url", "image"),
    "video": ("動画", "動画url"),
    "reviews": ("レビュー", "口コミ"),
    "seo": ("seoキーワード", "メタディスクリプション", "metadescription"),
}
FOREIGN_PRICES = {"sale_price": ("セール価格", "特価"), "coupons": ("クーポン", "クーポン価格")}


def _styles_of_skus(ids: Iterable[Any]) -> set[int]:
    return set(Sku.objects.filter(pk__in=set(ids)).values_list("product_id", flat=True))


def _announce_styles(written: Sequence[Written], at: datetime, by: Actor) -> None:
    announce_products(product_ids=[row.pk for row in written], at=at, by=by)


def _announce_skus(written: Sequence[Written], at: datetime, by: Actor) -> None:
    """A SKU that changes its style leaves the one and joins the other, and has the other's prices."""
    styles = {style for row in written for style in row.values("product_id")}
    moved = {style for row in written if row.changed("product_id") for style in row.values("product_id")}
    announce_products(product_ids=styles, at=at, by=by)
    if moved:
        announce_prices(product_ids=moved, at=at, by=by)


def _announce_of_skus(written: Sequence[Written], at: datetime, by: Actor) -> None:
    """Codes and costs are read with their styles."""
    announce_products(product_ids=_styles_of_skus(sku for row in written for sku in row.values("sku_id")), at=at, by=by)


def _announce_prices(written: Sequence[Written], at: datetime, by: Actor) -> None:
    announce_prices(
        sku_ids={sku for row in written for sku in row.values("sku_id")},
        product_ids={style for row in written for style in row.values("product_id")},
        at=at,
        by=by,
    )


def _announce_lists(written: Sequence[Written], at: datetime, by: Actor) -> None:
    for row in written:
        if row.before is not None and row.after is not None and row.changed(*(row.before.keys() - {"name"})):
            announce_list(price_list_id=row.pk, at=at, by=by)


def _names_of_styles(field: str) -> Any:
    return _naming(field, "")


def _names_of_skus(field: str) -> Any:
    return _naming(field, "skus__")


def _naming(field: str, path: str) -> Any:
    """Whoever shows what is called or sorted otherwise shows its styles."""

    def announce(written: Sequence[Written], at: datetime, by: Actor) -> None:
        renamed = [row.pk for row in written if row.before and row.after and row.changed("code", "name", "sort_order")]
        if renamed:
            found = Product.objects.filter(**{f"{path}{field}__in": renamed}).values_list("pk", flat=True).distinct()
            announce_products(product_ids=found, at=at, by=by)

    return announce


def _lock_styles_of_skus(ids: Sequence[int]) -> None:
    """Whoever announces a style locks it before its SKUs, so this does too."""
    styles = Sku.objects.filter(pk__in=ids).values("product_id")
    list(
        Product.objects.filter(pk__in=styles)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
        .values_list("pk")
    )


def _clean_supplier(values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if text := values.get("registration_number"):
        number = normalise_registration_number(text)
        if number is None:
            yield "registration_number", gettext("A registration number is T and 13 digits.")
        else:
            values["registration_number"] = number


def _clean_code(values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Check digits hold in files too, and a GTIN is filed under what it is."""
    kind, code = values.get("kind"), values.get("code")
    if kind in GTIN_KINDS and code:
        classified = classify_gtin(code)
        if classified is None:
            yield "code", gettext("No GTIN: length or check digit is wrong.")
        else:
            values["kind"], values["code"] = classified[0].value, classified[1]


def _clean_codes(rows: Sequence[dict[str, Any]]) -> Iterable[tuple[int, str, str]]:
    """A GTIN is the same with any number of leading zeros: a row takes the form in which the code is there, and another SKU's is refused."""
    wanted = {
        place: gtin_forms(row["code"]) for place, row in enumerate(rows) if _is_gtin(row.get("kind"), row.get("code"))
    }
    forms = {form for of_row in wanted.values() for form in of_row}
    found: dict[str, list[SkuCode]] = {}
    for known in SkuCode.objects.filter(kind__in=GTIN_KINDS, code__in=forms).select_related("sku").order_by("pk"):
        found.setdefault(gtin_key(known.code), []).append(known)
    for place in wanted:
        row = rows[place]
        others = found.get(gtin_key(row["code"]), [])
        for known in others:
            if (known.channel_id, known.supplier_id) == (row.get("channel"), row.get("supplier")):
                row["kind"], row["code"] = known.kind, known.code
                break
        else:
            if holder := next((known.sku.code for known in others if known.sku_id != row.get("sku")), None):
                yield place, "code", gettext("%(code)s belongs to SKU %(sku)s.") % {"code": row["code"], "sku": holder}


def _is_gtin(kind: Any, code: Any) -> bool:
    return kind in GTIN_KINDS and bool(code) and bool(gtin_forms(code))


def _same_code(key: tuple[Any, ...]) -> tuple[Any, ...]:
    kind, code, *of = key
    return ("GTIN", gtin_key(code), *of) if _is_gtin(kind, code) else key


def _named(code: str, model: Any, announce: Any, *further: Column) -> Master:
    columns = (Column("code", is_code=True), Column("name"), *further)
    return Master(code, model, ("code",), columns, announce=announce)


def register_masters() -> None:
    """For ``AppConfig.ready``, behind the ownership of fields."""
    register(
        Master(
            "products",
            Product,
            ("code",),
            (
                Column("code", ("品番コード", "style", "style_code"), is_code=True),
                Column("name", ("品名", "商品名")),
                Column("kana", ("カナ", "フリガナ", "商品名カナ")),
                Column("brand", ("ブランドコード",)),
                Column("season", ("シーズンコード",)),
                Column("category", ("商品分類", "商品分類コード", "カテゴリ", "カテゴリコード")),
                Column("supplier", ("仕入先", "仕入先コード")),
                Column("tax_class", ("消費税区分",), words=TAX_CLASSES),
                Column("life_cycle", is_fixed=True, note=_("Changed in the list of styles, by its action.")),
                Column("release_date"),
                Column("discontinued_date", is_fixed=True),
                Column("material", ("素材", "混率")),
                Column("country_of_origin", ("原産地",)),
            ),
            announce=_announce_styles,
            asset="product",
            foreign=FOREIGN,
        ),
        Master(
            "skus",
            Sku,
            ("code",),
            (
                Column("code", ("SKUコード", "sku", "sku_code"), is_code=True),
                Column("product", ("品番コード", "style")),
                Column("color", ("カラーコード", "色コード", "カラー")),
                Column("size", ("サイズコード",)),
                Column("is_active"),
                Column("weight_g", ("重量",)),
            ),
            announce=_announce_skus,
            lock_first=_lock_styles_of_skus,
            asset="product",
            foreign=FOREIGN,
        ),
        Master(
            "sku_codes",
            SkuCode,
            ("kind", "code", "channel", "supplier"),
            (
                Column("sku", ("SKUコード", "sku_code"), is_fixed=True),
                Column("kind", ("コード種別",), words={"GTIN13": ("jan", "jan13", "ean"), "GTIN8": ("jan8",)}),
                Column("code", ("JAN", "JANコード", "バーコード", "gtin"), is_code=True),
                Column("channel", ("販売チャネルコード",)),
                Column("supplier", ("仕入先コード",)),
                Column("valid_from"),
                Column("valid_to"),
            ),
            announce=_announce_of_skus,
            clean=_clean_code,
            clean_together=_clean_codes,
            same=_same_code,
            assumed={"kind": SkuCode.Kind.GTIN13.value},
            asset="product",
        ),
        Master(
            "price_lists",
            PriceList,
            ("code",),
            (
                Column("code", ("価格表コード",), is_code=True),
                Column("name", ("価格表名",)),
                Column("currency", is_code=True),
                Column("tax_mode"),
                Column("channel", ("販売チャネルコード",)),
                Column("is_standard"),
                Column("rank"),
            ),
            announce=_announce_lists,
            asset="price",
        ),
        Master(
            "prices",
            Price,
            ("price_list", "product", "sku", "valid_from"),
            (
                Column("price_list", ("価格表コード",)),
                Column("product", ("品番コード", "style"), note=_("Either a style or a SKU.")),
                Column("sku", ("SKUコード",), note=_("Either a style or a SKU.")),
                Column("price", ("上代", "単価")),
                Column("valid_from", ("適用日", "適用開始日")),
                Column("valid_to", ("適用終了日",)),
            ),
            announce=_announce_prices,
            asset="price",
            foreign=FOREIGN_PRICES,
        ),
        Master(
            "costs",
            SkuCost,
            ("sku", "supplier", "valid_from"),
            (
                Column("sku", ("SKUコード",)),
                Column("supplier", ("仕入先コード",)),
                Column("cost", ("原価", "下代")),
                Column("currency", is_code=True),
                Column("valid_from", ("適用日", "適用開始日")),
            ),
            announce=_announce_of_skus,
            needs=(SEE_COSTS,),
            asset="product",
        ),
        Master(
            "suppliers",
            Supplier,
            ("code",),
            (
                Column("code", ("仕入先コード",), is_code=True),
                Column("name", ("仕入先名",)),
                Column("kana", ("カナ", "フリガナ", "仕入先名カナ")),
                Column("registration_number", ("登録番号", "適格請求書発行事業者登録番号")),
                Column("registration_verified_at"),
                Column("registered_from"),
                Column("registered_to"),
                Column("is_subcontract_act", ("取適法対象",)),
                Column("lead_time_days", ("リードタイム",)),
                Column("closing_day", ("締日", "締め日")),
                Column("payment_month_offset"),
                Column("payment_day", ("支払日",)),
                Column("is_active"),
            ),
            announce=_names_of_styles("supplier"),
            clean=_clean_supplier,
        ),
        _named("brands", Brand, _names_of_styles("brand")),
        _named("categories", Category, _names_of_styles("category")),
        _named("seasons", Season, _names_of_styles("season"), Column("starts_on"), Column("ends_on")),
        _named("colors", Color, _names_of_skus("color"), Column("sort_order", ("表示順", "並び順"))),
        _named("sizes", Size, _names_of_skus("size"), Column("sort_order", ("表示順", "並び順", "サイズ順"))),
    )
