"""Who would get what of a distribution to orders: how an account's pieces go to the lines of its orders, and what stays short. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from erp.inventory.services import in_turn, within_wants
from erp.orders.models import OrderDistribution
from erp.orders.selectors import OpenWant, lacking_of, open_wants

Cells = Mapping[tuple[int, int], int]
"""(SKU, account) → pieces"""


Rule = OrderDistribution.Rule


def propose(*, rule: str, free: Mapping[int, int], wants: Sequence[OpenWant], account_ids: Sequence[int]) -> Cells:
    """Who gets how much of the ``free`` pieces of each SKU by a rule; nobody more than the own orders lack."""
    cells: dict[tuple[int, int], int] = {(sku_id, account_id): 0 for sku_id in free for account_id in account_ids}
    lacking = dict(cells)
    for want in wants:
        lacking[want.sku_id, want.account_id] = lacking.get((want.sku_id, want.account_id), 0) + want.lacking
    if rule in (Rule.WANTED, Rule.EQUAL):
        weights = lacking if rule == Rule.WANTED else dict.fromkeys(lacking, 1)
        return within_wants(free, lacking, account_ids, weights=weights)
    in_order = wants if rule == Rule.PRIORITY else sorted(wants, key=lambda want: (want.order_date, want.order_id))
    for sku_id, account_id, pieces in in_turn(free, [(w.sku_id, w.account_id, w.lacking) for w in in_order]):
        cells[sku_id, account_id] += pieces
    return cells


def dealt(wants: Sequence[OpenWant], cells: Cells) -> list[tuple[OpenWant, int]]:
    """What each line gets of what its account gets: who is served first has all it lacks before the next. Less than the cell says where the
    account lacks less."""
    in_their_turn = [((want.sku_id, want.account_id), want, want.lacking) for want in wants]
    return [(want, pieces) for _cell, want, pieces in in_turn(cells, in_their_turn)]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An order before anything is confirmed: by SKU what it gets and what it still lacks of it afterwards; and of everything it wants."""

    order_id: int
    number: str
    account_id: int
    order_date: dt.date
    lines: tuple[tuple[int, int, int], ...]
    lacks_after: int


def foresee(*, source_id: int, sku_ids: Sequence[int], account_ids: Sequence[int], cells: Cells) -> list[Foreseen]:
    """Who would get what, and who stays short, order by order in the order in which they are served."""
    wants = open_wants(source_id=source_id, sku_ids=sku_ids, account_ids=account_ids)
    gets = {(want.line_id, want.sku_id): pieces for want, pieces in dealt(wants, cells)}
    of_order: dict[int, list[OpenWant]] = defaultdict(list)
    for want in wants:
        of_order[want.order_id].append(want)
    lacks = lacking_of(list(of_order))
    found = []
    for order_id, mine in of_order.items():
        lines: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for want in mine:
            got = gets.get((want.line_id, want.sku_id), 0)
            lines[want.sku_id][0] += got
            lines[want.sku_id][1] += want.lacking - got
        told = tuple((sku_id, got, after) for sku_id, (got, after) in lines.items() if got or after)
        if told:
            first, all_got = mine[0], sum(got for _sku, got, _after in told)
            found.append(
                Foreseen(order_id, first.number, first.account_id, first.order_date, told, lacks[order_id] - all_got)
            )
    return found
