"""The masters of the demo company: who it is, where it keeps goods, how it sells, whom it buys from and sells to on account.

Rows of masters are written as staff type them in forms; prices, costs, places and rules go through the services of their rooms.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Brand, Category, Color, PriceList, Season, Size, Sku, Supplier
from catalog.services import define_kit, import_products, set_price
from customers.models import Account, BillTo, Contact, CreditGroup, ShipTo
from ec_gateway.management.demo import goods
from ec_gateway.management.demo.goods import Assortment
from ec_gateway.management.demo.people import Population
from ec_gateway.management.demo.sources import table
from ec_gateway.models import EcSite, Listing
from ec_gateway.services.sites import ensure_rows
from erp.core.actors import Actor
from erp.core.identifiers import corporate_number_check_digit
from erp.core.models import Channel, CompanyProfile, Department, RevenueBasis
from erp.core.use_case import use_case
from erp.correspondence.models import ChannelMail, MailKind, MailRule, Sender
from erp.correspondence.services import complete_rules
from erp.insights.models import RfmDefinition
from erp.inventory.services import keep_back, open_location, sell_from
from erp.orders.models import AllocationRule, OrderType

NAME = "株式会社ユラフウ"
# Codes of the two EC sites are those of the practice sites, which `make run` joins to them.
EC_WOMEN, EC_MEN, MALL, WHOLESALE = "PRACTICE-1", "PRACTICE-2", "MALL", "WHOLESALE"
SHOPS = ("SHOP-1", "SHOP-2")
OWN_SITES = {EC_WOMEN: ("YR", "KN", "SR"), EC_MEN: ("TF", "SR")}
WAREHOUSE, INSPECTION, ROAD, MALL_HELD = "WH", "INSPECTION", "ROAD", "MALL-HELD"
DEPARTMENTS = {"EC": "EC事業部", "SHOP": "店舗事業部", "WS": "卸営業部", "HQ": "本部"}
CHANNELS = (
    # code, name, kind, department, revenue basis, allocation priority
    (EC_WOMEN, "ユラリノ公式ストア(練習ストア 表参道)", "EC_SITE", "EC", RevenueBasis.SHIPMENT, 50),
    (EC_MEN, "テトラフウ公式ストア(練習ストア 心斎橋)", "EC_SITE", "EC", RevenueBasis.SHIPMENT, 50),
    (MALL, "あおぞら市場(モール)", "MALL", "EC", RevenueBasis.DELIVERY, 40),
    ("SHOP-1", "ユラフウ 吉祥寺店", "SHOP", "SHOP", RevenueBasis.SHIPMENT, 60),
    ("SHOP-2", "ユラフウ 堀江店", "SHOP", "SHOP", RevenueBasis.SHIPMENT, 60),
    (WHOLESALE, "卸", "WHOLESALE", "WS", RevenueBasis.SHIPMENT, 70),
)
# What a registry would give nobody: no office has the number 9999.
NOBODYS_REGISTRY = "9999"


@dataclass(frozen=True, slots=True)
class Places:
    warehouse: int
    inspection: int
    road: int
    mall: int
    shops: tuple[int, ...]


def registration_number(number: int) -> str:
    base = f"{NOBODYS_REGISTRY}01{number:06}"
    return f"T{corporate_number_check_digit(base)}{base}"


@use_case
def found_company(*, today: dt.date, first: dt.date, at: dt.datetime, by: Actor) -> None:
    """Everything that is there before goods are: the company, its channels and places, suppliers, dictionaries. Repeatable."""
    CompanyProfile.objects.update_or_create(
        pk=1,
        defaults={
            "name": NAME,
            "registration_number": registration_number(1),
            "postal_code": "180-0004",
            "address": "東京都武蔵野市吉祥寺本町9001-1",
            "phone": "0422-00-0000",
        },
    )
    departments = {
        code: Department.objects.get_or_create(code=code, defaults={"name": name})[0]
        for code, name in DEPARTMENTS.items()
    }
    for code, name, kind, department, basis, priority in CHANNELS:
        Channel.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "kind": kind,
                "department": departments[department],
                "revenue_basis": basis,
                "default_priority": priority,
            },
        )
    _write_dictionaries(today)
    _write_suppliers(first)
    # 展示会受注 are reserved when somebody says so; what nobody pays in time gives its pieces up after two weeks more.
    AllocationRule.objects.get_or_create(
        order_type=OrderType.EXHIBITION, channel=None, account=None, defaults={"mode": AllocationRule.Mode.BY_HAND}
    )
    AllocationRule.objects.get_or_create(
        order_type="",
        channel=Channel.objects.get(code=EC_WOMEN),
        account=None,
        defaults={"overdue": AllocationRule.Overdue.RELEASE, "overdue_days": 14},
    )
    RfmDefinition.objects.get_or_create(
        valid_from=first, defaults={"method": RfmDefinition.Method.VALUE_QUANTILES, "window_months": 12}
    )
    PriceList.objects.get_or_create(
        code="STANDARD", defaults={"name": "上代", "tax_mode": PriceList.TaxMode.INCLUDED, "is_standard": True}
    )
    PriceList.objects.get_or_create(
        code="WHOLESALE", defaults={"name": "卸価格表(下代)", "tax_mode": PriceList.TaxMode.EXCLUDED, "rank": 50}
    )


@use_case
def write_to_shoppers(*, at: dt.datetime, by: Actor) -> None:
    """From now on, one EC site leaves its mails to Mamori; apologies and cancellations are looked at first. Repeatable."""
    setting, _is_new = ChannelMail.objects.get_or_create(
        channel=Channel.objects.get(code=EC_WOMEN),
        defaults={
            "from_name": "ユラリノ公式ストア",
            "from_address": "store@yurarino.example.jp",
            "reply_to": "support@yurarino.example.jp",
            "signature": f"{NAME} ユラリノ公式ストア\nお問い合わせ: support@yurarino.example.jp(平日10時~17時)",
        },
    )
    complete_rules(setting_id=setting.pk, at=at, by=by)
    looked_at = (MailKind.SHORTAGE, MailKind.CANCELLED)
    MailRule.objects.filter(setting=setting).update(sender=Sender.MAMORI)
    MailRule.objects.filter(setting=setting, kind__in=looked_at).update(sender=Sender.MAMORI_CHECKED)


def _write_dictionaries(today: dt.date) -> None:
    for place, (code, (name, _hex)) in enumerate(goods.COLORS.items()):
        Color.objects.get_or_create(code=code, defaults={"name": name, "sort_order": place * 10})
    for place, code in enumerate(goods.SIZES):
        Size.objects.get_or_create(
            code=code, defaults={"name": "フリー" if code == "F" else code, "sort_order": place * 10}
        )
    for model, names in ((Brand, goods.BRANDS), (Category, goods.CATEGORIES)):
        for code, name in names.items():
            model.objects.get_or_create(code=code, defaults={"name": name})
    for code in sorted(set(goods.season_codes(today).values())):
        year, kind = int(code[:4]), code[4:]
        begins = dt.date(year, 3, 1) if kind == "SS" else dt.date(year, 9, 1)
        ends = dt.date(year, 8, 31) if kind == "SS" else dt.date(year + 1, 3, 1) - dt.timedelta(days=1)
        name = f"{year}年 {'春夏' if kind == 'SS' else '秋冬'}"
        Season.objects.get_or_create(code=code, defaults={"name": name, "starts_on": begins, "ends_on": ends})


def _write_suppliers(first: dt.date) -> None:
    for number, row in enumerate(table("suppliers"), 101):
        is_registered = row["is_registered"] == "1"
        Supplier.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "kana": row["kana"],
                "lead_time_days": int(row["lead_time_days"]),
                "closing_day": int(row["closing_day"]),
                "payment_month_offset": int(row["payment_month_offset"]),
                "payment_day": int(row["payment_day"]),
                "is_subcontract_act": row["is_subcontract_act"] == "1",
                "registration_number": registration_number(number) if is_registered else "",
                "registered_from": dt.date(2023, 10, 1) if is_registered else None,
            },
        )


@use_case
def open_places(*, at: dt.datetime, by: Actor) -> Places:
    """Where goods lie, and which channel sells from where: own sites and wholesale from the warehouse, shops from their shelves."""
    channels = dict(Channel.objects.values_list("code", "pk"))
    places = Places(
        warehouse=open_location(code=WAREHOUSE, name="本社倉庫", at=at, by=by),
        inspection=open_location(code=INSPECTION, name="検品場", kind="INSPECTION", at=at, by=by),
        road=open_location(code=ROAD, name="店舗間移動中", kind="IN_TRANSIT", at=at, by=by),
        mall=open_location(
            code=MALL_HELD, name="モール倉庫(預け)", kind="MALL_HELD", holder_channel_id=channels[MALL], at=at, by=by
        ),
        shops=tuple(
            open_location(code=code, name=name, kind="SHOP", at=at, by=by)
            for code, name, *_rest in CHANNELS
            if code in SHOPS
        ),
    )
    for code in (EC_WOMEN, EC_MEN, WHOLESALE):
        sell_from(channel_id=channels[code], location_id=places.warehouse, rank=10, at=at, by=by)
    sell_from(channel_id=channels[MALL], location_id=places.mall, rank=10, at=at, by=by)
    sell_from(channel_id=channels[MALL], location_id=places.warehouse, rank=20, at=at, by=by)
    for code, place in zip(SHOPS, places.shops, strict=True):
        sell_from(channel_id=channels[code], location_id=place, rank=10, at=at, by=by)
    return places


@use_case
def bring_goods(*, assortment: Assortment, first: dt.date, cost_rise: dt.date, at: dt.datetime, by: Actor) -> None:
    """Styles, SKUs, codes, costs and prices from product files; kits; what wholesale pays; what each own site lists. Repeatable."""
    import_products(content=assortment.product_file(since=first), on=first, at=at, by=by)
    import_products(content=assortment.cost_file(since=cost_rise), on=cost_rise, at=at, by=by)
    for article in assortment.articles:
        if article.components:
            define_kit(sku_code=article.code, components=dict(article.components), at=at, by=by)
    wholesale = PriceList.objects.get(code="WHOLESALE")
    products = dict(Sku.objects.values_list("product__code", "product_id"))
    for style in assortment.styles:
        if style.brand == "SR" and not style.is_kit:
            price = Decimal(style.price * 10 // 11 * 60 // 100)
            set_price(
                price_list_id=wholesale.pk, product_id=products[style.code], price=price, valid_from=first, at=at, by=by
            )
    skus = dict(Sku.objects.values_list("code", "pk"))
    for code, brands in OWN_SITES.items():
        # Without a platform nobody is called; whoever joins the practice sites adds it with the address.
        site, _is_new = EcSite.objects.get_or_create(channel=Channel.objects.get(code=code))
        ensure_rows(site_ids=[site.pk])
        Listing.objects.bulk_create(
            [
                Listing(site=site, sku_id=skus[article.code], external_code=article.code)
                for article in assortment.listed(brands)
            ],
            ignore_conflicts=True,
        )
    channels = dict(Channel.objects.values_list("code", "pk"))
    for code in (EC_WOMEN, EC_MEN, MALL):
        keep_back(channel_id=channels[code], sku_id=None, quantity=1, at=at, by=by)


@use_case
def sign_up_accounts(*, people: Population, at: dt.datetime, by: Actor) -> None:
    """Whom the company sells to on account: credit, bill-to, account, ship-tos and the person to call. Repeatable."""
    department = Department.objects.get(code="WS")
    lists = {row.code: row for row in PriceList.objects.all()}
    for number, row in enumerate(table("accounts"), 1):
        group, _new = CreditGroup.objects.get_or_create(
            code=row["credit_group"],
            defaults={"name": row["bill_to_name"], "policy": row["policy"], "credit_limit": int(row["credit_limit"])},
        )
        bill_to, _new = BillTo.objects.get_or_create(
            code=row["bill_to"],
            defaults={
                "name": row["bill_to_name"],
                "credit_group": group,
                "postal_code": row["postal_code"],
                "address": row["address"],
                "corporate_number": registration_number(200 + number)[1:],
                "closing_day": int(row["closing_day"]),
                "payment_month_offset": int(row["payment_month_offset"]),
                "payment_day": int(row["payment_day"]),
                "holiday_rule": row["holiday_rule"],
                "tax_unit": row["tax_unit"],
            },
        )
        account, _new = Account.objects.get_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "kana": row["kana"],
                "bill_to": bill_to,
                "department": department,
                "price_list": lists.get(row["price_list"]),
                "wholesale_percent": Decimal(row["wholesale_percent"]) if row["wholesale_percent"] else None,
                "revenue_basis": row["revenue_basis"],
            },
        )
        _add_people_and_places(account, number, people)


def _add_people_and_places(account: Account, number: int, people: Population) -> None:
    buyer = people.person(90_000 + number)
    name = f"{buyer.family_name} {buyer.given_name}"
    Contact.objects.get_or_create(
        account=account, name=name, defaults={"department": "仕入担当", "email": buyer.email, "phone": buyer.phone}
    )
    for place, label in ((1, "店舗"), (2, "物流センター"))[: 1 + (number % 3 == 0)]:
        address = dict(people.person(90_000 + number * 100 + place).address)
        address.pop("country")
        ShipTo.objects.get_or_create(
            account=account,
            code=f"{place:02}",
            defaults={"name": f"{account.name} {label}", "contact": name, "phone": buyer.phone, **address},
        )
