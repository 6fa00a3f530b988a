"""Lists and forms of whoever works with some locations only: a shop sees and moves its own stock."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from erp.core.admin import ReadOnlyAdmin, ReadOnlyInline
from erp.inventory.models import Location
from erp.inventory.selectors.staff import places_of, shop_channels_of, transfers_to


class OfPlaces(ReadOnlyAdmin):
    """``place`` leads from a row to the location whose staff see it."""

    place = "location"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        places = places_of(request.user)
        return rows if places is None else self.at(rows, places)

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        return rows.filter(**{f"{self.place}__in": places})


class OfPlacesInline(ReadOnlyInline):
    """Rows at other locations of a document that concerns several are not shown."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        places = places_of(request.user)
        return rows if places is None else self.at(rows, places)

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        return rows.filter(location__in=places)


def limit_channels(form: forms.BaseForm, request: HttpRequest) -> None:
    """Let the user choose a channel only that sells from own locations."""
    field = form.fields["channel"]
    assert isinstance(field, forms.ModelChoiceField)
    channels = shop_channels_of(request.user)
    if channels is not None and field.queryset is not None:
        field.queryset = field.queryset.filter(pk__in=channels)


def limit_places(form: forms.BaseForm, request: HttpRequest) -> None:
    """Let the user choose own locations only where a form names them in ``own_places``, and in ``sent_to`` those that goods of own ones may go to."""
    places = places_of(request.user)
    if places is None:
        return
    road = Location.objects.filter(is_active=True, kind=Location.Kind.IN_TRANSIT)
    for names, allowed in (
        (getattr(form, "own_places", ("location",)), places),
        (getattr(form, "sent_to", ()), [place.pk for place in (*transfers_to(request.user), *road)]),
    ):
        for name in names:
            field = form.fields.get(name)
            if (
                isinstance(field, forms.ModelChoiceField)
                and field.queryset is not None
                and field.queryset.model is Location
            ):
                field.queryset = field.queryset.filter(pk__in=allowed)
