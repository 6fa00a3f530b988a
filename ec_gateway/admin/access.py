"""EC sites, their keys and what they list. A secret is shown once, when it is made, or never: what is stored cannot be read back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import APIKey as LibraryKey

from ec_gateway import credentials
from ec_gateway.admin import standing
from ec_gateway.models import ApiKey, EcSite, Listing
from ec_gateway.platforms import PLATFORMS, secrets_of
from ec_gateway.platforms import connect as connect_platform
from ec_gateway.platforms.connections import connect
from ec_gateway.selectors.queues import ending_credentials, ending_keys
from ec_gateway.services import access, setups, sites
from erp.core.admin import ActionForm, MasterAdmin
from erp.core.clock import FIRST_MOMENT, LAST_MOMENT, NotAMoment, moment_of
from erp.core.errors import InvalidInput, Problem

# The library's own kind of key opens nothing here.
if admin.site.is_registered(LibraryKey):
    admin.site.unregister(LibraryKey)


# What staff call the platforms; one that nobody named here goes by its own name.
PLATFORM_NAMES = {"generic": _("Contract of Mamori (generic)"), "shopify": "Shopify"}


class WriteOnlyTextarea(forms.Textarea):
    """Never shows what is stored or was typed, also not after a fault elsewhere in the form."""

    def format_value(self, value: Any) -> str:
        return ""


class SiteForm(forms.ModelForm):  # type: ignore[type-arg] # its model is registered with the admin
    new_credentials = forms.CharField(
        label=_("new credentials"),
        required=False,
        widget=WriteOnlyTextarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text=_("One per line, name=value. An empty value forgets one. What is stored is never shown."),
    )
    platform = forms.ChoiceField(label=_("platform"), required=False)
    base_url = forms.URLField(label=_("URL to connect to"), required=False, assume_scheme="https")

    class Meta:
        model = EcSite
        fields = (
            "channel", "platform", "base_url", "settings", "credentials_expire_on", "is_publishing", "is_polling",
        )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "settings" not in self.fields:
            # Whoever may look only is shown no field to fill in.
            return
        self.fields["settings"].widget.attrs["rows"] = 4
        platform = self.fields["platform"]
        assert isinstance(platform, forms.ChoiceField)
        platform.choices = [
            ("", _("only calls our API")),
            *((name, PLATFORM_NAMES.get(name, name)) for name in sorted(PLATFORMS)),
        ]

    def clean_credentials_expire_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["credentials_expire_on"]
        if day is not None and not FIRST_MOMENT.date() < day < LAST_MOMENT.date():
            raise ValidationError(gettext("This is no date of our time."))
        return day

    def clean_new_credentials(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["new_credentials"].splitlines():
            if line.strip():
                name, equals, value = line.partition("=")
                if not equals or not name.strip().isidentifier():
                    raise ValidationError(gettext("Each line needs the form name=value."))
                found[name.strip()] = value.strip()
        return found

    def clean(self) -> dict[str, Any]:
        """Whatever the platform would stumble over is named here, by the platform itself."""
        cleaned: dict[str, Any] = super().clean() or {}
        platform = cleaned.get("platform")
        if not platform:
            return cleaned
        if not cleaned.get("base_url") and "base_url" not in self.errors:
            self.add_error("base_url", gettext("A site that is called needs its URL."))
        unreadable = set(self.errors)
        for problem in self._setup_problems(platform, cleaned):
            part, _slash, name = problem.pointer.lstrip("/").partition("/")
            field = "new_credentials" if part == "credentials" else part
            if field not in unreadable:
                self.add_error(field, f"{name}: {problem.detail}" if name else problem.detail)
        return cleaned

    def _setup_problems(self, platform: str, cleaned: dict[str, Any]) -> list[Problem]:
        given = cleaned.get("new_credentials") or {}
        strange = given.keys() - secrets_of(platform)
        detail = gettext("This platform asks for %(names)s.") % {"names": ", ".join(sorted(secrets_of(platform)))}
        problems = [Problem(f"/credentials/{name}", "unknown", detail) for name in sorted(strange) if given[name]]
        try:
            known = credentials.unseal(self.instance)
        except credentials.CredentialsUnreadable:
            known = {}
        try:
            connect_platform(
                platform,
                base_url=cleaned.get("base_url") or "",
                settings=cleaned.get("settings"),
                credentials={**known, **given},
            )
        except InvalidInput as faults:
            problems += faults.problems
        return problems


class EndsFilter(admin.SimpleListFilter):
    """The lists behind the work queues. ``ending`` is the selector that counts there."""

    title = _("end")
    parameter_name = "ends"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.ending = model_admin.ending
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("soon", _("ends soon"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(pk__in=self.ending().values("pk")) if self.value() == "soon" else queryset


@admin.register(EcSite)
class EcSiteAdmin(MasterAdmin):
    form = SiteForm
    list_display = [
        "channel", "platform_name", "base_url", "standing_in_short", "is_publishing", "is_polling", "credentials_expire_on",
    ]  # fmt: skip
    list_select_related = ["channel", "state"]
    list_filter = ["platform", "is_publishing", "is_polling", EndsFilter]
    ending = staticmethod(ending_credentials)
    search_fields = ["channel__code", "channel__name", "base_url"]
    autocomplete_fields = ["channel"]
    ordering = ["channel__code"]
    readonly_fields = ["standing", "stored_credentials"]
    fields = [
        "channel", "standing", "platform", "base_url", "settings", "stored_credentials", "new_credentials", "credentials_expire_on",
        "is_publishing", "is_polling",
    ]  # fmt: skip

    @admin.display(description=_("platform"), ordering="platform")
    def platform_name(self, site: EcSite) -> str:
        return str(PLATFORM_NAMES.get(site.platform, site.platform) or _("only calls our API"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).prefetch_related("activities")
        return found

    @admin.display(description=_("state"))
    def standing_in_short(self, site: EcSite) -> str:
        return standing.in_short(site)

    @admin.display(description=_("state"))
    def standing(self, site: EcSite) -> str:
        return standing.in_full(site)

    @admin.display(description=_("stored credentials"))
    def stored_credentials(self, site: EcSite) -> str:
        """Their names only."""
        try:
            return ", ".join(sorted(credentials.unseal(site))) or "-"
        except credentials.CredentialsUnreadable as refusal:
            return refusal.detail

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*self.readonly_fields, *([] if obj is None else ["channel"])]

    def save_model(self, request: HttpRequest, obj: EcSite, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        sites.ensure_rows(site_ids=[obj.pk])
        if given := form.cleaned_data["new_credentials"]:
            self.serve(request, access.set_credentials, site_id=obj.pk, given=given)
        saved = EcSite.objects.select_related("channel").get(pk=obj.pk)
        if obj.platform:
            with self.refusals_as_messages(request):
                connect(saved, at=timezone.now(), by=self.actor(request))
        else:
            self.serve(request, setups.note_usable, site=saved)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg] # its model is registered with the admin
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        given: Any = self.data
        if given.get("expiry_date_0") and not given.get("expiry_date_1"):
            # Who names a day means all of it.
            self.data = given = given.copy()
            given["expiry_date_1"] = "23:59:59"

    class Meta:
        model = ApiKey
        fields = ("site", "name", "scopes", "requests_per_minute", "expiry_date")

    def clean_expiry_date(self) -> dt.datetime | None:
        ends: dt.datetime | None = self.cleaned_data["expiry_date"]
        if ends is None or "expiry_date" not in self.changed_data:
            return ends
        try:
            moment_of(ends)
        except NotAMoment as fault:
            raise ValidationError(fault.detail) from fault
        if ends <= timezone.now():
            raise ValidationError(gettext("This time has passed. To close a key at once, revoke it in the list."))
        return ends


class OverlapForm(ActionForm):
    overlap_days = forms.IntegerField(
        label=_("the old key stays valid for (days)"), min_value=0, max_value=90, initial=7, required=False
    )


@admin.register(ApiKey)
class ApiKeyAdmin(MasterAdmin):
    form = KeyForm
    action_form = OverlapForm
    list_display = ["prefix", "name", "channel", "scope_names", "expiry_date", "revoked", "last_used_at", "created"]
    list_select_related = ["site__channel"]
    list_filter = ["revoked", EndsFilter, "site__channel"]
    ending = staticmethod(ending_keys)
    search_fields = ["prefix", "name", "site__channel__code"]
    ordering = ["-created"]
    actions = ["rotate", "revoke"]

    @admin.display(description=_("EC site"), ordering="site__channel__code")
    def channel(self, key: ApiKey) -> str:
        return str(key.site.channel.name)

    @admin.display(description=_("scopes"))
    def scope_names(self, key: ApiKey) -> str:
        labels = dict(ApiKey.Scope.choices)
        return "・".join(str(labels.get(scope, scope)) for scope in key.scopes)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        if obj is None:
            return []
        assert isinstance(obj, ApiKey)
        fixed = ["prefix", "site", "revoked", "last_used_at", "created"]
        return [*fixed, "name", "scopes", "requests_per_minute", "expiry_date"] if obj.revoked else fixed

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        given = ["site", "name", "scopes", "requests_per_minute", "expiry_date"]
        return given if obj is None else ["prefix", *given, "revoked", "last_used_at", "created"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        asked = form.cleaned_data
        made = self.serve(
            request,
            access.create_key,
            site_id=asked["site"].pk,
            name=asked["name"],
            scopes=asked["scopes"],
            requests_per_minute=asked["requests_per_minute"],
            expiry_date=asked["expiry_date"],
        )
        obj.pk, obj.prefix = made.key.pk, made.key.prefix
        request.new_key = made  # type: ignore[attr-defined] # for the page that follows, and nowhere else

    def response_add(self, request: HttpRequest, obj: ApiKey, *args: Any, **options: Any) -> HttpResponse:
        return self._shown_once(request, request.new_key)  # type: ignore[attr-defined]

    @admin.action(description=_("Replace the key: a new one now, the old one ends later"), permissions=["act"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(queryset.values_list("pk", flat=True)[:2])
        if len(keys) != 1:
            self.message_user(request, gettext("Choose one key: the new one is shown once."), messages.ERROR)
            return None
        text = request.POST.get("overlap_days") or "7"
        days = min(int(text), 90) if text.isascii() and text.isdecimal() and len(text) < 4 else 7
        made = None
        with self.refusals_as_messages(request):
            made = self.serve(request, access.rotate_key, key_id=keys[0], overlap=dt.timedelta(days=days))
        return None if made is None else self._shown_once(request, made)

    @admin.action(description=_("Revoke the keys at once (cannot be undone)"), permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        asked = self.asked_first(
            request, queryset.select_related("site__channel"), action="revoke", title=gettext("Revoke at once"),
            warning=gettext("Whoever uses these keys is refused from this moment on. It cannot be undone: a new key has to be made."),
            label=lambda key: f"{key.prefix} {key.name} ({key.site.channel.name})",
        )  # fmt: skip
        if asked is not None:
            return asked
        count = self.serve(request, access.revoke_keys, key_ids=list(queryset.values_list("pk", flat=True)))
        told = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", count) % {"count": count}
        self.message_user(request, told, messages.SUCCESS)
        return None

    def _shown_once(self, request: HttpRequest, made: access.NewKey) -> HttpResponse:
        """The secret goes into this page and nowhere else: no message, session or cookie carries it."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("The new API key"),
            "key": made.key,
            "secret": made.secret,
        }
        page = TemplateResponse(request, "admin/ec_gateway/new_key.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page


@admin.register(Listing)
class ListingAdmin(MasterAdmin):
    list_display = ["external_code", "site", "sku", "is_active"]
    list_select_related = ["site__channel", "sku"]
    list_filter = ["site__channel", "is_active"]
    search_fields = ["external_code__folded", "sku__code"]
    raw_id_fields = ["sku"]
    ordering = ["site_id", "external_code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # What was pushed and compared under it belongs to this pair.
        return [] if obj is None else ["site", "sku"]
