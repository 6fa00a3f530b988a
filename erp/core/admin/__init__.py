"""What all admin pages share, and the pages of the kernel's own tables."""

from erp.core.admin import masters, records
from erp.core.admin.bases import MasterAdmin, ReadOnlyAdmin, ReadOnlyInline, ServiceAdmin
from erp.core.admin.figures import document_link
from erp.core.admin.paging import FastPaginator
from erp.core.admin.refusals import for_people
from erp.core.admin.work_waiting import waiting_work

__all__ = [
    "FastPaginator",
    "MasterAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ServiceAdmin",
    "document_link",
    "for_people",
    "masters",
    "records",
    "waiting_work",
]
