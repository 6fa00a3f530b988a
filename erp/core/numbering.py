"""Document numbers. Ordinary series come from PostgreSQL sequences (gaps allowed, no waiting); gapless ones from a counter locked last."""

from __future__ import annotations

from django.db import connection

ORDER, SHIPMENT, RETURN, SALES_REPORT, ENTRY, INVOICE, RECEIPT = (
    "order",
    "shipment",
    "return",
    "sales_report",
    "entry",
    "invoice",
    "receipt",
)
PREFIXES = {ORDER: "SO", SHIPMENT: "SH", RETURN: "RT", SALES_REPORT: "SR", ENTRY: "JE", INVOICE: "INV", RECEIPT: "RC"}


def next_numbers(series: str, count: int = 1) -> list[str]:
    """``count`` fresh numbers such as ``SO-00000042``, in order. A rolled-back transaction leaves a gap, which is allowed here."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT nextval('core_number_{series}') FROM generate_series(1, %s)"  # noqa: S608 - the series is one of ours
            if series in PREFIXES
            else "",
            [count],
        )
        return [format_number(series, row[0]) for row in cursor.fetchall()]


def format_number(series: str, number: int) -> str:
    return f"{PREFIXES[series]}-{number:08d}"


def next_gapless(series: str) -> int:
    """The next number of a series without holes (a closing run). Locks the counter until commit, so call it last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_gaplesscounter (series, last_number) VALUES (%s, 1)"
            " ON CONFLICT (series) DO UPDATE SET last_number = core_gaplesscounter.last_number + 1 RETURNING last_number",
            [series],
        )
        number: int = cursor.fetchone()[0]
    return number
