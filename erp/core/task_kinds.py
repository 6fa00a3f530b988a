"""What kinds of tasks are called by people. Each app names its own in ``AppConfig.ready``; code and searches keep the short code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from erp.core.permissions import SEE_AMOUNTS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_labels: dict[str, StrOrPromise] = {}
_decided_with: dict[str, str] = {}
_worked_by: dict[str, tuple[str, ...]] = {}
_tell_amounts: set[str] = set()


def register(labels: Mapping[str, StrOrPromise], *, worked_by: Sequence[str], tells_amounts: bool = False) -> None:
    """A code that ends in an underscore names all kinds that begin with it; what follows stands behind its label. ``worked_by``: any of these
    permissions makes them somebody's work. What ``tells_amounts`` is for those only who may know what sales amount to."""
    _labels.update(labels)
    _worked_by.update(dict.fromkeys(labels, tuple(worked_by)))
    if tells_amounts:
        _tell_amounts.update(labels)


def hidden_from(user: Any) -> list[str]:
    """The kinds whose words tell amounts that this user may not know, families by the beginning they share."""
    return [] if user.has_perm(SEE_AMOUNTS) else sorted(_tell_amounts)


def any_of(kinds: Iterable[str]) -> Q:
    """Tasks of these kinds and families."""
    named = list(kinds)
    families = [Q(kind__startswith=kind) for kind in named if kind.endswith("_")]
    return reduce(or_, families, Q(kind__in=[kind for kind in named if not kind.endswith("_")]))


def is_any_of(kind: str, kinds: Iterable[str]) -> bool:
    return any(kind == each or (each.endswith("_") and kind.startswith(each)) for each in kinds)


def others_than_of(user: Any) -> list[str]:
    """The kinds that are the work of others only, families by the beginning they share. What nobody registered is everybody's."""
    return sorted(kind for kind, permissions in _worked_by.items() if not any(map(user.has_perm, permissions)))


def is_work_of(user: Any, kind: str) -> bool:
    """Whether this is the desk whose work it is: who else sees it does not say that it is done."""
    return not is_any_of(kind, others_than_of(user))


def register_decisions(permissions: Mapping[str, str]) -> None:
    """Kinds whose closing is a decision that lets something happen: who makes it needs this permission, and says why."""
    _decided_with.update(permissions)


def decided_with(kind: str) -> str:
    """The permission that closing such a task takes beside the general one; nothing for most kinds."""
    return _decided_with.get(kind, "")


def registered() -> dict[str, StrOrPromise]:
    return dict(_labels)


def label_of(kind: str) -> str:
    """The kind itself where nobody named it."""
    if kind in _labels:
        return str(_labels[kind])
    family, _sign, rest = kind.rpartition("_")
    known = _labels.get(f"{family}_")
    return f"{known} {rest}" if known else kind
