"""Push what is due, batch by batch: claim, send, settle. Between claim and settle there is no transaction and no lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.utils.translation import gettext as _

from ec_gateway.models import Activity
from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.interface import Platform, PlatformError, PushOutcome, PushResult
from ec_gateway.publishing import settling
from ec_gateway.publishing.claiming import Claim, claim, due_rows
from ec_gateway.publishing.settling import Settled
from ec_gateway.services import wakes
from erp.core.models import MessageLog


@dataclass(slots=True)
class Round:
    """What one look did. ``not_now`` says why the rest has to wait, if it does."""

    handled: int = 0
    not_now: NotNow | None = None


def push_due(*, line: Line, keep: Callable[[], None]) -> Round:
    """Push one batch of what is due. ``keep`` is called before each request: it keeps the lease, or raises."""
    site, at = line.site, line.clock()
    due = due_rows(site_id=site.pk, at=at, limit=line.platform.limits.batch_size)
    if not due:
        return Round()
    try:
        # Asked first: while nothing may be sent, nothing is written down as sent either.
        line.admit()
    except NotNow as refusal:
        return Round(0, refusal)
    claims, unchanged = claim(site=site, due=due, at=at)
    done = Round(len(unchanged))
    waiting, is_admitted = [claims] if claims else [], True
    while waiting:
        batch = waiting.pop()
        keep()
        try:
            results = line.call(partial(_send, batch=batch), is_admitted=is_admitted)
        except NotNow as refusal:
            done.not_now = refusal
            return done
        except PlatformError as error:
            if not (error.is_retryable or error.is_unauthorised) and len(batch) > 1:
                # One of them is refused. Halve until it stands alone, so that it harms no other.
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
                is_admitted = False
                continue
            _settle_error(line, batch, error)
        else:
            _settle_answers(line, batch, results)
        done.handled += len(batch)
        is_admitted = False
    return done


def _send(platform: Platform, *, batch: Sequence[Claim]) -> list[PushResult]:
    return platform.push_quantities([item.push for item in batch])


def _settle_error(line: Line, batch: Sequence[Claim], error: PlatformError) -> None:
    at = line.clock()
    settled = [settling.after_error(item, error, at=at, jitter=line.jitter) for item in batch]
    outcome = MessageLog.Outcome.FAILED if error.is_retryable else MessageLog.Outcome.REFUSED
    settling.settle(site=line.site, settled=settled, outcome=outcome, detail=str(error), at=at, by=line.by)


def _settle_answers(line: Line, batch: Sequence[Claim], results: Sequence[PushResult]) -> None:
    at = line.clock()
    settled: list[Settled] = [
        settling.after_answer(item, result, at=at, jitter=line.jitter)
        for item, result in zip(batch, results, strict=True)
    ]
    done = sum(result.outcome == PushOutcome.DONE for result in results)
    outcome = MessageLog.Outcome.DONE if done == len(batch) else MessageLog.Outcome.FAILED
    settling.settle(
        site=line.site,
        settled=settled,
        outcome=outcome,
        detail=_("%(done)d of %(count)d taken") % {"done": done, "count": len(batch)},
        at=at,
        by=line.by,
    )
    if line.site.is_polling and any(item.is_stale for item in settled):
        wakes.wake(site_id=line.site.pk, activity=Activity.POLL)
