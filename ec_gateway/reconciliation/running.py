"""One run: read the site's orders and figures, lay ours beside them, compare, read again what differs, name causes, repair.

The site is called between transactions, never within one; a run that breaks off leaves a run that says so, and no rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from ec_gateway.models import Activity, ReconciliationRow, ReconciliationRun
from ec_gateway.platforms.calling import Line, trouble_of
from ec_gateway.platforms.interface import News, Platform, PlatformError
from ec_gateway.platforms.patience import Wait, call_patiently, pages
from ec_gateway.reconciliation import repairing, staging, stock
from ec_gateway.reconciliation.orders import MOST_SHOWN, OrderComparison, OrderDifference, missing_units
from ec_gateway.services import leases
from erp.core.actors import Actor

Cause, Kind, State = ReconciliationRow.Cause, ReconciliationRow.Kind, ReconciliationRun.State

ORDERS_OF_LAST = dt.timedelta(days=7)
# An order placed a moment ago may be named by the next page only.
NOT_YET_NAMED = dt.timedelta(minutes=5)
# Asking about one order is a call each; what is beyond is asked about by the next run.
MOST_QUESTIONS = 500

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outcome:
    """``wants_inbox``: orders were fetched into the inbox; ``wants_publish``: stock was marked to be pushed."""

    run: ReconciliationRun
    wants_inbox: bool = False
    wants_publish: bool = False


@dataclass(slots=True)
class _Session:
    """The run, its lease and the way to the site."""

    line: Line
    wait: Wait
    lease: leases.Lease
    run: ReconciliationRun
    orders: OrderComparison = field(default_factory=OrderComparison)

    def keep(self) -> None:
        """Raises LeaseLost when the run was silent for too long and another one goes on in its place."""
        self.lease = leases.heartbeat(self.lease, at=self.line.clock())


def reconcile(
    *,
    line: Line,
    holder: str,
    wait: Wait,
    by: Actor,
    is_dry_run: bool = False,
    orders_of_last: dt.timedelta = ORDERS_OF_LAST,
) -> Outcome | None:
    """Compare one site with us, and repair unless the run is dry. None while another run of the site is under way.

    Again means the same report and the same repairs, nothing twice. Raises PlatformError and NotNow when the site cannot be read to the
    end; the run is then noted as broken off.
    """
    at = line.clock()
    lease = leases.take(site_id=line.site.pk, activity=Activity.RECONCILE, holder=holder, at=at)
    if lease is None:
        return None
    _end_what_died(line.site.pk, at)
    run = ReconciliationRun.objects.create(
        site=line.site, is_dry_run=is_dry_run, started_at=at, orders_since=at - orders_of_last, actor=str(by)
    )
    session = _Session(line, wait, lease, run)
    try:
        outcome = _run(session, by)
    except BaseException as fault:
        _break_off(run, f"{type(fault).__name__}: {fault}", line.clock())
        leases.give_back(session.lease, at=line.clock(), detail=run.error, force=True, trouble=trouble_of(fault))
        raise
    leases.give_back(
        session.lease,
        at=line.clock(),
        detail=_("differences: stock %(stock)d, orders %(orders)d")
        % {"stock": run.stock_rows, "orders": run.order_rows},
        force=True,
    )
    return outcome


def _run(session: _Session, by: Actor) -> Outcome:
    run, line = session.run, session.line
    _read_orders(session)
    _ask_about(session, session.orders.differences)
    _read_stock(session, staging.FIRST)
    for count in staging.stage_ours(run_id=run.pk, site=line.site, at=line.clock()):
        run.listings_compared += count
        session.keep()
    staging.compare(run_id=run.pk, site_id=line.site.pk)
    if codes := stock.codes_to_read_again(run):
        _read_stock(session, staging.SECOND, only=codes)
        missing = missing_units(line.site, session.orders.differences)
        stock.name_causes(run=run, site=line.site, missing=missing, at=line.clock())
    session.keep()
    at = line.clock()
    fetched = repairing.write_orders(run=run, site=line.site, differences=session.orders.differences, at=at)
    pushed = 0
    if not run.is_dry_run:
        pushed = repairing.push_again(run=run, at=at)
        repairing.tell_staff(run=run, site=line.site, at=at, by=by)
    _finish(session)
    return Outcome(run, wants_inbox=bool(fetched), wants_publish=bool(pushed))


def _read_orders(session: _Session) -> None:
    line, orders = session.line, session.orders
    since = session.run.orders_since
    for page in pages(line, lambda platform: platform.list_orders(since=since), wait=session.wait):
        orders.add_page(line.site, page, at=line.clock())
        session.keep()
    orders.add_unseen(line.site, since=since, until=session.run.started_at - NOT_YET_NAMED)


def _ask_about(session: _Session, differences: list[OrderDifference]) -> None:
    """What the site says of each order that differs: what is in it, and whether it really does not know it."""
    for number, difference in enumerate(list(differences)):
        if difference.cause == Cause.WAITS_IN_INBOX or not difference.external_id:
            continue
        if number >= MOST_QUESTIONS:
            difference.evidence["asked"] = False
            continue
        external_id = difference.external_id
        ask = _asking(external_id)
        try:
            difference.hear(call_patiently(session.line, ask, wait=session.wait))
        except PlatformError as fault:
            if fault.is_retryable or fault.is_unauthorised:
                raise
            difference.evidence["answer"] = str(fault)[
                :MOST_SHOWN
            ]  # of this one order; the others can still be compared
        if difference.cause == Cause.HERE_NOT_THERE and difference.news:
            differences.remove(difference)  # it knows the order after all: its list was older
        session.keep()


def _asking(external_id: str) -> Callable[[Platform], list[News]]:
    return lambda platform: platform.fetch_order(external_id=external_id)


def _read_stock(session: _Session, reading: int, only: set[str] | None = None) -> None:
    found = pages(session.line, lambda platform: platform.read_quantities(), wait=session.wait)
    for _count in staging.stage_theirs(run_id=session.run.pk, reading=reading, pages=found, only=only):
        session.keep()


def _finish(session: _Session) -> None:
    """The rows count from here on. The lease is asked once more: whoever lost it finishes nothing."""
    run = session.run
    with transaction.atomic():
        session.keep()
        rows = ReconciliationRow.objects.filter(run=run)
        run.stock_rows = rows.filter(kind=Kind.STOCK).count()
        run.order_rows = rows.filter(kind=Kind.ORDER).count()
        run.orders_compared = session.orders.compared
        run.state, run.finished_at = State.DONE, session.line.clock()
        run.save()
        staging.clear(run_ids=[run.pk])


def _break_off(run: ReconciliationRun, error: str, at: dt.datetime) -> None:
    with transaction.atomic():
        ReconciliationRow.objects.filter(run=run).delete()
        staging.clear(run_ids=[run.pk])
        run.error = error[:2000]
        ReconciliationRun.objects.filter(pk=run.pk, state=State.RUNNING).update(
            state=State.BROKEN_OFF, finished_at=at, error=run.error
        )


def _end_what_died(site_id: int, at: dt.datetime) -> None:
    """We hold the lease, so a run that says it is running was killed."""
    for run in ReconciliationRun.objects.filter(site_id=site_id, state=State.RUNNING):
        _break_off(run, "killed", at)
