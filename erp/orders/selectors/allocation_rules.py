"""How orders are allocated (引当ルール): the few rules of the company, and what they say of one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from erp.core import rows


@dataclass(frozen=True, slots=True)
class AllocationTerms:
    """What counts for one order. ``mode`` and ``overdue`` as in ``AllocationRule``; ``priority`` None: that of the channel."""

    mode: str
    days_before: int
    priority: int | None
    overdue: str
    overdue_days: int


@dataclass(frozen=True, slots=True)
class _Rule:
    channel_id: int | None
    order_type: str
    account_id: int | None
    mode: str
    days_before: int | None
    priority: int | None
    overdue: str
    overdue_days: int


DEFAULT = AllocationTerms("AT_ACCEPTANCE", 0, None, "KEEP", 0)


class AllocationRules:
    """All rules, the most particular first: account before kind of order before channel."""

    def __init__(self, found: Sequence[_Rule]) -> None:
        self._rules = sorted(found, key=lambda r: (r.account_id is None, not r.order_type, r.channel_id is None))

    @property
    def gives_up(self) -> bool:
        """Whether anything happens to orders whose money in advance is overdue."""
        return any(rule.overdue in ("RELEASE", "CANCEL") for rule in self._rules)

    def of(self, *, channel_id: int, order_type: str, account_id: int | None) -> AllocationTerms:
        """Each setting from the most particular rule that says something of it."""
        if not self._rules:
            return DEFAULT
        mine = [
            rule for rule in self._rules
            if rule.channel_id in (None, channel_id) and rule.order_type in ("", order_type)
            and rule.account_id in (None, account_id)
        ]  # fmt: skip
        when = next((rule for rule in mine if rule.mode), None)
        late = next((rule for rule in mine if rule.overdue), None)
        return AllocationTerms(
            mode=when.mode if when else DEFAULT.mode,
            days_before=(when.days_before or 0) if when else 0,
            priority=next((rule.priority for rule in mine if rule.priority is not None), None),
            overdue=late.overdue if late else DEFAULT.overdue,
            overdue_days=late.overdue_days if late else 0,
        )


_RULES = """
SELECT channel_id, order_type, account_id, mode, days_before, priority, overdue, overdue_days FROM orders_allocationrule
"""
_ROW = tuple[int | None, str, int | None, str, int | None, int | None, str, int]


def ask_allocation_rules() -> Callable[[], AllocationRules]:
    """As a question: call the result when its pipeline has been left."""
    answer = rows.ask(_RULES, row=_ROW)
    return lambda: AllocationRules([_Rule(*row) for row in answer.all()])


def allocation_rules() -> AllocationRules:
    return ask_allocation_rules()()
