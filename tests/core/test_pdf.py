"""Papers: the fonts are inside, the letters of Japanese names are right, and what a font lacks is said."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader

from erp.core import pdf

NOON = dt.datetime(2026, 11, 27, 3, tzinfo=dt.UTC)


@pytest.fixture
def template(tmp_path, monkeypatch):
    """A paper that shows a name and an amount."""
    (tmp_path / "house.typ").write_text((pdf.TEMPLATES / "house.typ").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "card.typ").write_text(
        '#import "house.typ": *\n#show: page-of-house.with("card")\n*#data.name*\n\n#data.amount #data.on\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(pdf, "TEMPLATES", tmp_path)
    return "card"


def text_of(paper: pdf.Paper) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages)


def show(template, name, amount=Decimal(0)):
    return pdf.render(template, {"name": name, "amount": amount, "on": dt.date(2026, 1, 5)}, at=NOON)


@pytest.mark.parametrize(
    "name", ["𠮷田", "髙橋", "山﨑", "渡邊・渡邉", "濵田", "德永", "〆木", "①㈱Ⅲ", "～－−", "葛\U000e0100城"]
)
def test_names_are_printed_as_they_are_written(template, name):
    paper = show(template, name)

    assert name in text_of(paper)
    assert paper.missing == ()


def test_fonts_are_embedded_and_cut_to_what_is_used(template):
    paper = show(template, "𠮷田")

    page: Any = PdfReader(io.BytesIO(paper.content)).pages[0]
    composed = [font.get_object() for font in page["/Resources"]["/Font"].get_object().values()]
    fonts = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for font in composed]

    assert fonts
    assert all("/FontFile2" in face or "/FontFile3" in face for face in fonts)
    assert all("+NotoSansJP" in face["/FontName"] for face in fonts)
    assert len(paper.content) < 100_000


def test_a_letter_that_the_font_lacks_is_a_geta_and_is_named_on_the_paper(template):
    paper = show(template, "祝🎁\U0002b740様")

    assert "祝〓〓様" in text_of(paper)
    assert "U+1F381 WRAPPED PRESENT、U+2B740" in text_of(paper)
    assert paper.missing == ("🎁", "\U0002b740")


def test_invisible_characters_leave_no_trace(template):
    paper = show(template, "ab\u200bc\x07\ufeffd\r\ne")

    assert "abcd" in text_of(paper)
    assert paper.missing == ()


def test_text_of_people_is_never_read_as_template(template):
    name = '#panic("x") *b* $y$ `code` \\ @ref <label> "q"'

    assert name in text_of(show(template, name))


def test_amounts_and_dates_are_written_as_on_japanese_papers(template):
    shown = text_of(show(template, "x", Decimal("-1234567.00")))

    assert "-1,234,567 2026年1月5日" in shown


def test_the_same_data_give_the_same_paper(template):
    data = {"name": "髙", "amount": 0, "on": ""}

    first, second = (pdf.render(template, data, at=NOON + dt.timedelta(microseconds=each)) for each in (1, 2))

    assert first == second


def test_what_a_paper_cannot_show_is_a_bug(template):
    with pytest.raises(AssertionError, match="datetime"):
        pdf.render(template, {"name": NOON}, at=NOON)
