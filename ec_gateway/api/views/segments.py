"""Segments for the EC site's campaigns: which of its own customers belong to one."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from ec_gateway.api.frame import ApiView, json_answer
from ec_gateway.api.pagination import cursor_behind
from ec_gateway.api.questions import Question
from ec_gateway.api.schema import Described, Example, operation, path, query
from ec_gateway.models import ApiKey
from erp.insights import selectors


class MemberSerializer(Described):
    asset = "customer"

    external_id = serializers.CharField(help_text="Your own number of the customer.")
    golden_id = serializers.IntegerField(help_text="The one customer behind the records of all channels.")
    rfm = serializers.DictField(help_text="`r`, `f`, `m` from 1 to 5, 5 is best, and since when they hold (`as_of`).")


class MemberListSerializer(Described):
    is_envelope = True

    segment = serializers.CharField()
    items = MemberSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Behind the last item; null on the last page.")


class SegmentMembers(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.CUSTOMERS_READ}

    @operation(
        id="segment_customers",
        summary="The customers of this channel that belong to a segment",
        description=(
            "Segments are made every night from the orders of all channels (RFM). Who came into, left or changed a segment "
            "is announced in the change feed under the topic `segment`, by your own number."
        ),
        tag="customers",
        parameters=[
            path("code"),
            query("cursor", description="`next_cursor` of the page before."),
            query("limit", description="Items a page, 1 to 1000, 500 if left out."),
        ],
        answers={200: MemberListSerializer},
        refusals=[404],
        examples=[
            Example(
                "champions",
                path={"code": "champions"},
                response={
                    "segment": "champions",
                    "items": [
                        {
                            "external_id": "c-9",
                            "golden_id": 501,
                            "rfm": {"as_of": "2026-11-22", "r": 5, "f": 5, "m": 5},
                        }
                    ],
                    "next_cursor": None,
                },
            )
        ],
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        asked = Question(request)
        after, limit = asked.key_behind(), asked.limit()
        asked.close()
        found = selectors.members(segment_code=code, channel_id=self.client.channel_id, after=after, limit=limit + 1)
        page = found[:limit]
        return json_answer(
            {
                "segment": code,
                "items": [
                    {
                        "external_id": one.external_id,
                        "golden_id": one.golden_id,
                        "rfm": {"as_of": one.as_of, "r": one.r, "f": one.f, "m": one.m},
                    }
                    for one in page
                ],
                "next_cursor": cursor_behind(page[-1].external_id) if len(found) > limit else None,
            }
        )
