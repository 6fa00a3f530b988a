"""Every file that leaves the house for people is written where formulas become text; who else writes rows says why not."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from erp.imports import exporting
from erp.imports.downloads import table_as_csv, table_as_file

ROOT = Path(__file__).parents[2]
WRITES_ROWS = re.compile(r"csv\.(writer|DictWriter)|Workbook\(|\.to_csv\(")
FOR_PEOPLE = {"erp/imports/exporting.py", "erp/imports/downloads.py"}
# Read by a programme, in a form that is fixed: an apostrophe would become a part of the value.
FOR_PROGRAMMES = {
    "accounting/services/yayoi.py": "the journal for 弥生会計",
    "erp/orders/services/carriers/layout.py": "labels for the programmes of carriers",
    "ec_gateway/management/demo/goods.py": "goods of the demo, imported at once",
    "erp/orders/management/online_retail/booking.py": "rows that PostgreSQL copies in",
}
RUNS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "＝HYPERLINK(A1)", "＋1", "－1", "＠x", "\t=1", "\r=1", "'=1"]


def test_rows_are_written_in_known_places_only():
    rooms = ("erp", "accounting", "customers", "catalog", "ec_gateway")
    code = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in code if WRITES_ROWS.search(path.read_text())}

    assert found == FOR_PEOPLE | set(FOR_PROGRAMMES)


def as_csv(text: str) -> str:
    written = table_as_csv("x", [["head"], [text]]).content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(written, newline="")))[1][0]


def as_stream(form: str, text: str) -> str:
    answer = table_as_file("x", title="x", heading=["head"], rows=lambda: [[text]], form=form)
    written = b"".join(answer.streaming_content).decode("cp932" if form == "cp932" else "utf-8-sig")
    return list(csv.reader(io.StringIO(written, newline="")))[1][0]


@pytest.mark.parametrize("text", RUNS)
def test_nothing_that_a_spreadsheet_runs_begins_a_cell(text):
    assert {as_csv(text), *(as_stream(form, text) for form in ("utf-8", "utf-8-sig", "cp932"))} == {f"'{text}"}

    with exporting.workbook("x", ["head"], [[text]]) as book, zipfile.ZipFile(book) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def test_figures_stay_figures():
    assert table_as_csv("x", [[Decimal("-5.00"), -3, "a"]]).content.decode("utf-8-sig") == "-5,-3,a\r\n"
