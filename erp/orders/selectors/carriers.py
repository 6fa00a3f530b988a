"""What carriers are called, how they are written by channels and people, and where a shopper follows a parcel.

A carrier that is not named here is called as the channel or staff call it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from erp.orders.models.carriers import Carrier as WithLabels


@dataclass(frozen=True, slots=True)
class Carrier:
    """``code`` is what ``carrier`` of a document says; ``spellings`` are further ones that are met, in small letters of ordinary width."""

    code: str
    name: str
    tracking_url: str
    spellings: tuple[str, ...] = ()


CARRIERS = (
    Carrier(
        WithLabels.YAMATO.value, "ヤマト運輸", "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id={number}",
        ("ヤマト", "クロネコヤマト", "クロネコ", "宅急便", "kuroneko", "yamato transport"),
    ),
    Carrier(
        WithLabels.SAGAWA.value, "佐川急便", "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={number}",
        ("佐川", "飛脚宅配便", "sagawa express"),
    ),
    Carrier(
        WithLabels.JAPAN_POST.value, "日本郵便",
        "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={number}&searchKind=S002&locale=ja",
        ("jp", "japan_post", "japan post", "ゆうパック", "郵便局"),
    ),
    Carrier("seino", "西濃運輸", "https://track.seino.co.jp/cgi-bin/gnpquery.pgm?GNPNO1={number}", ("西濃", "カンガルー便")),
    Carrier("fukuyama", "福山通運", "https://corp.fukutsu.co.jp/situation/tracking_no_hunt/{number}", ("福山",)),
)  # fmt: skip
_BY_SPELLING = {
    spelling: carrier for carrier in CARRIERS for spelling in (carrier.code, carrier.name, *carrier.spellings)
}


def known_carrier(text: str) -> Carrier | None:
    """The carrier that is meant; None for one that nobody named here."""
    return _BY_SPELLING.get(unicodedata.normalize("NFKC", text).strip().lower())


def carrier_of(text: str) -> str:
    """The code of the carrier that is meant; the text itself for one that is not named here."""
    known = known_carrier(text)
    return known.code if known else text.strip()


def spellings_of(code: str) -> list[str]:
    """Everything that documents may say for this carrier."""
    return [spelling for spelling, carrier in _BY_SPELLING.items() if carrier.code == code]


def carrier_name(text: str) -> str:
    known = known_carrier(text)
    return known.name if known else text.strip()


def is_another_carrier(before: str, after: str) -> bool:
    """Whether both are said and name two carriers, however they are written."""
    return bool(before.strip() and after.strip()) and carrier_of(before) != carrier_of(after)


def carrier_and_before(before: str, after: str) -> str:
    """What the history of an order says of a parcel's carrier; who was to carry it before, where that is another."""
    return f"{carrier_name(before)} → {carrier_name(after)}" if is_another_carrier(before, after) else after


def tracking_url(text: str, number: str) -> str:
    """Empty where nobody can say. Numbers are written with hyphens on slips and without them in addresses."""
    known, bare = known_carrier(text), number.replace("-", "").strip()
    return known.tracking_url.format(number=quote(bare, safe="")) if known and bare else ""
