"""Questions to the chart: which account plays a role, whose money a payment method brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from accounting.models import AccountRole, Counterparty, LedgerAccount, PartyKind
from erp.core import rows
from erp.core import selectors as core
from erp.core.tax import Rate, rate_on


@dataclass(frozen=True, slots=True)
class Party:
    """Who stands behind a posting. ``kind`` is a ``PartyKind``; ``label`` is what screens print."""

    kind: str
    id: int
    label: str


@dataclass(frozen=True, slots=True)
class Route:
    """``role`` is where the money is owed or kept; ``party`` owes it, or is None when the bill-to or nobody does."""

    role: str
    party: Party | None
    must_be_paid_first: bool


class PaymentRoutes:
    """All payment routes, read once. The most specific answers: a channel's own before everyone's, a provider's before any."""

    def __init__(self, routes: Mapping[tuple[int | None, str, str], Route]) -> None:
        self._routes = routes

    def find(self, channel_id: int, method: str, provider: str = "") -> Route | None:
        """None when nobody said where money of this method comes from; the order then waits for staff."""
        method, provider = method.upper(), provider.upper()
        for channel in (channel_id, None):
            for wanted in dict.fromkeys((provider, "")):
                if route := self._routes.get((channel, method, wanted)):
                    return route
        return None


_ROUTES = """
SELECT route.channel_id, upper(route.method), upper(route.provider), route.role, route.must_be_paid_first, party.id, party.name
FROM accounting_paymentroute route LEFT JOIN accounting_counterparty party ON party.id = route.counterparty_id
"""


def payment_routes() -> PaymentRoutes:
    return ask_payment_routes()()


def ask_payment_routes() -> Callable[[], PaymentRoutes]:
    """The same as a question: call the result when its pipeline has been left."""
    answer = rows.ask(_ROUTES, row=tuple[int | None, str, str, str, bool, int | None, str | None])

    def routes() -> PaymentRoutes:
        found = {}
        for channel_id, method, provider, role, first, party_id, name in answer.all():
            party = Party(PartyKind.COUNTERPARTY.value, party_id, name) if party_id is not None else None
            found[channel_id, method, provider] = Route(role, party, first)
        return PaymentRoutes(found)

    return routes


def counterparty_party(counterparty: Counterparty) -> Party:
    return Party(PartyKind.COUNTERPARTY.value, counterparty.pk, counterparty.name)


def counterparties() -> dict[str, Party]:
    """Providers, carriers, malls and agents by their code."""
    return {item.code: counterparty_party(item) for item in Counterparty.objects.all()}


def account_of(role: str) -> LedgerAccount:
    """The account that plays ``role``. Raises AccountRole.DoesNotExist: an unknown role is a bug or a chart that was never loaded."""
    return AccountRole.objects.select_related("account").get(role=role).account


def tax_rate(*, code: str = "", on: date) -> Rate:
    """The rate called ``code``, or the standard one of the day. Raises LookupError when there is none."""
    rates = core.tax_rates()
    if not code:
        return rate_on(rates, tax_class="STANDARD", on=on)
    for rate in rates:
        if rate.code == code:
            return rate
    raise LookupError(f"no tax rate {code}")
