"""The kinds of fields that the OpenAPI text of orders is made of."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


def money(**fields: Any) -> serializers.RegexField:
    """A decimal number in a text."""
    return serializers.RegexField(r"^-?[0-9]{1,20}(\.[0-9]{1,10})?$", **fields)


def text(**fields: Any) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, allow_null=True, **fields)


def choice(of: dict[str, str], *, required: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(list(of), required=required, allow_null=not required)


def told(values: list[str]) -> serializers.ChoiceField:
    """An enumeration in an answer."""
    return serializers.ChoiceField([value.lower() for value in values])


def moment(*, required: bool = False) -> serializers.DateTimeField:
    told = "ISO 8601 with its offset, at most 15:59 hours; in the years from 1989 to 2199."
    return serializers.DateTimeField(required=required, allow_null=not required, help_text=told)


def day() -> serializers.DateField:
    return serializers.DateField(required=False, allow_null=True)


def flag() -> serializers.BooleanField:
    return serializers.BooleanField(required=False, allow_null=True)


def own_id(**fields: Any) -> serializers.CharField:
    return serializers.CharField(min_length=1, max_length=100, **fields)
