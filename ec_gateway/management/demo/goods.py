"""What the demo company sells: styles from ``data/styles.csv``, their SKUs, what they cost and fetch, and how much they are wanted. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ec_gateway.management.demo.sources import dice, table
from erp.core.identifiers import gtin_check_digit

BRANDS = {"YR": "ユラリノ", "TF": "テトラフウ", "KN": "コノモリキッズ", "SR": "シロツキ工房"}
CATEGORIES = {
    "TS": "カットソー", "SH": "シャツ・ブラウス", "KN": "ニット", "OP": "ワンピース", "SK": "スカート", "PT": "パンツ", "JK": "ジャケット",
    "CT": "コート・ブルゾン", "RW": "ルームウェア", "IN": "インナー・靴下", "KT": "キッズトップス", "KP": "キッズパンツ",
    "KO": "キッズアウター", "KD": "キッズスカート・ワンピース", "BB": "ベビー", "BG": "バッグ", "SW": "レディースシューズ", "SM": "メンズシューズ",
    "SC": "キッズシューズ", "AC": "服飾雑貨", "GF": "ギフト食品",
}  # fmt: skip
COLORS = {
    "WH": ("白", "#f4f1ea"), "BK": ("黒", "#2a2a2c"), "GY": ("グレー", "#9a9a9a"), "BE": ("ベージュ", "#d8c3a5"),
    "BR": ("茶", "#6f4e37"), "NV": ("紺", "#2b3a55"), "SX": ("サックス", "#9db8d2"), "ID": ("インディゴ", "#34495e"),
    "GN": ("緑", "#5b7553"), "RD": ("赤", "#a63a3a"), "WN": ("ワイン", "#6d2e46"), "PK": ("ピンク", "#e3b5bc"),
    "YL": ("黄", "#e8c95c"), "AS": ("アソート", "#c9a36a"),
}  # fmt: skip
SIZES = (
    *("80", "90", "100", "110", "120", "130", "140"), *("XS", "S", "M", "L", "XL"), *("7号", "9号", "11号", "13号"),
    *("W26", "W28", "W30", "W32"), *("16.0", "17.0", "18.0", "19.0"),
    *("22.5", "23.0", "23.5", "24.0", "24.5", "25.0", "25.5", "26.0", "26.5", "27.0", "27.5"), "F",
)  # fmt: skip
# The middle sizes are wanted most.
SIZE_CURVES = {1: (1,), 3: (4, 6, 4), 4: (2, 5, 5, 3), 6: (2, 4, 6, 6, 4, 2)}
CLEARANCE_PERCENT = 70
COST_RISES_BY = Decimal("1.05")


@dataclass(frozen=True, slots=True)
class Style:
    """One 品番. ``season`` is that of its goods, SS, AW, ALL or NEXT; ``life`` says what is special about it."""

    code: str
    name: str
    brand: str
    category: str
    season: str
    tax_class: str
    price: int
    cost: int
    supplier: str
    shape: str
    popularity: float
    life: str
    life_cycle: str
    season_code: str
    release_date: dt.date | None
    row: dict[str, str]

    @property
    def is_kit(self) -> bool:
        return bool(self.row["components"])

    @property
    def is_sold(self) -> bool:
        """Whether it was on sale all the time; what is not yet, or no longer, is sold by name only."""
        return self.life == ""

    @property
    def is_reduced(self) -> bool:
        return self.life_cycle == "CLEARANCE"


@dataclass(frozen=True, slots=True)
class Article:
    """One SKU. ``components`` are those of a kit: (SKU code, pieces)."""

    code: str
    style: Style
    color: str
    size: str
    jan: str
    weight: float
    components: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        return " ".join([self.style.name, COLORS[self.color][0], self.size])

    @property
    def sale_price(self) -> int:
        """What the own EC sites and the shops ask for it; 上代 stays."""
        price = self.style.price
        return price * CLEARANCE_PERCENT // 1000 * 10 if self.style.is_reduced else price

    def pieces(self, units: int = 1) -> list[tuple[str, int]]:
        """What so many units take from stock."""
        return [(code, count * units) for code, count in self.components] or [(self.code, units)]


def season_of(day: dt.date) -> str:
    return "SS" if 3 <= day.month <= 8 else "AW"


def season_codes(today: dt.date) -> dict[str, str]:
    """The season of today, the one before and the one to come: SS or AW → its code; NEXT → that of the goods to come."""
    now = season_of(today)
    year = today.year - (today.month < 3)
    if now == "AW":
        return {"AW": f"{year}AW", "SS": f"{year}SS", "NEXT": f"{year + 1}SS", "ALL": f"{year}AW"}
    return {"SS": f"{year}SS", "AW": f"{year - 1}AW", "NEXT": f"{year}AW", "ALL": f"{year}SS"}


class Assortment:
    """All styles and SKUs as they stand on a date."""

    def __init__(self, *, today: dt.date, seed: int) -> None:
        self.today = today
        self.seasons = season_codes(today)
        self.styles = [self._style(row) for row in table("styles")]
        self.articles = self._articles(seed)
        self.by_code = {article.code: article for article in self.articles}

    def _style(self, row: dict[str, str]) -> Style:
        season, life = row["season"], row["life"]
        is_past = season in ("SS", "AW") and season != season_of(self.today)
        release = {"PLANNED": 75, "PREORDER": 12 + 9 * (row["brand"] == "YR")}.get(life)
        life_cycle = life if life in ("PLANNED", "DISCONTINUED") else "CLEARANCE" if is_past and not life else "ACTIVE"
        price = int(row["price"])
        return Style(
            code=row["style"],
            name=row["name"],
            brand=row["brand"],
            category=row["category"],
            season=season,
            tax_class=row["tax_class"],
            price=price,
            cost=price * int(row["cost_percent"]) // 110,
            supplier=row["supplier"],
            shape=row["shape"],
            popularity=int(row["popularity"]) * (0.35 if is_past else 1.0),
            life=life,
            life_cycle=life_cycle,
            season_code=self.seasons[season],
            release_date=None if release is None else self.today + dt.timedelta(days=release),
            row=row,
        )

    def _articles(self, seed: int) -> list[Article]:
        """Best sellers by Zipf: how often a style is wanted falls with its place, 1/(n + 2)."""
        chance = dice("ranks", seed)
        ranked = sorted(self.styles, key=lambda style: (-style.popularity * chance.uniform(0.7, 1.3), style.code))
        zipf = {style.code: 1 / (place + 3) for place, style in enumerate(ranked)}
        articles: list[Article] = []
        for style in self.styles:
            colors, sizes = style.row["colors"].split(), style.row["sizes"].split()
            curve = SIZE_CURVES[len(sizes)]
            shades = [1 / (place + 1.5) for place in range(len(colors))]
            whole = sum(curve) * sum(shades)
            for color, shade in zip(colors, shades, strict=True):
                for size, share in zip(sizes, curve, strict=True):
                    weight = zipf[style.code] * share * shade / whole if style.popularity else 0.0
                    code, body = f"{style.code}-{color}-{size}", f"20{len(articles) + 1:010}"
                    parts = _components(style.row["components"].format(color=color))
                    articles.append(Article(code, style, color, size, body + gtin_check_digit(body), weight, parts))
        return articles

    @property
    def stocked(self) -> list[Article]:
        """SKUs that have stock of their own."""
        return [article for article in self.articles if not article.components]

    def listed(self, brands: Sequence[str]) -> list[Article]:
        """What an EC site of these brands offers."""
        hidden = ("PLANNED", "DISCONTINUED")
        return [item for item in self.articles if item.style.brand in brands and item.style.life not in hidden]

    def product_file(self, *, since: dt.date) -> bytes:
        """The form in which products are imported, one row per SKU, prices and costs from ``since`` on."""
        text = io.StringIO()
        lines = csv.writer(text)
        lines.writerow(_COLUMNS)
        for article in self.articles:
            style, row = article.style, article.style.row
            lines.writerow(
                [
                    style.code, style.name, row["kana"], style.brand, style.season_code, style.category, style.supplier, style.tax_class,
                    style.life_cycle, style.release_date or "", row["material"], row["country_of_origin"], article.code, article.color,
                    article.size, article.jan, style.cost or "", since, style.price, since,
                ]
            )  # fmt: skip
        return text.getvalue().encode()

    def cost_file(self, *, since: dt.date) -> bytes:
        """Costs that rise on a date, for the styles of two suppliers."""
        text = io.StringIO()
        lines = csv.writer(text)
        lines.writerow(["style", "sku", "color", "size", "supplier", "cost", "cost_from"])
        for article in self.articles:
            if article.style.supplier in ("S04", "S08"):
                cost = self.cost_on(article, since, rises=since)
                lines.writerow(
                    [article.style.code, article.code, article.color, article.size, article.style.supplier, cost, since]
                )
        return text.getvalue().encode()

    def cost_on(self, article: Article, day: dt.date, *, rises: dt.date) -> Decimal:
        cost = Decimal(article.style.cost)
        if article.style.supplier in ("S04", "S08") and day >= rises:
            cost = (cost * COST_RISES_BY).quantize(Decimal(1))
        return cost


_COLUMNS = (
    "style", "name", "kana", "brand", "season", "category", "supplier", "tax_class", "life_cycle", "release_date", "material",
    "country_of_origin", "sku", "color", "size", "jan", "cost", "cost_from", "price", "price_from",
)  # fmt: skip


def _components(text: str) -> tuple[tuple[str, int], ...]:
    """As written in ``styles.csv``: SKU*pieces, parted by spaces."""
    pairs = (part.rsplit("*", 1) for part in text.split())
    return tuple((code, int(pieces)) for code, pieces in pairs)
