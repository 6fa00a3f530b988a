"""Somebody in every role of a company to practise with, with the filters and files of their desks, and a shop where the company has none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from django.contrib.auth.models import Group, User

from catalog.models import Sku, SkuCost
from erp.access.services import set_practice
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotFound
from erp.core.models import Channel, SavedFilter
from erp.core.use_case import use_case
from erp.imports import services as imports
from erp.imports.models import ImportRun
from erp.imports.running import work_off
from erp.inventory.selectors import location_id_of, shelves, shop_location_ids
from erp.inventory.services import ReceiptLine, assign_staff, open_location, receive, sell_from

SHOP, SHOP_NAME, SHOP_ROLE = "PRACTICE-SHOP", "練習店", "店舗"
PIECES_PER_SKU, MOST_SKUS = 3, 12
# What each desk asks its lists for every day, shared with the role: log-in, list, name and conditions.
FILTERS = (
    ("juchu", "orders.order", "入金待ちの受注", [("state__exact", "AWAITING_PAYMENT")]),
    ("juchu", "orders.orderhold", "お客様備考の確認", [("reason__exact", "CUSTOMER_NOTE")]),
    ("soko", "orders.shipment", "本日の作業分", [("state__exact", "INSTRUCTED")]),
    ("soko", "orders.shipment", "送り状番号の入力漏れ", [("tracking", "missing")]),
    ("keiri", "accounting.openitem", "期日を過ぎた債権", [("state", "overdue"), ("side__exact", "DEBIT")]),
    ("ec", "ec_gateway.sitepush", "受け付けられない在庫", [("trouble", "1")]),
)
FILE_OF, WAREHOUSE, MOVED_SHELVES = "soko", "WH", 20


@use_case
def hire_practice_staff(*, passwords: Mapping[str, str], at: dt.datetime, by: Actor) -> list[User]:
    """A user per role, with the password under its log-in name; whoever is there already stays as is. Returns the new ones.

    A shop made for it begins with a few pieces of what the company sells, so that its lists are not empty.
    """
    hired = []
    for role in ROLES:
        if not User.objects.filter(username=role.login).exists():
            user = User.objects.create_user(
                role.login, password=passwords[role.login], is_staff=True, last_name=role.name
            )
            user.groups.add(Group.objects.get(name=role.name))
            set_practice(user_id=user.pk, at=at, by=by)
            if role.name == SHOP_ROLE:
                shop = next(iter(shop_location_ids()), None) or _open_shop(at=at, by=by)
                assign_staff(user_id=user.pk, location_id=shop, at=at, by=by)
            hired.append(user)
    for login, page, name, conditions in FILTERS:
        if owner := next((user for user in hired if user.username == login), None):
            SavedFilter.objects.create(
                owner=owner, page=page, name=name, role=owner.groups.first(), parameters=conditions
            )
    return hired


def bring_practice_file(*, clock: Callable[[], dt.datetime]) -> None:
    """The warehouse has a file of shelves checked and not written yet; an earlier one is written. Nothing where nothing has a shelf."""
    user = User.objects.filter(username=FILE_OF).first()
    lying = _shelves_of_the_warehouse()
    if user is None or not lying or ImportRun.objects.exists():
        return
    by = Actor.staff(FILE_OF)
    for name, part, unknown in (
        ("棚番変更_1階.csv", lying[:MOVED_SHELVES], []),
        ("棚番変更_2階.csv", lying[MOVED_SHELVES:], [f"{WAREHOUSE},YR-TS99-XX-M,Z-99-1"]),
    ):
        rows = [
            f"{WAREHOUSE},{sku},{shelf if number % 3 else f'Z-{number + 1:02}-1'}"
            for number, (shelf, sku) in enumerate(part)
        ]
        content = "\r\n".join(["場所コード,SKUコード,棚番", *rows, *unknown, ""]).encode("cp932")
        run = imports.upload(kind="shelves", file_name=name, content=content, user=user, at=clock(), by=by)
        imports.name_columns(run_id=run.pk, mapping=run.mapping, clears_blanks=False, user=user, at=clock(), by=by)
        work_off(clock=clock)
        if not unknown:
            imports.execute(run_id=run.pk, user=user, at=clock(), by=by)
            work_off(clock=clock)


def _shelves_of_the_warehouse() -> list[tuple[str, str]]:
    """The first of them, each with the code of what lies there."""
    skus = dict(Sku.objects.values_list("pk", "code"))
    try:
        place = location_id_of(WAREHOUSE)
    except NotFound:
        return []
    known = shelves(location_ids=[place], sku_ids=skus)
    return sorted((shelf, skus[sku_id]) for (_place, sku_id), shelf in known.items())[: 2 * MOVED_SHELVES]


def _open_shop(*, at: dt.datetime, by: Actor) -> int:
    channel, _is_new = Channel.objects.get_or_create(code=SHOP, defaults={"name": SHOP_NAME, "kind": Channel.Kind.SHOP})
    place = open_location(code=SHOP, name=SHOP_NAME, kind="SHOP", at=at, by=by)
    sell_from(channel_id=channel.pk, location_id=place, at=at, by=by)
    today = business_date(at)
    costs = SkuCost.objects.filter(valid_from__lte=today).order_by("sku_id", "-valid_from").distinct("sku_id")
    lines = [
        ReceiptLine(number, cost.sku_id, PIECES_PER_SKU, cost.cost) for number, cost in enumerate(costs[:MOST_SKUS], 1)
    ]
    if lines:
        receive(external_id=SHOP, location_id=place, lines=lines, note=SHOP_NAME, occurred_at=at, at=at, by=by)
    return place
