"""What is wrong with a message is told to staff by the names of its fields and in sentences, not by pointers and codes."""

from rest_framework import serializers

from ec_gateway.api import order_schema
from erp.core.errors import InvalidInput, Problem
from erp.core.field_names import FIELDS, PARTS, in_words


def test_every_part_of_an_order_has_a_name():
    """Whatever a channel can send wrongly is called by a word."""
    of_orders = [
        kind
        for kind in vars(order_schema).values()
        if isinstance(kind, type) and issubclass(kind, serializers.Serializer)
    ]

    unnamed = {name for kind in of_orders for name in kind().fields} - FIELDS.keys() - PARTS.keys()

    assert unnamed == set()


def test_a_fault_is_told_by_the_name_of_its_field():
    refusal = InvalidInput([
        Problem("/total", "not_a_decimal", "数が必要です。"),
        Problem("/lines/1/unit_price", "not_a_decimal", "数が必要です。"),
        Problem("/deliveries/0/ship_to/address/postal_code", "required", "必要です。"),
        Problem("/surprise", "unknown_field", "知らない項目です。"),
        Problem("", "not_an_object", "JSONのオブジェクトが必要です。"),
    ])  # fmt: skip

    assert in_words(refusal).split("\n") == [
        "合計: 数が必要です。",
        "明細 2件目 › 単価: 数が必要です。",
        "お届け先 1件目 › 納品先 › 住所 › 郵便番号: 必要です。",
        "surprise: 知らない項目です。",
        "JSONのオブジェクトが必要です。",
    ]
