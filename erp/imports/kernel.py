"""The kernel's own masters as files. The kernel lies below and knows nothing of files."""

from __future__ import annotations

from erp.core.models import Channel, Department
from erp.imports.masters import Column, Master, register


def register_masters() -> None:
    """For ``AppConfig.ready``."""
    register(
        Master(
            "departments",
            Department,
            ("code",),
            (Column("code", ("部門コード",), is_code=True), Column("name", ("部門名",))),
        ),
        Master(
            "channels",
            Channel,
            ("code",),
            (
                Column("code", ("販売チャネルコード", "チャネルコード"), is_code=True),
                Column("name", ("販売チャネル名", "チャネル名")),
                Column("kind"),
                Column("department", ("部門コード",)),
                Column("currency", is_code=True),
                Column("tax_rounding"),
                Column("revenue_basis"),
                Column("invoice_issuer"),
                Column("default_priority"),
                Column("is_active"),
            ),
        ),
    )
