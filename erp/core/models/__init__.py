"""Tables of the shared kernel. They know channels, tax rows, messages and tasks, but no business document."""

from erp.core.models.feed import ChangeRow, FeedCut, FeedEpoch
from erp.core.models.filters import DefaultFilter, SavedFilter
from erp.core.models.masters import (
    Channel,
    CompanyProfile,
    DeductibleShare,
    Department,
    RevenueBasis,
    RoundingMethod,
    TaxClass,
    TaxRate,
)
from erp.core.models.records import AuditRow, BackupRun, GaplessCounter, JobRun, MessageLog, StaffTask, VerifyRun

__all__ = [
    "AuditRow",
    "BackupRun",
    "ChangeRow",
    "Channel",
    "CompanyProfile",
    "DeductibleShare",
    "DefaultFilter",
    "Department",
    "FeedCut",
    "FeedEpoch",
    "GaplessCounter",
    "JobRun",
    "MessageLog",
    "RevenueBasis",
    "RoundingMethod",
    "SavedFilter",
    "StaffTask",
    "TaxClass",
    "TaxRate",
    "VerifyRun",
]
