"""What carriers are called and where a shopper follows a parcel. A carrier that is not named here is called as the channel or staff call it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Carrier:
    name: str
    tracking_url: str


_YAMATO = Carrier("ヤマト運輸", "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id={number}")
_SAGAWA = Carrier("佐川急便", "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={number}")
_POST = Carrier(
    "日本郵便",
    "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={number}&searchKind=S002&locale=ja",
)
_SEINO = Carrier("西濃運輸", "https://track.seino.co.jp/cgi-bin/gnpquery.pgm?GNPNO1={number}")
_FUKUYAMA = Carrier("福山通運", "https://corp.fukutsu.co.jp/situation/tracking_no_hunt/{number}")
CARRIERS = {
    "yamato": _YAMATO, "ヤマト": _YAMATO, "ヤマト運輸": _YAMATO, "クロネコヤマト": _YAMATO,
    "sagawa": _SAGAWA, "佐川": _SAGAWA, "佐川急便": _SAGAWA,
    "japanpost": _POST, "jp": _POST, "日本郵便": _POST, "ゆうパック": _POST,
    "seino": _SEINO, "西濃運輸": _SEINO,
    "fukuyama": _FUKUYAMA, "福山通運": _FUKUYAMA,
}  # fmt: skip


def carrier_name(code: str) -> str:
    known = CARRIERS.get(code.strip().lower())
    return known.name if known else code.strip()


def tracking_url(code: str, number: str) -> str:
    """Empty where nobody can say. Numbers are written with hyphens on slips and without them in addresses."""
    known, bare = CARRIERS.get(code.strip().lower()), number.replace("-", "").strip()
    return known.tracking_url.format(number=quote(bare, safe="")) if known and bare else ""
