"""Why a site shows something else than we allow: judged from evidence alone, pure, so that each cause is a table of facts and a test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ec_gateway.models import ReconciliationRow

Cause = ReconciliationRow.Cause

# A push or a change that is younger than this is still on its way.
A_MOMENT = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Told:
    """What we know of telling the site about one SKU: the row of publishing, as it stood at the second reading."""

    shown: int | None
    shown_at: dt.datetime | None
    dirty_since: dt.datetime | None
    due_at: dt.datetime | None
    attempts: int
    error: str
    sent_at: dt.datetime | None
    recent: Sequence[int]
    edited_quantity: int | None
    edited_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Drift:
    """One SKU whose figures differ, read twice. ``missing`` are units of it in orders of the site that have not come in, per order."""

    ours_first: int
    theirs_first: int
    ours: int
    theirs: int
    told: Told | None
    is_kit: bool
    is_publishing: bool
    missing: Mapping[str, int] = field(default_factory=dict)


def judge(drift: Drift, *, at: dt.datetime) -> tuple[str, dict[str, Any]]:
    """The cause and its evidence. The first that the facts prove counts; what proves least comes last."""
    first = {"ours_first": drift.ours_first, "theirs_first": drift.theirs_first}
    told = drift.told
    if drift.ours == drift.theirs:
        return Cause.TIMING_ONLY, first
    if told is not None and _is_on_its_way(drift, told, at):
        return Cause.TIMING_ONLY, {**first, "waiting_since": _text(told.dirty_since), "sent_at": _text(told.sent_at)}
    if drift.missing and _explains(drift):
        return Cause.ORDER_NOT_IMPORTED, {"orders": dict(drift.missing), "units": sum(drift.missing.values())}
    if not drift.is_publishing:
        return Cause.PUBLISHING_OFF, {}
    if told is None:
        return Cause.UNSENT_PUSH, {"never_sent": True}
    return _judge_told(drift, told)


def _judge_told(drift: Drift, told: Told) -> tuple[str, dict[str, Any]]:
    """What the story of our own pushes says."""
    facts = {"shown": told.shown, "shown_at": _text(told.shown_at), "sent_at": _text(told.sent_at)}
    waiting = {**facts, "waiting_since": _text(told.dirty_since), "due_at": _text(told.due_at)}
    if told.edited_quantity == drift.theirs and not _is_overtaken(told):
        return Cause.SHOP_SIDE_EDIT, {**facts, "edited_at": _text(told.edited_at), "heard_by": "webhook"}
    if told.error or told.attempts:
        return Cause.PUSH_FAILED, {**waiting, "error": told.error, "attempts": told.attempts}
    if told.shown is None:
        return Cause.UNSENT_PUSH, {**waiting, "never_acknowledged": True}
    if drift.theirs != told.shown:
        return _not_as_told(drift, told, facts)
    if told.dirty_since is not None:
        return Cause.UNSENT_PUSH, waiting
    return (Cause.KIT_MISMATCH if drift.is_kit else Cause.CHANGE_NOT_MARKED), facts


def _not_as_told(drift: Drift, told: Told, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The site shows neither our figure nor the one it acknowledged."""
    recent = list(told.recent)
    if drift.theirs in recent:
        return Cause.WRITTEN_BY_OLDER_PUSH, {**facts, "pushed_lately": recent}
    return Cause.SHOP_SIDE_EDIT, {**facts, "pushed_lately": recent, "orders_not_here": dict(drift.missing)}


def _is_on_its_way(drift: Drift, told: Told, at: dt.datetime) -> bool:
    """Something moved a moment ago, and nothing says that it will not arrive."""
    if told.error or told.attempts:
        return False
    has_moved = (drift.ours, drift.theirs) != (drift.ours_first, drift.theirs_first)
    moments = [moment for moment in (told.dirty_since, told.sent_at, told.shown_at) if moment is not None]
    is_fresh = any(at - moment <= A_MOMENT for moment in moments)
    return is_fresh and (has_moved or (told.dirty_since is not None and at - told.dirty_since <= A_MOMENT))


def _explains(drift: Drift) -> bool:
    """Whether the site's figure is just what those orders leave of what we told it, or of what we allow."""
    units = sum(drift.missing.values())
    told = drift.told.shown if drift.told is not None else None
    return drift.theirs in (drift.ours - units, *([told - units] if told is not None else []))


def _is_overtaken(told: Told) -> bool:
    """A figure that the site acknowledged after the edit was heard of has replaced it."""
    return told.shown_at is not None and told.edited_at is not None and told.shown_at > told.edited_at


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
