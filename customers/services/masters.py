"""The masters of this room as files: credit groups, bill-tos, accounts, ship-tos and contacts.

What channels say of customers is theirs, and no file's.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from customers.models import Account, BillTo, Contact, CreditGroup, ShipTo
from erp.imports.masters import Column, Master, register


def register_masters() -> None:
    """For ``AppConfig.ready``."""
    register(
        Master(
            "credit_groups",
            CreditGroup,
            ("code",),
            (
                Column("code", ("与信グループコード",), is_code=True),
                Column("name", ("与信グループ名",)),
                Column("policy"),
                Column("currency", is_code=True),
                Column("credit_limit", ("与信限度額",)),
                Column("temporary_limit"),
                Column("temporary_limit_until"),
                Column("limit_valid_until"),
                Column("warning_percent"),
                Column("is_frozen"),
            ),
            # The exposure moves with every order.
            running=("version", "exposure"),
        ),
        Master(
            "bill_tos",
            BillTo,
            ("code",),
            (
                Column("code", ("請求先コード",), is_code=True),
                Column("name", ("請求先名",)),
                Column("kana", ("カナ", "フリガナ", "請求先名カナ")),
                Column("credit_group", ("与信グループコード",)),
                Column("postal_code", ("郵便番号",), is_code=True),
                Column("address", ("住所",)),
                Column("corporate_number", ("法人番号",), is_code=True),
                Column("closing_day", ("締日", "締め日")),
                Column("payment_month_offset"),
                Column("payment_day", ("支払日",)),
                Column("holiday_rule"),
                Column("tax_unit"),
                Column("tax_rounding", ("消費税端数処理",)),
            ),
        ),
        Master(
            "accounts",
            Account,
            ("code",),
            (
                Column("code", ("得意先コード",), is_code=True),
                Column("name", ("得意先名",)),
                Column("kana", ("カナ", "フリガナ", "得意先名カナ")),
                Column("bill_to", ("請求先コード",)),
                Column("department", ("部門", "部門コード")),
                Column("price_list", ("価格表コード",)),
                Column("wholesale_percent", ("掛率",)),
                Column("revenue_basis", note=_("Empty: as the sales channel says.")),
                Column("is_active"),
            ),
        ),
        Master(
            "ship_tos",
            ShipTo,
            ("account", "code"),
            (
                Column("account", ("得意先コード",)),
                Column("code", ("納品先コード",), is_code=True),
                Column("name", ("納品先名",)),
                Column("contact", ("担当者名",)),
                Column("phone", ("電話番号", "tel"), is_code=True),
                Column("postal_code", ("郵便番号",), is_code=True),
                Column("prefecture"),
                Column("city"),
                Column("street"),
                Column("building"),
            ),
        ),
        Master(
            "contacts",
            Contact,
            ("account", "name"),
            (
                Column("account", ("得意先コード",)),
                Column("name", ("担当者名", "氏名")),
                Column("department", ("部署", "部署名", "部門")),
                Column("email", ("メールアドレス", "メール", "e-mail", "mail"), is_code=True),
                Column("phone", ("電話番号", "tel"), is_code=True),
            ),
        ),
    )
