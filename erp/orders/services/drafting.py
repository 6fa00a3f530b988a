"""From an order as sent to an order as recorded (pure once the context is read): prices, payments, reasons to wait, rows to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _

from accounting.selectors import PaymentRoutes, ask_payment_routes
from catalog.selectors import SkuFacts, ask_sku_facts, sku_facts, skus_by_channel_code
from customers.selectors import AccountTerms, accounts_by_code
from erp.core import messages, rows
from erp.core.clock import business_date, written_day
from erp.core.errors import NotFound
from erp.core.models import Channel, TaxClass
from erp.core.money import COMPANY_CURRENCY, ZERO, Rounding, written
from erp.core.selectors import ask_tax_rates
from erp.core.tax import Rate, RateTotal, rate_on
from erp.orders.models import AllocationRule, OrderHold, OrderPayment, OrderWait, PaymentMethod, PaymentStatus
from erp.orders.selectors.allocation_rules import DEFAULT, AllocationRules, AllocationTerms, ask_allocation_rules
from erp.orders.services.amounts import Item, PricedOrder, price_order
from erp.orders.services.documents import DeliveryInput, LineInput, OrderInput, PaymentInput

Reason = OrderHold.Reason


@dataclass(frozen=True, slots=True)
class Context:
    """What the company knows that the orders of one call need. Read once per call, whatever the number of orders."""

    channel: Channel
    rates: Sequence[Rate]
    routes: PaymentRoutes
    skus: Mapping[str, SkuFacts]
    channel_codes: Mapping[str, str]
    accounts: Mapping[str, AccountTerms]
    rules: AllocationRules


@dataclass(frozen=True, slots=True)
class PaymentDraft:
    """``goes_on`` is the recorded payment that an amendment goes on with (see ``carrying``)."""

    payment: PaymentInput
    role: str
    counterparty_id: int | None
    party_label: str
    must_be_paid_first: bool
    is_in_books: bool = True
    goes_on: OrderPayment | None = None

    @property
    def here(self) -> Decimal:
        """Money that was received on it under earlier revisions."""
        return self.goes_on.attached_amount if self.goes_on else ZERO

    @property
    def received(self) -> Decimal:
        """What the books take as received: nothing while the order waits for its currency. A revision takes back nothing of what is here."""
        is_received = self.payment.status in (PaymentStatus.CAPTURED, PaymentStatus.PAID)
        stated = self.payment.amount if is_received and self.is_in_books else ZERO
        return max(stated, self.here)

    @property
    def to_post(self) -> Decimal:
        """What is not in the books yet: money that came before its route was set up has waited for it."""
        is_posted = self.goes_on is not None and bool(self.goes_on.role)
        return self.received - self.here if is_posted else self.received


@dataclass(slots=True)
class Draft:
    """One order on its way in. ``holds`` maps each reason to wait to its words."""

    order: OrderInput
    canonical: str
    fingerprint: str
    channel: Channel
    order_date: dt.date
    lines: list[tuple[LineInput, SkuFacts | None, Rate]]
    fee_rates: list[Rate]
    priced: PricedOrder | None
    account: AccountTerms | None
    payments: list[PaymentDraft]
    deliveries: tuple[DeliveryInput, ...]
    holds: dict[str, str] = field(default_factory=dict)
    customer_record_id: int | None = None
    order_id: int = 0
    number: str = ""
    terms: AllocationTerms = DEFAULT
    # The day on which it was told, which may be a later one than that of the order.
    told_on: dt.date = dt.date.min
    # What staff gave this very order.
    own_priority: int | None = None
    # An order that was allocated by hand, or when its day had come, is not put back by a revision.
    was_allocated: bool = False
    # Its reservation was given up for money that is overdue, and is by this revision too.
    is_overdue: bool = False

    @property
    def may_reserve(self) -> bool:
        """A credit stop keeps goods from being promised, and so does money that is overdue; every other reason to wait keeps them for the order."""
        return Reason.CREDIT_EXCEEDED not in self.holds and self.waits_for is None and not self.is_overdue

    @property
    def waits_for(self) -> tuple[str, dt.date | None] | None:
        """Why stock is not reserved yet, and on which day it is by itself. A buyer whose pieces are held already gets them at once."""
        if self.order.hold_ref or self.was_allocated:
            return None
        if self.terms.mode == AllocationRule.Mode.BY_HAND:
            return OrderWait.Reason.BY_HAND.value, None
        wishes = [delivery.wish_date for delivery in self.deliveries if delivery.wish_date]
        if self.terms.mode == AllocationRule.Mode.BEFORE_WISHED_DATE and wishes:
            due_on = min(wishes) - dt.timedelta(days=self.terms.days_before)
            has_come = due_on <= max(self.order_date, self.told_on)
            return None if has_come else (OrderWait.Reason.WISHED_DATE.value, due_on)
        return None

    @property
    def priority(self) -> int:
        """A smaller number keeps its pieces longer."""
        if self.own_priority is not None:
            return self.own_priority
        return self.channel.default_priority if self.terms.priority is None else self.terms.priority

    @property
    def component_ids(self) -> list[int]:
        """The SKUs whose pieces the order takes from stock."""
        known = (facts for _line, facts, _rate in self.lines if facts is not None)
        return sorted({sku_id for facts in known for sku_id, _per_unit in facts.components})

    @property
    def credit_amount(self) -> Decimal:
        if Reason.CURRENCY in self.holds:
            return ZERO  # limits are in yen
        return sum(
            (draft.payment.amount for draft in self.payments if draft.payment.method == PaymentMethod.ON_ACCOUNT), ZERO
        )

    @property
    def ship_after(self) -> dt.date | None:
        """The day to ship so that the earliest wished date is met."""
        return _ship_after(self.deliveries)


_CHANNEL_FIELDS = (
    "id", "code", "kind", "department_id", "currency", "tax_rounding", "revenue_basis", "default_priority",
)  # fmt: skip
_CHANNEL = f"SELECT {', '.join(_CHANNEL_FIELDS)} FROM core_channel WHERE code = %s AND is_active"  # noqa: S608
_CHANNEL_ROW = tuple[int, str, str, int | None, str, str, str, int]


def ask_context(channel_code: str, orders: Iterable[OrderInput]) -> Callable[[], Context]:
    """Ask for all of it at once; call the result when the pipeline has been left. That raises NotFound for a channel that does not
    exist or was switched off."""
    wanted = list(orders)
    lines = [line for order in wanted for line in order.lines]
    channel = rows.ask(_CHANNEL, [channel_code], row=_CHANNEL_ROW)
    rates, routes, rules = ask_tax_rates(), ask_payment_routes(), ask_allocation_rules()
    skus = ask_sku_facts({line.sku for line in lines if line.sku})

    def context() -> Context:
        found = channel.all()
        if not found:
            raise NotFound(_("The sales channel “%(code)s” does not exist or is off.") % {"code": channel_code})
        its = Channel(**dict(zip(_CHANNEL_FIELDS, found[0], strict=True)))
        item_codes = {line.channel_item_code for line in lines if line.channel_item_code and not line.sku}
        channel_codes = skus_by_channel_code(its.pk, item_codes) if item_codes else {}
        account_codes = {order.account_code for order in wanted if order.account_code}
        return Context(
            channel=its,
            rates=rates(),
            routes=routes(),
            skus={**skus(), **(sku_facts(channel_codes.values()) if channel_codes else {})},
            channel_codes=channel_codes,
            accounts=accounts_by_code(account_codes) if account_codes else {},
            rules=rules(),
        )

    return context


def draft_order(order: OrderInput, context: Context) -> Draft:
    """Decide everything that needs no lock. Never fails for a well-formed order: what is odd becomes a reason to wait."""
    holds: dict[str, str] = {}
    _judge_currency(order, context.channel, holds)
    order_date = business_date(order.ordered_at)
    known = [
        context.skus.get(line.sku or context.channel_codes.get(line.channel_item_code, "")) for line in order.lines
    ]
    deliveries = order.deliveries or (DeliveryInput(),)
    taxed_on = max([order_date, *_days_to_wait_for(known, deliveries)])
    lines = [_draft_line(line, facts, taxed_on, context, holds) for line, facts in zip(order.lines, known, strict=True)]
    fee_rates = [_rate(fee.tax_class, None, taxed_on, context, holds) for fee in order.fees]
    account = context.accounts.get(order.account_code)
    if order.account_code and (account is None or not account.is_active):
        holds[Reason.UNKNOWN_ACCOUNT] = order.account_code
    priced = _price(order, lines, fee_rates, context.channel, account, holds)
    payments = _draft_payments(order, priced, account, context, holds)
    if order.customer_note.strip():
        holds[Reason.CUSTOMER_NOTE] = order.customer_note.strip()[:300]
    _judge_addresses(deliveries, holds)
    canonical = order.canonical()
    return Draft(
        order=order,
        canonical=canonical,
        fingerprint=messages.fingerprint(messages.Encoded(canonical)),
        channel=context.channel,
        order_date=order_date,
        lines=lines,
        fee_rates=fee_rates,
        priced=priced,
        account=account,
        payments=payments,
        deliveries=deliveries,
        holds=holds,
        terms=context.rules.of(
            channel_id=context.channel.pk,
            order_type=order.order_type,
            account_id=account.account_id if account else None,
        ),
    )


def _judge_currency(order: OrderInput, channel: Channel, holds: dict[str, str]) -> None:
    """Stock is carried in the company's currency, so a sale in another one cannot be posted beside its cost."""
    if not order.currency == channel.currency == COMPANY_CURRENCY:
        holds[Reason.CURRENCY] = _("Sent in %(theirs)s; the channel sells in %(ours)s, the books are in %(books)s.") % {
            "theirs": order.currency,
            "ours": channel.currency,
            "books": COMPANY_CURRENCY,
        }


def _ship_after(deliveries: Iterable[DeliveryInput]) -> dt.date | None:
    wishes = [delivery.wish_date for delivery in deliveries if delivery.wish_date]
    return min(wishes) - dt.timedelta(days=settings.SHIP_DAYS_BEFORE_WISH) if wishes else None


def _days_to_wait_for(known: Iterable[SkuFacts | None], deliveries: Iterable[DeliveryInput]) -> Iterator[dt.date]:
    """Days before which the order will not leave, as far as they are known: tax is at the rate of the day on which goods leave."""
    yield from (facts.release_date for facts in known if facts and facts.release_date)
    if ship_after := _ship_after(deliveries):
        yield ship_after


def _draft_line(
    line: LineInput, facts: SkuFacts | None, on: dt.date, context: Context, holds: dict[str, str]
) -> tuple[LineInput, SkuFacts | None, Rate]:
    if facts is None:
        named = line.sku or line.channel_item_code or line.name
        holds[Reason.UNKNOWN_SKU] = ", ".join(filter(None, [holds.get(Reason.UNKNOWN_SKU, ""), named]))[:300]
    own_class = facts.tax_class if facts else TaxClass.STANDARD.value
    if facts and line.tax_class and line.tax_class != own_class:
        holds[Reason.TAX_RATE] = _("%(sku)s is %(ours)s here, sent as %(theirs)s.") % {
            "sku": facts.code,
            "ours": TaxClass(own_class).label,
            "theirs": TaxClass(line.tax_class).label,
        }
    return line, facts, _rate(line.tax_class or own_class, line.tax_percent, on, context, holds)


def _rate(tax_class: str, percent: Decimal | None, on: dt.date, context: Context, holds: dict[str, str]) -> Rate:
    try:
        rate = rate_on(context.rates, tax_class=tax_class, on=on)
    except LookupError:
        # A class that did not exist yet, such as the reduced rate before October 2019.
        rate = rate_on(context.rates, tax_class=TaxClass.STANDARD, on=on)
        holds[Reason.TAX_RATE] = _("%(tax_class)s has no rate on %(date)s; the standard rate was used.") % {
            "tax_class": TaxClass(tax_class).label,
            "date": written_day(on),
        }
    if percent is not None and percent != rate.percent:
        holds[Reason.TAX_RATE] = _("%(ours)s%% is in force, %(theirs)s%% was sent.") % {
            "ours": f"{rate.percent.normalize():f}",
            "theirs": f"{percent.normalize():f}",
        }
    return rate


def _price(
    order: OrderInput,
    lines: Sequence[tuple[LineInput, SkuFacts | None, Rate]],
    fee_rates: Sequence[Rate],
    channel: Channel,
    account: AccountTerms | None,
    holds: dict[str, str],
) -> PricedOrder | None:
    unknown = order.total is None or any(line.unit_price is None for line in order.lines)
    if unknown or any(fee.amount is None for fee in order.fees):
        holds[Reason.AMOUNT_UNKNOWN] = ""
        return None
    rounding = Rounding(account.tax_rounding if account else channel.tax_rounding)
    priced = price_order(order, lines=[rate for _line, _facts, rate in lines], fees=fee_rates, rounding=rounding)
    if priced.problem:
        holds[Reason.TOTAL_MISMATCH] = _mismatch(order, priced)
    return priced


def _mismatch(order: OrderInput, priced: PricedOrder) -> str:
    """The figures that disagree, so that staff see at once what to ask."""
    figures = {
        "ours": priced.total,
        "theirs": order.total,
        "due": priced.total - priced.third_party,
        "stated_due": order.amount_due,
        "paid": sum((payment.amount for payment in order.payments), ZERO),
    }
    told = {name: "–" if amount is None else written(amount) for name, amount in figures.items()}
    return _("Computed %(ours)s, sent %(theirs)s; due %(due)s, sent %(stated_due)s; payments %(paid)s.") % told


def _draft_payments(
    order: OrderInput,
    priced: PricedOrder | None,
    account: AccountTerms | None,
    context: Context,
    holds: dict[str, str],
) -> list[PaymentDraft]:
    payments = list(order.payments) or _implied_payments(order, priced, account, context.channel, holds)
    for adjustment in order.adjustments:
        if adjustment.funded_by != "SHOP" and adjustment.amount:
            method = PaymentMethod.MALL if adjustment.funded_by == "MALL" else PaymentMethod.FUNDER
            payments.append(
                PaymentInput(method, adjustment.amount, PaymentStatus.AUTHORIZED, provider=adjustment.funded_by.lower())
            )
    return [_route(payment, context, holds) for payment in payments]


def _implied_payments(
    order: OrderInput,
    priced: PricedOrder | None,
    account: AccountTerms | None,
    channel: Channel,
    holds: dict[str, str],
) -> list[PaymentInput]:
    """What an order without payments means: on account for an account, through the mall at a mall, cash in a shop."""
    due = priced.total - priced.third_party if priced else order.total
    if not due:
        return []
    if account is not None or order.account_code:
        return [PaymentInput(PaymentMethod.ON_ACCOUNT, due)]
    if channel.kind == Channel.Kind.MALL:
        return [PaymentInput(PaymentMethod.MALL, due, PaymentStatus.AUTHORIZED)]
    if channel.kind == Channel.Kind.SHOP:
        return [PaymentInput(PaymentMethod.CASH, due, PaymentStatus.PAID)]
    holds[Reason.NO_PAYMENT_ROUTE] = _("The order says nothing of payment.")
    return []


def _route(payment: PaymentInput, context: Context, holds: dict[str, str]) -> PaymentDraft:
    if payment.status == PaymentStatus.FAILED:
        holds[Reason.PAYMENT_FAILED] = payment.reference
    route = context.routes.find(context.channel.pk, payment.method, payment.provider)
    if route is None and payment.method != PaymentMethod.NONE:
        holds[Reason.NO_PAYMENT_ROUTE] = f"{payment.method} {payment.provider}".strip()
    if route is None:
        return PaymentDraft(payment, "", None, "", False, Reason.CURRENCY not in holds)
    party = route.party
    return PaymentDraft(
        payment,
        route.role,
        party.id if party else None,
        party.label if party else "",
        route.must_be_paid_first,
        Reason.CURRENCY not in holds,
    )


def _judge_addresses(deliveries: Iterable[DeliveryInput], holds: dict[str, str]) -> None:
    """An address that a carrier would send back: something was given, but not enough of it."""
    for delivery in deliveries:
        parts = (delivery.postal_code, delivery.prefecture, delivery.city, delivery.street)
        if any(parts) and not delivery.pickup_point and not (delivery.prefecture and delivery.city and delivery.street):
            holds[Reason.SUSPICIOUS_ADDRESS] = " ".join(filter(None, parts))[:300]


def priced_lines(draft: Draft) -> list[Item | None]:
    return list(draft.priced.lines) if draft.priced else [None] * len(draft.lines)


def priced_fees(draft: Draft) -> list[Item | None]:
    return list(draft.priced.fees) if draft.priced else [None] * len(draft.fee_rates)


def tax_totals(draft: Draft) -> Sequence[RateTotal]:
    return draft.priced.totals if draft.priced else ()
