"""The language of templates: placeholders, and nothing else."""

import pytest

from erp.correspondence import selectors
from erp.correspondence.exceptions import BadTemplate
from erp.correspondence.models import MailKind
from erp.correspondence.selectors import Placeholder
from erp.correspondence.selectors.templates import LINE_WIDTH, width_of, wrap
from erp.correspondence.services.reference_data import default_templates

KNOWN = [
    Placeholder("お名前", ""),
    Placeholder("注文番号", ""),
    Placeholder("期限", ""),
    Placeholder("明細", "", is_block=True),
]


def filled(body, subject="件名", **values):
    text = selectors.fill(subject, body, {**dict.fromkeys(("お名前", "注文番号", "期限", "明細"), ""), **values})
    return text.subject, text.body


def faults(subject, body):
    return [(item.pointer, item.code, item.detail) for item in selectors.find_problems(subject, body, KNOWN)]


def test_placeholders_are_replaced_in_subject_and_text():
    given = filled("{お名前} 様\n\n{明細}", "注文 {注文番号}", お名前="髙﨑 𠮷乃", 注文番号="A-1", 明細="・帽子\n・靴")

    assert given == ("注文 A-1", "髙﨑 𠮷乃 様\n\n・帽子\n・靴\n")


def test_a_line_goes_when_all_it_would_say_is_empty():
    assert (
        filled("番号: {注文番号}\n期限: {期限}\n{お名前}{期限}様", 注文番号="A-1", お名前="佐藤")[1]
        == "番号: A-1\n佐藤様\n"
    )


def test_what_a_shopper_typed_is_not_read_again_and_breaks_no_line():
    subject, body = filled("{お名前} 様", "{お名前}", お名前="{注文番号}{{}} %(x)s {% debug %}", 注文番号="A-1")

    assert (subject, body) == ("{注文番号}{{}} %(x)s {% debug %}", "{注文番号}{{}} %(x)s {% debug %} 様\n")
    assert selectors.one_line("山田\r\nBcc: a@b.example\x00") == "山田 Bcc: a@b.example"


def test_doubled_braces_are_braces():
    assert filled("{{期限}} {期限}", 期限="明日")[1] == "{期限} 明日\n"


def test_an_unknown_placeholder_is_named_with_its_neighbour():
    assert faults("{注文番後}", "{お名前} 様 {住所}\n{お名前}") == [
        ("/subject", "unknown_placeholder", "差込項目 {注文番後} はありません。 {注文番号} のことですか。"),
        ("/body", "unknown_placeholder", "差込項目 {住所} はありません。"),
    ]


def test_every_fault_is_named_at_once():
    codes = [code for _pointer, code, _detail in faults("{明細}\n二行目", "前 {明細} 後\n開いた { だけ\n{} {x.y}")]

    assert codes == [
        "several_lines", "block_in_subject", "block_within_a_line", "lone_brace", "unknown_placeholder", "unknown_placeholder",
    ]  # fmt: skip
    with pytest.raises(BadTemplate):
        selectors.check("", "", KNOWN)


def test_long_lines_are_broken_as_japanese_breaks():
    line = "この商品は、" * 12 + "(在庫がございません)。https://shop.example/" + "a" * 120 + " まで"

    broken = wrap(line)

    assert "".join(broken).replace(" ", "") == line.replace(" ", "")
    assert all(width_of(part) <= LINE_WIDTH + 4 for part in broken if "https" not in part)
    assert all(part[0] not in "、。)" and part[-1] not in "(「" for part in broken)
    assert any(
        part.startswith("https://shop.example/aaa") or "https://shop.example/" + "a" * 120 in part for part in broken
    )


@pytest.mark.parametrize("template", default_templates(), ids=str)
def test_the_first_words_of_the_company_say_only_what_exists(template):
    selectors.check(template.subject, template.body, selectors.every_placeholder(template.kind))


def test_every_kind_has_words_from_the_first_day():
    assert {template.kind for template in default_templates()} == set(MailKind.values)
