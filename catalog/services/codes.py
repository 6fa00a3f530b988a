"""Other codes of a SKU: JAN and other GTINs, in-store codes, suppliers' and channels' codes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from catalog.exceptions import CodeTaken
from catalog.models import Sku, SkuCode
from catalog.services.announcing import announce_products
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.identifiers import classify_gtin, gtin_forms, gtin_key
from erp.core.use_case import use_case

GTIN_KINDS = {SkuCode.Kind.GTIN13, SkuCode.Kind.GTIN8, SkuCode.Kind.GTIN14, SkuCode.Kind.IN_STORE}


@use_case
def add_code(
    *,
    sku_code: str,
    kind: str,
    code: str,
    at: datetime,
    by: Actor,
    channel_id: int | None = None,
    supplier_id: int | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> SkuCode:
    """Give a SKU one more code. Repeatable: the same code of the same SKU is the one that exists.

    A GTIN of any kind is checked and filed under what it is: a code with an in-store prefix is marked as such, a UPC becomes a GTIN-14.
    With more or fewer leading zeros it is the same code.

    Raises:
        NotFound: no such SKU.
        InvalidInput: wrong check digit, empty code, a channel's code without its channel, an end before the start.
        CodeTaken: another SKU has it.
    """
    kind, code = _checked(kind, code, channel_id=channel_id, valid_from=valid_from, valid_to=valid_to)
    is_gtin = kind in GTIN_KINDS
    locks.hold(f"code:{gtin_key(code) if is_gtin else code}")
    sku = Sku.objects.filter(code=sku_code).first()
    if sku is None:
        raise NotFound(_("No such SKU: %(sku)s.") % {"sku": sku_code})
    key: dict[str, Any] = {"kind": kind, "code": code, "channel_id": channel_id, "supplier_id": supplier_id}
    same = dict(key)
    if is_gtin:
        same = {"kind__in": GTIN_KINDS, "code__in": gtin_forms(code)}
    existing = SkuCode.objects.filter(**same).select_related("sku").order_by("pk").first()
    if existing is not None and existing.sku_id != sku.pk:
        raise CodeTaken(_("%(code)s belongs to SKU %(sku)s.") % {"code": code, "sku": existing.sku.code})
    if existing is not None:
        return existing

    created = SkuCode.objects.create(sku=sku, **key, valid_from=valid_from, valid_to=valid_to)
    announce_products(product_ids=[sku.product_id], at=at, by=by)
    return created


def _checked(
    kind: str, code: str, *, channel_id: int | None, valid_from: date | None, valid_to: date | None
) -> tuple[str, str]:
    problems = []
    kind, code = SkuCode.Kind(kind).value, code.strip()
    if kind in GTIN_KINDS:
        if (classified := classify_gtin(code)) is None:
            detail = _("%(code)s is no GTIN: length or check digit is wrong.") % {"code": code}
            problems.append(Problem("/code", "bad_gtin", detail))
        else:
            kind, code = classified[0].value, classified[1]
    elif not code:
        problems.append(Problem("/code", "empty_code", _("The code is empty.")))
    if kind == SkuCode.Kind.CHANNEL and channel_id is None:
        problems.append(Problem("/channel_id", "channel_missing", _("A channel's code needs its channel.")))
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        problems.append(Problem("/valid_to", "ends_before_start", _("The code ends before it starts.")))
    if problems:
        raise InvalidInput(problems)
    return kind, code
