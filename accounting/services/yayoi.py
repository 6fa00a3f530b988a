"""The journal in 弥生インポート形式: 25 columns, no header, cp932, CRLF. Pure: entries in, bytes and what was lost out.

Source: 弥生 support pages 27184 and 18545 (columns, flags); every amount is a whole number and includes its tax.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from accounting.models import Side
from accounting.selectors.export import OUT_OF_SCOPE_LABEL, ExportEntry, ExportLine

ONE_LINE, FIRST, MIDDLE, LAST_LINE = "2111", "2110", "2100", "2101"
ACCOUNT_WIDTH, DESCRIPTION_WIDTH, SLIP_DIGITS = 24, 64, 6
TRANSFER = "3"
# Characters that names use and cp932 lacks although a sister of theirs is there; anything else becomes 〓.
SISTERS = {"𠮷": "吉", "©": "(C)", "®": "(R)", "\u00a0": " "}
GETA = "〓"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the file says otherwise than the books."""

    entry_number: str
    text: str
    written: str


@dataclass(slots=True)
class YayoiFile:
    content: bytes = b""
    row_count: int = 0
    losses: list[Loss] = field(default_factory=list)


def yayoi_file(entries: Iterable[ExportEntry]) -> YayoiFile:
    """One slip per entry. No row is lost to a character: what cp932 lacks is replaced and reported."""
    result = YayoiFile()
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for entry in entries:
        for row in _slip(entry, result.losses):
            writer.writerow(row)
            result.row_count += 1
    result.content = text.getvalue().encode("cp932")
    return result


def _slip(entry: ExportEntry, losses: list[Loss]) -> list[list[str]]:
    sides = {side: [line for line in entry.lines if line.side == side] for side in (Side.DEBIT, Side.CREDIT)}
    pairs = list(zip_longest(sides[Side.DEBIT], sides[Side.CREDIT]))
    rows = []
    for index, (debit, credit) in enumerate(pairs):
        flag = MIDDLE
        if len(pairs) == 1:
            flag = ONE_LINE
        elif index in (0, len(pairs) - 1):
            flag = FIRST if index == 0 else LAST_LINE
        known = next((line.description for line in (debit, credit) if line is not None and line.description), "")
        row = [
            flag,
            entry.number[-SLIP_DIGITS:],
            "",
            f"{entry.entry_date:%Y/%m/%d}",
            *_side(entry, debit, losses),
            *_side(entry, credit, losses),
            _text(entry, known or entry.description, DESCRIPTION_WIDTH, losses),
            "", "", TRANSFER, "", "", "", "", "no",
        ]  # fmt: skip
        rows.append(row)
    return rows


def _side(entry: ExportEntry, line: ExportLine | None, losses: list[Loss]) -> list[str]:
    if line is None:
        return ["", "", "", OUT_OF_SCOPE_LABEL, "0", "0"]
    return [
        _text(entry, line.account_name, ACCOUNT_WIDTH, losses),
        _text(entry, line.party, ACCOUNT_WIDTH, losses),
        _text(entry, line.department, ACCOUNT_WIDTH, losses),
        line.tax_label,
        f"{line.amount:.0f}",
        f"{line.tax:.0f}",
    ]


def _text(entry: ExportEntry, text: str, width: int, losses: list[Loss]) -> str:
    """``text`` in characters of cp932, on one line, at most ``width`` half-width columns."""
    written, used = "", 0
    for char in unicodedata.normalize("NFC", " ".join(text.split())):
        piece = char if _fits(char) else SISTERS.get(char, GETA)
        columns = len(piece.encode("cp932"))
        if used + columns > width:
            break
        written, used = written + piece, used + columns
    loss = Loss(entry.number, text, written)
    if written != text and loss not in losses[-8:]:
        # A description stands on every row of its slip; it is reported once.
        losses.append(loss)
    return written


def _fits(char: str) -> bool:
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
