"""Versions and change rows: a reader of the feed sees that a style or a price changed, fetches it, and ignores an older version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import F
from django.utils import timezone

from catalog.models import Price, Product, Sku, SkuCode, SkuCost
from erp.core import changes
from erp.core.actors import Actor
from erp.core.use_case import use_case


@use_case
def announce_products(*, product_ids: Iterable[int], at: datetime, by: Actor) -> None:
    """Raise the versions of styles and of their SKUs and write change rows ``product`` keyed by style id."""
    wanted = sorted(set(product_ids))
    _lock_products(wanted)
    Product.objects.filter(pk__in=wanted).update(version=F("version") + 1)
    Sku.objects.filter(product_id__in=wanted).update(version=F("version") + 1)
    changes.record(topic="product", keys=wanted)


@use_case
def announce_prices(
    *, sku_ids: Iterable[int] = (), product_ids: Iterable[int] = (), at: datetime, by: Actor
) -> list[int]:
    """Write change rows ``price`` keyed by SKU id, for SKUs and for all SKUs of styles; raise the versions of both. Gives the ids."""
    of_styles = Sku.objects.filter(product_id__in=set(product_ids)).values_list("pk", flat=True)
    wanted = sorted({*sku_ids, *of_styles})
    products = sorted(set(Sku.objects.filter(pk__in=wanted).values_list("product_id", flat=True)))
    _lock_products(products)
    # A style is read with the standard prices of its SKUs.
    Product.objects.filter(pk__in=products).update(version=F("version") + 1)
    Sku.objects.filter(pk__in=wanted).update(version=F("version") + 1)
    changes.record(topic="price", keys=wanted)
    return wanted


@use_case
def announce_list(*, price_list_id: int, at: datetime, by: Actor) -> list[int]:
    """A price list counts otherwise than before (its channel, its rank, with or without tax): all that it prices has another price."""
    rows = list(Price.objects.filter(price_list=price_list_id).values_list("sku_id", "product_id").distinct())
    return announce_prices(
        sku_ids=[sku_id for sku_id, _product_id in rows if sku_id],
        product_ids=[product_id for _sku_id, product_id in rows if product_id],
        at=at,
        by=by,
    )


# What styles and SKUs are shown with by its name.
_OF_STYLES, _OF_SKUS = ("brand", "season", "category", "supplier"), ("color", "size")


@use_case
def announce_name(*, kind: str, master_id: int, at: datetime, by: Actor) -> None:
    """A brand, season, category, supplier, colour or size is called or sorted otherwise: whoever shows it shows its styles."""
    assert kind in _OF_STYLES + _OF_SKUS, kind
    found = {f"skus__{kind}" if kind in _OF_SKUS else kind: master_id}
    ids = Product.objects.filter(**found).values_list("pk", flat=True).distinct()
    announce_products(product_ids=ids, at=at, by=by)


@use_case
def announce_dated_prices(*, on: date, at: datetime, by: Actor) -> list[int]:
    """Write change rows for prices that begin on ``on`` or ended the day before. For the job that runs as the business date turns."""
    turning = Price.objects.filter(valid_from=on) | Price.objects.filter(valid_to=on - timedelta(days=1))
    rows = list(turning.values_list("sku_id", "product_id"))
    return announce_prices(
        sku_ids=[sku_id for sku_id, _product_id in rows if sku_id],
        product_ids=[product_id for _sku_id, product_id in rows if product_id],
        at=at,
        by=by,
    )


def announce_todays_prices(*, at: datetime, by: Actor) -> list[int]:
    """The job that runs as the business date turns. Running twice only announces twice."""
    return announce_dated_prices(on=timezone.localdate(at), at=at, by=by)


@use_case
def announce_todays_products(*, at: datetime, by: Actor) -> int:
    """The same for what else styles say by date: a code that ended, a cost that begins. Returns of how many styles."""
    today = timezone.localdate(at)
    ended = SkuCode.objects.filter(valid_to=today - timedelta(days=1)).values_list("sku__product_id", flat=True)
    begun = SkuCost.objects.filter(valid_from=today).values_list("sku__product_id", flat=True)
    ids = {*ended, *begun}
    announce_products(product_ids=ids, at=at, by=by)
    return len(ids)


def _lock_products(ids: list[int]) -> None:
    # All SKUs of a style change under its row's lock, so two announcements never wait for each other crosswise.
    rows = Product.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    list(rows.values_list("pk"))
