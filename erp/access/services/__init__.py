"""Every write of this room, re-exported by name."""

from erp.access.services.factors import (
    BACKUP_CODES,
    Enrolment,
    check_code,
    enrol,
    make_backup_codes,
    new_enrolment,
    remove_factor,
)
from erp.access.services.locking import Attempt, begin_attempt, lift_lock, note_refusal, settle_attempt
from erp.access.services.log import Visit, note, prune_access
from erp.access.services.passwords import give_password, password_changed, set_practice
from erp.access.services.sessions import (
    end_changed_sessions,
    end_overdue_sessions,
    end_sessions,
    note_end,
    start_session,
    touch,
)

__all__ = [
    "BACKUP_CODES",
    "Attempt",
    "Enrolment",
    "Visit",
    "begin_attempt",
    "check_code",
    "end_changed_sessions",
    "end_overdue_sessions",
    "end_sessions",
    "enrol",
    "give_password",
    "lift_lock",
    "make_backup_codes",
    "new_enrolment",
    "note",
    "note_end",
    "note_refusal",
    "password_changed",
    "prune_access",
    "remove_factor",
    "set_practice",
    "settle_attempt",
    "start_session",
    "touch",
]
