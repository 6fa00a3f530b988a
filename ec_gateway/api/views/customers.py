"""Customers of this channel, under the channel's own number. What the EC site owns is taken; what Mamori owns is refused, naming its owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from customers import selectors
from customers.models import CustomerRecord
from customers.selectors import AccountTerms, ChannelCustomer
from customers.services import CustomerData, OrdererNews, register_customer
from ec_gateway.api.frame import Answer, ApiView, json_answer, plain
from ec_gateway.api.order_examples import ADDRESS as EXAMPLE_ADDRESS
from ec_gateway.api.schema import Described, Example, operation, path, query
from ec_gateway.json_reader import JsonReader
from ec_gateway.models import ApiKey
from erp.core import ownership
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.ownership import Owner
from erp.insights import selectors as insights

KINDS = {"person": "PERSON", "company": "COMPANY"}
NAMES = ("company", "department", "family_name", "given_name", "family_kana", "given_kana", "email", "phone")
ADDRESS = ("country", "postal_code", "prefecture", "city", "street", "building")
LENGTHS = {field.name: field.max_length or 0 for field in CustomerRecord._meta.concrete_fields if field.max_length}


class CustomerAddressSerializer(Described):
    within = "customer.address"

    country = serializers.CharField(
        max_length=LENGTHS["country"], required=False, help_text="ISO 3166, JP if left out."
    )
    postal_code = serializers.CharField(max_length=LENGTHS["postal_code"], required=False, allow_blank=True)
    prefecture = serializers.CharField(max_length=LENGTHS["prefecture"], required=False, allow_blank=True)
    city = serializers.CharField(max_length=LENGTHS["city"], required=False, allow_blank=True)
    street = serializers.CharField(max_length=LENGTHS["street"], required=False, allow_blank=True)
    building = serializers.CharField(max_length=LENGTHS["building"], required=False, allow_blank=True)


class RfmSerializer(Described):
    within = "customer.rfm"

    as_of = serializers.DateField()
    r = serializers.IntegerField()
    f = serializers.IntegerField()
    m = serializers.IntegerField()


class CustomerRequestSerializer(Described):
    """The whole of what the EC site owns; what is left out is empty."""

    asset = "customer"

    kind = serializers.ChoiceField(choices=list(KINDS), required=False)
    company = serializers.CharField(max_length=LENGTHS["company"], required=False, allow_blank=True)
    department = serializers.CharField(max_length=LENGTHS["department"], required=False, allow_blank=True)
    family_name = serializers.CharField(max_length=LENGTHS["family_name"], required=False, allow_blank=True)
    given_name = serializers.CharField(max_length=LENGTHS["given_name"], required=False, allow_blank=True)
    family_kana = serializers.CharField(max_length=LENGTHS["family_kana"], required=False, allow_blank=True)
    given_kana = serializers.CharField(max_length=LENGTHS["given_kana"], required=False, allow_blank=True)
    email = serializers.CharField(max_length=LENGTHS["email"], required=False, allow_blank=True)
    email_is_relay = serializers.BooleanField(required=False)
    phone = serializers.CharField(max_length=LENGTHS["phone"], required=False, allow_blank=True)
    address = CustomerAddressSerializer(required=False)
    as_of = serializers.DateTimeField(
        required=False, help_text="When this was so; older news changes nothing. Now if left out."
    )


class CustomerSerializer(Described):
    asset = "customer"

    external_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(KINDS))
    company = serializers.CharField(allow_blank=True)
    department = serializers.CharField(allow_blank=True)
    family_name = serializers.CharField(allow_blank=True)
    given_name = serializers.CharField(allow_blank=True)
    family_kana = serializers.CharField(allow_blank=True)
    given_kana = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    email_is_relay = serializers.BooleanField()
    phone = serializers.CharField(allow_blank=True)
    address = CustomerAddressSerializer()
    as_of = serializers.DateTimeField()
    version = serializers.IntegerField()
    golden_id = serializers.IntegerField(help_text="The one customer behind the records of all channels.")
    account_codes = serializers.ListField(
        child=serializers.CharField(), help_text="Trade accounts (得意先) of the customer."
    )
    segment = serializers.CharField(allow_null=True, help_text="RFM segment.")
    rfm = RfmSerializer(allow_null=True)


class CreditTermSerializer(Described):
    within = "credit.terms"

    kind = serializers.ChoiceField(choices=["open_order", "unbilled", "receivable", "deposit"])
    amount = serializers.CharField(help_text="Decimal, signed.")


class CreditSerializer(Described):
    asset = "credit"

    account_code = serializers.CharField()
    bill_to = serializers.CharField()
    policy = serializers.ChoiceField(choices=["none", "warn", "hold"])
    currency = serializers.CharField()
    credit_limit = serializers.CharField(allow_null=True, help_text="Decimal; null: no limit is kept.")
    exposure = serializers.CharField(help_text="Decimal; the terms add up to it.")
    credit_available = serializers.CharField(allow_null=True, help_text="Decimal; negative when the limit is exceeded.")
    is_frozen = serializers.BooleanField()
    limit_expired = serializers.BooleanField()
    terms = CreditTermSerializer(many=True)


_PERSON = {
    "kind": "person",
    "company": "",
    "department": "",
    "family_name": "髙橋",
    "given_name": "花子",
    "family_kana": "タカハシ",
    "given_kana": "ハナコ",
    "email": "hanako@example.jp",
    "email_is_relay": False,
    "phone": "090-0000-0000",
    "address": EXAMPLE_ADDRESS,
    "as_of": "2026-11-23T03:00:00Z",
}
_MANAGED = {"version": 1, "golden_id": 501, "account_codes": [], "segment": None, "rfm": None}


class CustomerOfChannel(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.CUSTOMERS_READ, "PUT": ApiKey.Scope.CUSTOMERS_WRITE}

    @operation(
        id="customer_read",
        summary="A customer of this channel",
        tag="customers",
        parameters=[path("external_id")],
        answers={200: CustomerSerializer},
        refusals=[404],
        examples=[
            Example("a person", path={"external_id": "c-1"}, response={"external_id": "c-1", **_PERSON, **_MANAGED})
        ],
    )
    def get(self, request: Request, external_id: str) -> HttpResponse:
        return json_answer(_read_again(self.client.channel_id, external_id))

    @operation(
        id="customer_put",
        summary="What this channel knows of its customer",
        description=(
            "403 `not_owner` names every field that Mamori owns (golden_id, account_code, segment …) and changes nothing. "
            "News that is older than what is known (`as_of`) changes nothing either."
        ),
        tag="customers",
        parameters=[path("external_id")],
        request=CustomerRequestSerializer,
        answers={200: CustomerSerializer, 201: CustomerSerializer},
        refusals=[409],
        is_write=True,
        examples=[
            Example(
                "a new person",
                status=201,
                path={"external_id": "c-77"},
                request=_PERSON,
                response={"external_id": "c-77", **_PERSON, **_MANAGED},
            )
        ],
    )
    def put(self, request: Request, external_id: str) -> HttpResponse:
        body = self.json_object(request)

        def effect() -> Answer:
            news = _read_own(external_id, body, at=self.at)
            done = register_customer(channel_id=self.client.channel_id, news=news, at=self.at, by=self.actor(request))
            answer = _read_again(self.client.channel_id, external_id)
            return Answer(201 if done.is_new else 200, answer, done.is_unchanged)

        return self.write(request, body, effect)


class CreditOfCustomer(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.CREDIT_READ}

    @operation(
        id="credit_read",
        summary="What a business customer may still buy on account",
        description="For pages only: the order decides under a lock. 404 `no_account`: the customer does not buy on account.",
        tag="customers",
        parameters=[
            path("external_id"),
            query("account", description="Which of its accounts, where there are several."),
        ],
        answers={200: CreditSerializer},
        refusals=[404],
        examples=[
            Example(
                "a shop",
                path={"external_id": "b-1"},
                response={
                    "account_code": "A1",
                    "bill_to": "B1 株式会社守屋",
                    "policy": "hold",
                    "currency": "JPY",
                    "credit_limit": "500000",
                    "exposure": "0",
                    "credit_available": "500000",
                    "is_frozen": False,
                    "limit_expired": False,
                    "terms": [],
                },
            )
        ],
    )
    def get(self, request: Request, external_id: str) -> HttpResponse:
        customer = selectors.channel_customer(channel_id=self.client.channel_id, external_id=external_id)
        account = account_of(customer, request.query_params.get("account", ""))
        if account is None:
            raise NoAccount(_("The customer %(id)s has no account.") % {"id": external_id})
        return json_answer(_credit(account, at=self.at))


class NoAccount(NotFound):
    code = "no_account"


def account_of(customer: ChannelCustomer, code: str = "") -> AccountTerms | None:
    """The customer's account, None without one. Raises InvalidInput where ``code`` must say which, or says one that is not the customer's."""
    accounts = {account.account_code: account for account in selectors.accounts_of_golden(customer.golden_id)}
    if code and code not in accounts:
        raise InvalidInput([Problem("/query/account", "unknown_account", _("This is no account of the customer."))])
    if not code and len(accounts) > 1:
        detail = _("The customer has several accounts: %(codes)s.") % {"codes": ", ".join(accounts)}
        raise InvalidInput([Problem("/query/account", "required", detail)])
    return accounts[code] if code else next(iter(accounts.values()), None)


def _read_own(external_id: str, body: dict[str, Any], *, at: dt.datetime) -> OrdererNews:
    """What the EC site may say. Raises NotOwner when it says more, InvalidInput; either names every fault."""
    foreign = _foreign(body)
    try:
        news = _read_news(external_id, {name: body[name] for name in body if name not in foreign}, at=at)
    except InvalidInput as faults:
        ownership.refuse_foreign_fields("customer", foreign, writer=Owner.EC, others=faults.problems)
        raise
    ownership.refuse_foreign_fields("customer", foreign, writer=Owner.EC)
    return news


def _foreign(body: Mapping[str, Any]) -> list[str]:
    """Fields that Mamori owns. Those without an owner are no fields of the contract, which is another fault."""
    owners = {fact.field: fact.owner for fact in ownership.registered() if fact.asset == "customer"}
    return [name for name in body if owners.get(name, Owner.EC) is not Owner.EC]


def _read_news(external_id: str, body: dict[str, Any], *, at: dt.datetime) -> OrdererNews:
    problems: list[Problem] = []
    reader = JsonReader(body, "", problems)
    texts = {name: reader.text(name) for name in NAMES}
    place = reader.child("address")
    address = {name: place.text(name) if place else "" for name in ADDRESS}
    if place:
        place.refuse_unknown()
    kind = reader.choice("kind", KINDS, default="PERSON")
    is_relay = reader.boolean("email_is_relay")
    as_of = reader.moment("as_of") or at
    reader.refuse_unknown()
    problems += [
        Problem(pointer, "too_long", _("At most %(most)s characters are possible.") % {"most": LENGTHS[name]})
        for pointer, name, value in [
            *((f"/{name}", name, value) for name, value in texts.items()),
            *((f"/address/{name}", name, value) for name, value in address.items()),
        ]
        if len(value) > LENGTHS[name]
    ]
    if len(external_id) > 100:
        problems.append(
            Problem("/external_id", "too_long", _("At most %(most)s characters are possible.") % {"most": 100})
        )
    if as_of > at + dt.timedelta(minutes=5):
        problems.append(Problem("/as_of", "invalid", _("This time is yet to come.")))
    if problems:
        raise InvalidInput(problems)
    address["country"] = address["country"] or "JP"
    return OrdererNews(external_id, CustomerData(kind=kind, email_is_relay=is_relay, **texts, **address), as_of)


def _read_again(channel_id: int, external_id: str) -> dict[str, Any]:
    customer = selectors.channel_customer(channel_id=channel_id, external_id=external_id)
    record = customer.record
    rfm = insights.rfm_of([customer.golden_id]).get(customer.golden_id)
    return {
        "external_id": external_id,
        "kind": record.kind.lower(),
        **{name: getattr(record, name) for name in NAMES},
        "email_is_relay": record.email_is_relay,
        "address": {name: getattr(record, name) for name in ADDRESS},
        "as_of": customer.as_of,
        "version": record.version,
        "golden_id": customer.golden_id,
        "account_codes": [account.account_code for account in selectors.accounts_of_golden(customer.golden_id)],
        "segment": rfm.segment_code or None if rfm else None,
        "rfm": {"as_of": rfm.as_of, "r": rfm.r, "f": rfm.f, "m": rfm.m} if rfm else None,
    }


def _credit(account: AccountTerms, *, at: dt.datetime) -> dict[str, Any]:
    group_id = account.credit_group_id
    body: dict[str, Any] = {"account_code": account.account_code, "bill_to": account.bill_to_label}
    if group_id is None:
        nothing = {"policy": "none", "currency": "JPY", "credit_limit": None, "exposure": "0", "credit_available": None}
        return body | nothing | {"is_frozen": False, "limit_expired": False, "terms": []}
    standing = selectors.credit_standings([group_id], on=business_date(at))[group_id]
    terms = selectors.exposure_terms(group_id)
    return body | {
        "policy": standing.policy.lower(),
        "currency": standing.currency,
        "credit_limit": plain(standing.limit),
        "exposure": plain(standing.exposure),
        "credit_available": plain(standing.available),
        "is_frozen": standing.is_frozen,
        "limit_expired": standing.limit_expired,
        "terms": [{"kind": kind.lower(), "amount": plain(amount)} for kind, amount in terms.items()],
    }
