"""The masters of this room as files: places, shelves, what channels sell from, and what is kept back from them. A shop's staff reach their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from erp.core.actors import Actor
from erp.imports.masters import Column, Master, Reach, Written, add_references, register
from erp.inventory.models import (
    ChannelBuffer,
    ChannelLocation,
    Location,
    ReorderRule,
    Shelf,
    StandardCost,
    WriteDownRule,
)
from erp.inventory.selectors.staff import places_of, shop_channels_of
from erp.inventory.services.places import announce_place, announce_rules


def _within(column: str, own: Callable[[Any], list[int] | None]) -> Callable[[Any], Reach | None]:
    def reach(user: Any) -> Reach | None:
        ids = own(user)
        return None if ids is None else Reach(column, frozenset(ids))

    return reach


def _announce_places(written: Sequence[Written], at: datetime, by: Actor) -> None:
    for row in written:
        if row.before is not None and row.changed("is_active", "kind", "holder_channel_id"):
            announce_place(location_id=row.pk, at=at, by=by)


def _announce_buffers(written: Sequence[Written], at: datetime, by: Actor) -> None:
    """Per channel once: of its SKUs, or of everything where a row holds for all SKUs."""
    for channel_id, rows in _by_channel(written).items():
        skus = {sku for row in rows for sku in row.values("sku_id")}
        holds_for_all = any((row.after or row.before or {}).get("sku_id") is None for row in rows)
        announce_rules(channel_id=channel_id, sku_ids=[] if holds_for_all else sorted(skus), at=at, by=by)


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
            "channel_buffers",
            ChannelBuffer,
            ("channel", "sku"),
            (
                Column("channel", ("販売チャネルコード",)),
                Column("sku", ("SKUコード",)),
                Column("quantity", ("安全在庫", "安全在庫数")),
            ),
            announce=_announce_buffers,
            scope=_within("channel_id", shop_channels_of),
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
                Column(
                    "is_active",
                ),
            ),
            scope=_within("location_id", places_of),
        ),
    )
