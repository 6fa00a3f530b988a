"""The signs of health that the kernel knows: the database, the feed, jobs and their workers, verification, backups and drills."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erp.core import backup_runs, changes, job_slots, who
from erp.core.clock import written_moment
from erp.core.health import Part, Reading, Sign, State, judge, register
from erp.core.models import BackupRun, VerifyRun
from erp.core.spans import exactly, in_words

Kind, Ended = BackupRun.Kind, BackupRun.State


def register_signs() -> None:
    register(
        Sign(
            "database", Part.PARTS, gettext_lazy("Database"),
            gettext_lazy("PostgreSQL holds everything; without it nothing works."),
            gettext_lazy("Look whether PostgreSQL runs and its disk has room, then read the log of the server."),
            _database,
        ),
        Sign(
            "feed", Part.PARTS, gettext_lazy("Change feed"),
            gettext_lazy("EC sites learn of changes through the feed. It waits for the oldest transaction that is open."),
            gettext_lazy("Find the session that is open for long (pg_stat_activity) and end it."),
            _feed, "admin:core_feedepoch_changelist",
        ),
        Sign(
            "workers", Part.JOBS, gettext_lazy("Workers"),
            gettext_lazy("Background work is done by two workers, that of the house and that of the EC sites."),
            gettext_lazy("Start the worker and the clock (beat) again. Nothing is lost: what waits is done then."),
            _workers, "admin:core_jobrun_changelist",
        ),
        Sign(
            "jobs", Part.JOBS, gettext_lazy("Periodic jobs"),
            gettext_lazy("Every job runs by its own clock. Late ones did not finish when they were due."),
            gettext_lazy("Read the error of the run. If there is none, look whether worker and clock (beat) run."),
            _jobs, "admin:core_jobrun_changelist",
        ),
        Sign(
            "verify", Part.SAFETY, gettext_lazy("Verification"),
            gettext_lazy("Every night all promises are checked: stock, orders, books and customers agree row by row."),
            gettext_lazy("Open the tasks that the verification filed and set the documents right. By hand: manage.py verify."),
            _verification, "admin:core_verifyrun_changelist",
        ),
        Sign(
            "backup", Part.SAFETY, gettext_lazy("Last backup"),
            gettext_lazy("The whole database in one file, every night and away from this machine."),
            gettext_lazy("Make one now (manage.py backup) and look why the nightly one did not come to its end."),
            _backup, "admin:core_backuprun_changelist",
        ),
        Sign(
            "drill", Part.SAFETY, gettext_lazy("Last restore drill"),
            gettext_lazy("Only a backup that was restored on trial is known to be one."),
            gettext_lazy("Try the newest backup on a copy (manage.py restore FILE --drill). It changes nothing here."),
            _drill, "admin:core_backuprun_changelist",
        ),
        Sign(
            "restore", Part.SAFETY, gettext_lazy("Last restore"),
            gettext_lazy("A restore brings everything back or changes nothing; then it is brought to this version and verified."),
            gettext_lazy(
                "If everything is back, bring it to its end: manage.py restore --go-on. If nothing was changed, begin again:"
                " manage.py restore FILE."
            ),
            _restore, "admin:core_backuprun_changelist",
        ),
    )  # fmt: skip


def _database(at: dt.datetime) -> Iterator[Reading]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size = cursor.fetchone()
    yield Reading(
        State.OK, _("answers, PostgreSQL %(version)s, %(size)d MB") % {"version": version, "size": size >> 20}
    )


def _feed(at: dt.datetime) -> Iterator[Reading]:
    lag = changes.lag()
    for limit, subject, seconds in (
        ("lag_s", _("Behind"), lag.behind_s),
        ("oldest_transaction_s", _("Oldest transaction"), lag.oldest_transaction_s),
    ):
        yield Reading(judge(limit, seconds), exactly(seconds), subject)


def _workers(at: dt.datetime) -> Iterator[Reading]:
    """A worker is seen by what it finished; its jobs are due every few seconds."""
    seen: dict[str, dt.datetime | None] = {}
    for last in job_slots.last_runs(at=at):
        moments = [moment for moment in (seen.get(last.job.queue), last.finished_at) if moment is not None]
        seen[last.job.queue] = max(moments, default=None)
    titles = {"celery": _("Worker of the house"), "ec_gateway": _("Worker of the EC sites")}
    for queue, moment in sorted(seen.items()):
        subject = titles.get(queue, queue)
        if moment is None:
            yield Reading(State.TROUBLE, _("never seen"), subject)
        else:
            ago = (at - moment).total_seconds()
            yield Reading(judge("worker_seen_s", ago), _("seen %(ago)s ago") % {"ago": exactly(ago)}, subject)


def _jobs(at: dt.datetime) -> Iterator[Reading]:
    """Those that are late or broke off, each by name; one line for all others."""
    on_time = 0
    for last in job_slots.last_runs(at=at):
        name, state, query = who.title_of(last.job.job), judge("job_late_s", last.late_s), f"q={last.job.job}"
        if last.error:
            state = State.TROUBLE if state is State.TROUBLE else State.ATTENTION
            yield Reading(state, last.error.splitlines()[0][:200], name, query)
        elif state is State.OK:
            on_time += 1
        elif last.finished_at is None:
            yield Reading(State.ATTENTION, _("has not run yet"), name, query)
        else:
            told = {"late": in_words(last.late_s), "at": written_moment(last.finished_at)}
            yield Reading(state, _("%(late)s late; last finished %(at)s") % told, name, query)
    if on_time:
        yield Reading(State.OK, _("%(count)d jobs are on time") % {"count": on_time})


def _verification(at: dt.datetime) -> Iterator[Reading]:
    run = VerifyRun.objects.order_by("-pk").first()
    if run is None:
        yield Reading(State.ATTENTION, _("has not run yet"))
        return
    told = {
        "at": written_moment(run.finished_at),
        "rows": f"{sum(run.rows_checked.values()):,}",
        "faults": len(run.faults),
    }
    if run.faults:
        yield Reading(State.TROUBLE, _("%(at)s: %(faults)d faults in %(rows)s rows") % told)
    else:
        age = (at - run.finished_at).total_seconds()
        yield Reading(judge("verified_s", age), _("%(at)s: no fault in %(rows)s rows") % told)


def _backup(at: dt.datetime) -> Iterator[Reading]:
    yield _last_of(Kind.BACKUP, "backed_up_s", at)


def _drill(at: dt.datetime) -> Iterator[Reading]:
    yield _last_of(Kind.DRILL, "drilled_s", at)


def _last_of(kind: BackupRun.Kind, limit: str, at: dt.datetime) -> Reading:
    """The last that came to its end counts; one after it that failed, or was killed, is told."""
    runs = BackupRun.objects.filter(kind=kind).order_by("-started_at", "-pk")
    latest, good = runs.first(), runs.filter(state=Ended.DONE).first()
    if latest is not None and latest.state == Ended.FAILED:
        return Reading(State.TROUBLE, _failed(latest))
    if latest is not None and _is_broken_off(latest):
        return Reading(State.TROUBLE, _broken_off(latest))
    if latest is not None and latest.state == Ended.RUNNING:
        running = (at - latest.started_at).total_seconds()
        if (state := judge("running_s", running)) is not State.OK:
            told = {"at": written_moment(latest.started_at), "span": in_words(running)}
            return Reading(state, _("began %(at)s and still runs after %(span)s") % told)
    if good is None or good.finished_at is None:
        return Reading(State.TROUBLE if kind == Kind.BACKUP else State.ATTENTION, _("there is none yet"))
    age = (at - good.finished_at).total_seconds()
    return Reading(
        judge(limit, age), _("%(at)s, %(ago)s ago") % {"at": written_moment(good.finished_at), "ago": in_words(age)}
    )


def _restore(at: dt.datetime) -> Iterator[Reading]:
    """One that is not settled is told until it is; one that came to nothing, until something after it ended well."""
    latest = BackupRun.objects.filter(kind=Kind.RESTORE).order_by("-started_at", "-pk").first()
    if latest is None:
        return
    told = {"at": written_moment(latest.finished_at or latest.started_at)}
    if latest.state == Ended.UNSETTLED:
        if backup_runs.is_killed(latest):
            yield Reading(
                State.TROUBLE, _("%(at)s: everything is back, and it was broken off before it was verified") % told
            )
        else:
            yield Reading(State.ATTENTION, _("%(at)s: everything is back and being verified") % told)
    elif (
        latest.state == Ended.DONE
        or BackupRun.objects.filter(state=Ended.DONE, started_at__gt=latest.started_at).exists()
    ):
        yield Reading(State.OK, told["at"])
    elif latest.state == Ended.FAILED:
        yield Reading(State.ATTENTION, _failed(latest))
    elif _is_broken_off(latest):
        yield Reading(State.ATTENTION, _broken_off(latest))
    else:
        yield Reading(State.ATTENTION, _("began %(at)s and runs") % told)


def _is_broken_off(run: BackupRun) -> bool:
    """Whoever looks at the health of the house need not wait until the run is judged."""
    return run.state == Ended.BROKEN_OFF or backup_runs.is_killed(run)


def _broken_off(run: BackupRun) -> str:
    told = {"at": written_moment(run.started_at), "detail": backup_runs.in_words(f"killed {run.kind}")}
    return _("began %(at)s and was broken off. %(detail)s") % told


def _failed(run: BackupRun) -> str:
    why = run.detail.splitlines()[0] if run.detail else _("%(count)d faults") % {"count": len(run.faults)}
    return _("%(at)s: failed. %(why)s") % {"at": written_moment(run.started_at), "why": backup_runs.in_words(why)[:200]}
