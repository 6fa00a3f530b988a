"""One owner per fact (唯一の正): who owns each field, how the other side gets it, and what a write by a non-owner meets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from erp.core.checks import Fault
from erp.core.errors import NotOwner, Problem


class Owner(StrEnum):
    MAMORI = "mamori"
    EC = "ec"


class Delivery(StrEnum):
    """How the side that does not own the fact gets it."""

    READ_API = "read_api"
    PUSH = "push"
    INTAKE = "intake"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Fact:
    asset: str
    field: str
    owner: Owner
    delivery: Delivery


_facts: dict[tuple[str, str], Fact] = {}


def register(asset: str, *, owner: Owner, delivery: Delivery, fields: Iterable[str]) -> None:
    """Declare who owns ``fields`` of ``asset``. Raises AssertionError when a field already has another owner."""
    for field in fields:
        fact = Fact(asset, field, owner, delivery)
        known = _facts.setdefault((asset, field), fact)
        if known != fact:
            raise AssertionError(f"{asset}.{field} has two owners: {known.owner} and {owner}")


def registered() -> list[Fact]:
    return sorted(_facts.values(), key=lambda fact: (fact.asset, fact.field))


@dataclass(frozen=True, slots=True)
class Trace:
    """How facts of an asset last went between Mamori and one site. ``at`` None: never yet. ``drift`` None: nothing compares them.

    ``drift_list`` names the list of the rows that differ, ``drift_query`` narrows it to them.
    """

    site: str
    what: str
    at: dt.datetime | None
    drift: int | None = None
    drift_list: str = ""
    drift_query: str = ""


_traces: dict[tuple[str, Delivery], Callable[[], list[Trace]]] = {}


def register_traces(asset: str, delivery: Delivery, read: Callable[[], list[Trace]]) -> None:
    """Say how to find the last traffic of what goes this way. ``read`` asks a number of statements that does not grow with sites."""
    _traces[(asset, delivery)] = read


def traces_of(asset: str, delivery: Delivery) -> list[Trace]:
    """Nothing where nothing goes, or nobody knows."""
    read = _traces.get((asset, delivery))
    return [] if read is None else read()


def owner_of(asset: str, field: str) -> Owner:
    """Raises KeyError for a field nobody declared: an API field without an owner is a bug."""
    return _facts[(asset, field)].owner


def refuse_foreign_fields(asset: str, fields: Iterable[str], *, writer: Owner, others: Iterable[Problem] = ()) -> None:
    """Raises NotOwner naming every field that ``writer`` does not own, and who does; ``others`` are the other faults of the same input."""
    foreign = [field for field in fields if owner_of(asset, field) is not writer]
    if foreign:
        raise NotOwner(
            _("Fields that somebody else owns were sent; “errors” names them. Nothing was changed."),
            problems=[
                *(
                    Problem(f"/{field}", "not_owner", _("Owned by %(owner)s.") % {"owner": owner_of(asset, field)})
                    for field in foreign
                ),
                *others,
            ],
        )


# What Mamori owns is read or pushed, what the EC site owns is taken in; anything may stay where it is.
DIRECTIONS = {
    Owner.MAMORI: {Delivery.READ_API, Delivery.PUSH, Delivery.NEVER},
    Owner.EC: {Delivery.INTAKE, Delivery.NEVER},
}


def find_faults() -> Iterator[Fault]:
    """Facts whose direction does not fit their owner: somebody who does not own them would write them."""
    for number, fact in enumerate(registered(), start=1):
        if fact.delivery not in DIRECTIONS[fact.owner]:
            detail = f"owned by {fact.owner}, but delivered by {fact.delivery}"
            yield Fault("P8", "OWNERSHIP", number, f"{fact.asset}.{fact.field}", detail)
