"""What people call permissions. Django keeps their names in English, in the database."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Permission
from django.utils.translation import pgettext_lazy

PLAIN = {
    "add": pgettext_lazy("right", "add"),
    "change": pgettext_lazy("right", "change"),
    "delete": pgettext_lazy("right", "delete"),
    "view": pgettext_lazy("right", "view"),
}
OWN = {
    "reopen_period": pgettext_lazy("right", "reopen a closed period"),
    "see_costs": pgettext_lazy("right", "see costs, margins and the value of stock"),
    "see_amounts": pgettext_lazy("right", "see what sales amount to"),
    "analyse_sales": pgettext_lazy("right", "analyse sales"),
    "receive_stock": pgettext_lazy("right", "receive stock"),
    "adjust_stock": pgettext_lazy("right", "adjust stock"),
    "transfer_stock": pgettext_lazy("right", "transfer stock and record its arrival"),
    "count_stock": pgettext_lazy("right", "record a stock count"),
    "return_stock": pgettext_lazy("right", "return goods to a supplier"),
    "invoice_stock": pgettext_lazy("right", "book a supplier's invoice"),
    "all_locations": pgettext_lazy("right", "work with the stock of every location"),
    "read_messages": pgettext_lazy("right", "read what a channel sent"),
    "write_memo": pgettext_lazy("right", "leave a memo"),
}


def name_of(permission: Permission) -> str:
    """Of one right, without its table; as Django has it where nobody named it."""
    act, _sign, model = permission.codename.partition("_")
    is_plain = act in PLAIN and model == permission.content_type.model
    known = PLAIN.get(act) if is_plain else OWN.get(permission.codename)
    return str(known) if known is not None else permission.name


def told(permission: Permission) -> str:
    """With the room and the table in front, as it stands in a list of all."""
    kind = permission.content_type
    return f"{kind.app_labeled_name.replace(' | ', ' › ')}: {name_of(permission)}"


def by_table(permissions: Iterable[Permission]) -> list[tuple[str, list[str]]]:
    """The rights for each table, in the order in which they come. Give permissions with their content type."""
    found: dict[str, list[str]] = {}
    for permission in permissions:
        table = permission.content_type.app_labeled_name.replace(" | ", " › ")
        found.setdefault(table, []).append(name_of(permission))
    return list(found.items())
