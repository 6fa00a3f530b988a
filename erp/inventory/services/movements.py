"""Movements on locked rows: the one place where ``on_hand`` and stock value change. Internal to ``services``.

A ``Booking`` collects the movements of one use-case in order, carrying quantity and value along, and writes ledger, balances and cost rows at
once. The value is carried, not the unit cost: ``value × pieces / pieces of the pool``, rounded, and the last piece takes the rest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from catalog.models import Sku
from erp.core import changes, rows
from erp.core.clock import business_date
from erp.core.money import ZERO, round_fraction, share_of
from erp.inventory.exceptions import InsufficientStock, Shortage
from erp.inventory.models import StockMovement
from erp.inventory.services import balances, standards
from erp.inventory.services.balances import Balance, BalanceKey, Cost, CostKey


@dataclass(frozen=True, slots=True)
class Came:
    """Pieces that a line of a document brought to a balance, and what they are worth."""

    document_id: int
    line_no: int
    key: BalanceKey
    pieces: int
    value: Decimal


class Booking:
    """The movements of one use-case, on rows that are locked."""

    def __init__(
        self,
        locked: Mapping[BalanceKey, Balance],
        costs: Mapping[CostKey, Cost],
        *,
        occurred_at: dt.datetime,
        at: dt.datetime,
        channel_id: int | None = None,
    ) -> None:
        self._balances = locked
        self._costs = costs
        self._occurred_at, self._at, self._channel_id = occurred_at, at, channel_id
        self._rows: list[Sequence[object]] = []
        self.came: list[Came] = []
        self._on_hand: dict[BalanceKey, int] = {}
        self._allocated: dict[BalanceKey, int] = {}
        self._movements: dict[BalanceKey, int] = {}
        self._pieces: dict[CostKey, int] = {}
        self._values: dict[CostKey, Decimal] = {}
        # Where the last movement of each pool stands, for what a standard cost makes of it.
        self._last: dict[CostKey, tuple[BalanceKey, int, int, dt.datetime]] = {}

    def happened(self, at: dt.datetime) -> None:
        """When the movements that follow happened, where one booking carries facts of several moments."""
        self._occurred_at = at

    def on_hand(self, key: BalanceKey) -> int:
        row = self._balances.get(key)
        return 0 if row is None else row.on_hand + self._on_hand.get(key, 0)

    def unclaimed(self, key: BalanceKey) -> int:
        row = self._balances.get(key)
        return 0 if row is None else self.on_hand(key) - row.allocated - self._allocated.get(key, 0)

    def stock_of_pool(self, key: CostKey) -> tuple[int, Decimal]:
        """Pieces and value of a SKU in a cost pool, as far as this booking has come."""
        row = self._costs.get(key)
        if row is None:
            return 0, ZERO
        return row.quantity + self._pieces.get(key, 0), row.value + self._values.get(key, ZERO)

    def account_role(self, key: BalanceKey) -> str:
        """The inventory account on which the value of the balance sits."""
        return self._costs[self._cost_key(key)].account_role

    def cost_pool(self, key: BalanceKey) -> int:
        return self._balances[key].cost_pool_id

    def average_value(self, key: BalanceKey, pieces: int) -> Decimal:
        """What ``pieces`` of the balance are worth at moving average; all of them: everything that is left."""
        quantity, value = self.stock_of_pool(self._cost_key(key))
        if pieces == quantity or not pieces:
            return value if pieces else ZERO
        return share_of(value, pieces, quantity)

    def was_counted_since(self, key: BalanceKey, moment: dt.datetime) -> bool:
        """Whether somebody counted the balance at or after a moment."""
        row = self._balances.get(key)
        return row is not None and row.last_counted_at is not None and row.last_counted_at >= moment

    def pieces_before(self, key: BalanceKey) -> int:
        """What the pool of the balance held of the SKU before this booking."""
        return self._costs[self._cost_key(key)].quantity

    def average_cost(self, key: BalanceKey) -> Fraction | None:
        """The exact average of a piece in the pool, None when it holds none."""
        quantity, value = self.stock_of_pool(self._cost_key(key))
        return Fraction(value) / quantity if quantity else None

    def off_standard(self, key: BalanceKey) -> Decimal:
        """What the pool of the balance lacks of its standard cost (negative: has too much); nothing at moving average."""
        cost_key = self._cost_key(key)
        standard = self._costs[cost_key].standard
        if standard is None:
            return ZERO
        quantity, value = self.stock_of_pool(cost_key)
        return round_fraction(Fraction(standard) * quantity) - value

    def is_at_standard(self, key: BalanceKey) -> bool:
        return self._costs[self._cost_key(key)].standard is not None

    def value_within(self, key: BalanceKey, pieces: int, wished: Decimal) -> Decimal:
        """The value that ``pieces`` may leave with when ``wished`` for: all of what is left with the last piece, never more than there is."""
        quantity, value = self.stock_of_pool(self._cost_key(key))
        return value if pieces == quantity else min(wished, value)

    def claim(self, key: BalanceKey, pieces: int) -> None:
        """Raise ``allocated`` of a balance (lower it with a negative number), together with the movements."""
        self._allocated[key] = self._allocated.get(key, 0) + pieces

    def move(
        self,
        key: BalanceKey,
        pieces: int,
        *,
        value: Decimal,
        document_id: int,
        document_line: int,
        reason_id: int | None = None,
        is_news: bool = True,
    ) -> None:
        """One movement: ``pieces`` and ``value`` are signed alike, in positive, out negative. What is no news only explains a count: it did not
        come now."""
        cost_key = self._cost_key(key)
        self._on_hand[key] = self._on_hand.get(key, 0) + pieces
        self._movements[key] = self._movements.get(key, 0) + 1
        self._pieces[cost_key] = self._pieces.get(cost_key, 0) + pieces
        self._values[cost_key] = self._values.get(cost_key, ZERO) + value
        self._last[cost_key] = (key, document_id, document_line, self._occurred_at)
        if pieces > 0 and is_news:
            self.came.append(Came(document_id, document_line, key, pieces, value))
        self._rows.append(
            (
                document_id,
                key[0],
                key[1],
                pieces,
                self._balances[key].balance_seq + self._movements[key],
                self.on_hand(key),
                value,
                document_line,
                reason_id,
                self._channel_id,
                self._occurred_at,
                self._at,
            )
        )

    def take(
        self,
        key: BalanceKey,
        pieces: int,
        *,
        document_id: int,
        document_line: int,
        reason_id: int | None = None,
    ) -> Decimal:
        """Pieces out at moving average. Returns their value, positive."""
        value = self.average_value(key, pieces)
        self.move(key, -pieces, value=-value, document_id=document_id, document_line=document_line, reason_id=reason_id)
        return value

    def write(self, *, batch: rows.Batch | None = None) -> None:
        """Everything at once, or with the writes of a ``batch``. Ledger first, so that a row that may not move is refused before anything
        is counted. A pool that is kept at standard cost stays there: what came at another cost is a variance, posted here."""
        own = rows.Batch() if batch is None else batch
        variances = self._keep_standards()
        own.insert(StockMovement, _MOVEMENT_COLUMNS, self._rows)
        if stirred := list({**self._on_hand, **self._allocated}):
            own.add(
                _UPDATE_BALANCES,
                [
                    [self._balances[key].id for key in stirred],
                    [self._on_hand.get(key, 0) for key in stirred],
                    [self._allocated.get(key, 0) for key in stirred],
                    [self._movements.get(key, 0) for key in stirred],
                ],
            )
        if self._pieces:
            own.add(
                _UPDATE_COSTS,
                [
                    [self._costs[key].id for key in self._pieces],
                    list(self._pieces.values()),
                    list(self._values.values()),
                ],
            )
        changes.record(topic="stock", keys=[sku_id for sku_id, _location in stirred], batch=own)
        if batch is None:
            own.run()
        standards.post_variances(variances, at=self._at)

    def _keep_standards(self) -> list[standards.Variance]:
        """Bring what was touched back to its standard cost, by movements of value alone under the documents that moved it last."""
        variances = []
        for key, document_id, line, occurred_at in list(self._last.values()):
            if off := self.off_standard(key):
                self.happened(occurred_at)
                self.move(key, 0, value=off, document_id=document_id, document_line=line)
                variances.append(
                    standards.Variance(document_id, business_date(occurred_at), self.account_role(key), off)
                )
        return variances

    def _cost_key(self, key: BalanceKey) -> CostKey:
        return key[0], self._balances[key].cost_pool_id


_MOVEMENT_COLUMNS = (
    "document_id",
    "sku_id",
    "location_id",
    "quantity",
    "balance_seq",
    "on_hand_after",
    "value",
    "document_line",
    "reason_id",
    "channel_id",
    "occurred_at",
    "recorded_at",
)

_UPDATE_BALANCES = """
UPDATE inventory_stockbalance b
SET on_hand = b.on_hand + n.on_hand, allocated = b.allocated + n.allocated, balance_seq = b.balance_seq + n.movements, version = b.version + 1
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[]) AS n (id, on_hand, allocated, movements) WHERE b.id = n.id
"""

_UPDATE_COSTS = """
UPDATE inventory_costbalance c SET quantity = c.quantity + n.quantity, value = c.value + n.value, version = c.version + 1
FROM unnest(%s::bigint[], %s::int[], %s::numeric[]) AS n (id, quantity, value) WHERE c.id = n.id
"""


def open_booking(
    keys: Iterable[BalanceKey],
    *,
    arriving: Iterable[BalanceKey] = (),
    occurred_at: dt.datetime,
    at: dt.datetime,
    channel_id: int | None = None,
    claiming: Collection[int] = (),
) -> Booking:
    """Lock the balances that pieces leave (``keys``) and arrive on (created where missing), then their cost rows. Expired holds on them are
    released, so whoever opens a booking writes it.

    ``claiming``: SKUs of which the caller will claim pieces too, so that quotas are locked before cost rows.
    """
    arrivals = list(arriving)
    balances.ensure(arrivals)
    locked = balances.lock([*keys, *arrivals], at=at)
    expired = balances.release_expired_holds(locked.values(), at=at)
    if claiming:
        balances.lock_quotas(claiming)
    costs = balances.lock_costs(
        {(key[0], row.cost_pool_id) for key, row in locked.items()}, create=bool(arrivals), on=business_date(at)
    )
    booking = Booking(locked, costs, occurred_at=occurred_at, at=at, channel_id=channel_id)
    for key, pieces in expired.items():
        booking.claim(key, -pieces)
    return booking


def refuse_shortage(wanted: Mapping[BalanceKey, int], booking: Booking) -> None:
    """Raises InsufficientStock naming every SKU of which a place has fewer free pieces than ``wanted``."""
    short = {key: pieces for key, pieces in wanted.items() if pieces > booking.unclaimed(key)}
    if short:
        codes = dict(Sku.objects.filter(pk__in={sku_id for sku_id, _location in short}).values_list("pk", "code"))
        raise InsufficientStock(
            [Shortage(key[0], codes[key[0]], pieces, booking.unclaimed(key)) for key, pieces in sorted(short.items())]
        )
