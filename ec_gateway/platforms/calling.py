"""One call to a site, as every activity makes it: never inside a transaction, asked of breaker and budget before, told to them after."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from django.db import transaction

from ec_gateway.models import EcSite
from ec_gateway.platforms.interface import Platform, PlatformError
from ec_gateway.platforms.unreadable import not_read
from ec_gateway.services import admission, breakers, budgets
from ec_gateway.services.troubles import NOT_TRIED, OFTEN, Trouble
from erp.core.actors import Actor
from erp.core.retries import is_passing

T = TypeVar("T")

log = structlog.get_logger(__name__)


class NotNow(Exception):
    """The site is paused or its budget is spent. Nothing was sent; ``refusal.wait_s`` says when to ask again."""

    def __init__(self, refusal: admission.Refusal) -> None:
        super().__init__(f"{refusal.reason.label} ({refusal.wait_s:.1f} s)")
        self.refusal = refusal


def trouble_of(fault: BaseException) -> Trouble:
    """What the end of a run by ``fault`` means for its activity."""
    if isinstance(fault, NotNow) or not isinstance(fault, Exception):
        return NOT_TRIED
    if isinstance(fault, PlatformError):
        if fault.is_unreachable or fault.is_unauthorised:
            return Trouble(str(fault), tell_after=0)
        return Trouble(str(fault), tell_after=OFTEN if fault.is_retryable else 1)
    return Trouble(f"{type(fault).__name__}: {fault}", tell_after=OFTEN if is_passing(fault) else 1)


@dataclass(frozen=True)
class Line:
    """The way to one site. ``clock`` and ``jitter`` come from the edge, so that tests own time and chance."""

    site: EcSite
    platform: Platform
    clock: Callable[[], dt.datetime]
    by: Actor
    jitter: Callable[[], float] = field(default=random.random)

    def admit(self) -> None:
        """Take the right to make one call. Raises NotNow when nothing may be sent."""
        limits = self.platform.limits
        # ``durable`` refuses to run inside a transaction of somebody else, who would hold locks while we wait for the network.
        with transaction.atomic(durable=True):
            refusal = admission.ask(
                site_id=self.site.pk, requests_per_s=limits.requests_per_s, burst=limits.burst, at=self.clock()
            )
        if refusal is not None:
            raise NotNow(refusal)

    def call(self, function: Callable[[Platform], T], *, is_admitted: bool = False) -> T:
        """Raises NotNow when nothing may be sent (unless ``admit`` was asked before), PlatformError when the call failed.

        A site that refuses an item, or asks for patience, has answered; only silence counts against it. So it is with an answer that the
        platform stumbles over: it is logged as a fault, and counts as a call that failed and may be tried again, later and later.
        """
        if not is_admitted:
            self.admit()
        try:
            answer = function(self.platform)
        except PlatformError as error:
            self._note_failure(error)
            raise
        except Exception as fault:
            log.exception("answer_not_read", site=self.site.pk)
            failure = PlatformError(not_read(fault))
            self._note_failure(failure)
            raise failure from fault
        self._note_answer()
        return answer

    def _note_failure(self, error: PlatformError) -> None:
        at = self.clock()
        if error.retry_after_s is not None:
            rate = self.platform.limits.requests_per_s
            budgets.empty(site_id=self.site.pk, wait_s=error.retry_after_s, requests_per_s=rate, at=at)
        if error.is_unreachable or error.is_unauthorised:
            breakers.record_failure(
                site_id=self.site.pk,
                error=str(error),
                at=at,
                by=self.by,
                jitter=self.jitter,
                is_hopeless=error.is_unauthorised,
            )
        else:
            self._note_answer()

    def _note_answer(self) -> None:
        breakers.record_success(site_id=self.site.pk, at=self.clock(), by=self.by)
