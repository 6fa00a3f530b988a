"""What all admin pages share, and the pages of the kernel's own tables.

Every page of the back office stands on the bases here and on nothing else, so that all of them look and behave alike. Ledgers and
documents are looked at, never edited; what can be done to them are actions that call services. Master data is edited in plain forms,
and the audit trigger sees who did it.
"""

from erp.core.admin import masters, records
from erp.core.admin.bases import (
    ActionForm,
    MasterAdmin,
    PageLink,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ServiceAdmin,
    TabularInline,
)
from erp.core.admin.figures import InWordsFilter, document_link, document_named
from erp.core.admin.refusals import for_people

__all__ = [
    "ActionForm",
    "InWordsFilter",
    "MasterAdmin",
    "PageLink",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ServiceAdmin",
    "TabularInline",
    "document_link",
    "document_named",
    "for_people",
    "masters",
    "records",
]
