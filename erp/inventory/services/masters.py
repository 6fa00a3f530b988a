"""The masters of this room as files: places, shelves, what channels sell from, and what is kept back from them. A shop's staff reach their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from catalog.models import Sku
from erp.core.actors import Actor
from erp.imports.masters import Column, Master, Reach, Written, add_references, register
from erp.inventory.models import (
    ChannelLocation,
    ChannelPolicy,
    ChannelQuota,
    Location,
    ReorderRule,
    Shelf,
    StandardCost,
    WriteDownRule,
)
from erp.inventory.selectors.staff import places_of, shop_channels_of
from erp.inventory.services.places import announce_place, announce_rules
from erp.inventory.services.policies import Goods, announce_goods, announce_quotas


def _within(column: str, own: Callable[[Any], list[int] | None]) -> Callable[[Any], Reach | None]:
    def reach(user: Any) -> Reach | None:
        ids = own(user)
        return None if ids is None else Reach(column, frozenset(ids))

    return reach


def _announce_places(written: Sequence[Written], at: datetime, by: Actor) -> None:
    for row in written:
        if row.before is not None and row.changed("is_active", "kind", "holder_channel_id"):
            announce_place(location_id=row.pk, at=at, by=by)


def _announce_policies(written: Sequence[Written], at: datetime, by: Actor) -> None:
    """Of what each row was about, and is about now."""
    goods = {
        Goods(side["channel_id"], side.get("sku_id"), side.get("product_id"), side.get("category_id"))
        for row in written
        for side in (row.before, row.after)
        if side is not None
    }
    announce_goods(goods=list(goods), at=at, by=by)


def _announce_quotas(written: Sequence[Written], at: datetime, by: Actor) -> None:
    announce_quotas(sku_ids={sku for row in written for sku in row.values("sku_id")}, at=at, by=by)


def _announce_sources(written: Sequence[Written], at: datetime, by: Actor) -> None:
    for channel_id, rows in _by_channel(written).items():
        places = {place for row in rows for place in row.values("location_id")}
        announce_rules(channel_id=channel_id, location_ids=sorted(places), at=at, by=by)


def _by_channel(written: Iterable[Written]) -> dict[int, list[Written]]:
    found: dict[int, list[Written]] = {}
    for row in written:
        for channel_id in row.values("channel_id"):
            found.setdefault(channel_id, []).append(row)
    return found


def _no_kit(values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if values.get("sku") is not None and Sku.objects.filter(pk=values["sku"], is_kit=True).exists():
        yield "sku", gettext("A kit has no pieces of its own. Set its components aside.")


def _holding_accounts(ids: Sequence[int]) -> set[int]:
    held = Location.objects.filter(holder_account_id__in=ids).values_list("holder_account_id", flat=True)
    return {pk for pk in held if pk is not None}


def register_masters() -> None:
    """For ``AppConfig.ready``, behind those of the rooms below."""
    add_references("accounts", _holding_accounts)
    register(
        Master(
            "locations",
            Location,
            ("code",),
            (
                Column("code", ("場所コード", "倉庫コード", "店舗コード"), is_code=True),
                Column("name", ("場所名", "倉庫名", "店舗名")),
                Column("kind"),
                Column("cost_pool", ("原価計算単位コード",), is_fixed=True),
                Column("holder_channel"),
                Column("is_active"),
            ),
            announce=_announce_places,
            scope=_within("id", places_of),
        ),
        Master(
            "shelves",
            Shelf,
            ("location", "sku"),
            (
                Column("location", ("場所コード", "倉庫コード", "店舗コード", "倉庫")),
                Column("sku", ("SKUコード",)),
                Column("code", ("棚番", "棚", "ロケーション"), is_code=True),
            ),
            scope=_within("location_id", places_of),
        ),
        Master(
            "channel_locations",
            ChannelLocation,
            ("channel", "location"),
            (
                Column("channel", ("販売チャネルコード",)),
                Column("location", ("場所コード", "倉庫コード")),
                Column("rank"),
            ),
            announce=_announce_sources,
            scope=_within("location_id", places_of),
        ),
        Master(
            "channel_policies",
            ChannelPolicy,
            ("channel", "sku", "product", "category", "starts_at"),
            (
                Column("channel", ("販売チャネルコード",)),
                Column("sku", ("SKUコード",)),
                Column("product", ("品番コード",)),
                Column("category", ("商品グループコード", "カテゴリコード")),
                Column("starts_at", ("開始日時",)),
                Column("ends_at", ("終了日時",)),
                Column("buffer", ("安全在庫", "安全在庫数", "確保数")),
                Column("buffer_percent", ("安全在庫率",)),
                Column("last_pieces", ("残りわずか",)),
                Column("cap", ("上限", "表示上限")),
            ),
            announce=_announce_policies,
            scope=_within("channel_id", shop_channels_of),
            running=("due_at",),
        ),
        Master(
            "channel_quotas",
            ChannelQuota,
            ("channel", "sku", "starts_at"),
            (
                Column("channel", ("販売チャネルコード",)),
                Column("sku", ("SKUコード",)),
                Column("starts_at", ("開始日時",)),
                Column("ends_at", ("終了日時",)),
                Column("quantity", ("販売枠", "枠数")),
                Column("is_binding", ("受注にも適用",)),
            ),
            announce=_announce_quotas,
            clean=_no_kit,
            scope=_within("channel_id", shop_channels_of),
            running=("due_at", "used", "version"),
        ),
        Master(
            "standard_costs",
            StandardCost,
            ("sku", "valid_from"),
            (
                Column("sku", ("SKUコード",)),
                Column("cost", ("標準原価", "原価")),
                Column("valid_from", ("適用開始日",)),
            ),
            needs=("core.see_costs",),
        ),
        Master(
            "write_down_rules",
            WriteDownRule,
            ("category", "months"),
            (
                Column("category", ("商品グループコード", "カテゴリコード")),
                Column("months", ("経過月数",)),
                Column("percent", ("残存率",)),
            ),
        ),
        Master(
            "reorder_rules",
            ReorderRule,
            ("sku", "location"),
            (
                Column("sku", ("SKUコード",)),
                Column("location", ("場所コード", "倉庫コード", "店舗コード")),
                Column("lead_time_days", ("リードタイム", "調達日数")),
                Column("lot", ("発注ロット", "ロット")),
                Column("safety_stock", ("安全在庫", "発注用安全在庫")),
                Column("reorder_point", ("発注点",)),
                Column("cover_days", ("カバー日数",)),
                Column("is_active"),
            ),
            scope=_within("location_id", places_of),
        ),
    )
