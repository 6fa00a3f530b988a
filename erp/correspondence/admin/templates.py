"""The words of mails. What a template may say is listed beside it, checked when it is saved, and tried on a real document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import MasterAdmin, PageLink
from erp.core.errors import DomainError
from erp.correspondence import selectors
from erp.correspondence.admin.forms import BODY, LINE
from erp.correspondence.models import ChannelMail, MailKind, MailTemplate
from erp.correspondence.selectors import Topic

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[MailTemplate]
else:
    ModelForm = forms.ModelForm


class TemplateForm(ModelForm):
    class Meta:
        model = MailTemplate
        fields = ["channel", "kind", "name", "subject", "body"]
        widgets = {"subject": LINE, "body": BODY}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        kind = values.get("kind") or self.instance.kind
        if kind and "subject" in values and "body" in values:
            known = selectors.every_placeholder(kind)
            for problem in selectors.find_problems(values["subject"], values["body"], known):
                self.add_error(problem.pointer.removeprefix("/"), problem.detail)
        return values


class PreviewForm(forms.Form):
    document = forms.ChoiceField(label=_("written about"), required=False)


@admin.register(MailTemplate)
class MailTemplateAdmin(MasterAdmin):
    form = TemplateForm
    list_display = ["title", "channel", "subject"]
    list_display_links = ["title"]
    list_select_related = ["channel"]
    list_filter = ["kind", "channel"]
    ordering = ["kind", "name", "channel"]
    fields = ["kind", "channel", "name", "subject", "body", "placeholders"]
    readonly_fields = ["placeholders"]
    object_links = (PageLink("admin:correspondence_mailtemplate_preview", _("Try it on an order")),)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview)
        own = path("<int:template_id>/preview/", view, name="correspondence_mailtemplate_preview")
        new = path("add/preview/", view, {"template_id": 0}, name="correspondence_mailtemplate_preview_new")
        return [own, new, *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: MailTemplate | None = None) -> list[str]:
        return ["kind", "placeholders"] if obj else ["placeholders"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A template of a channel may go: then the company's is taken. That of the company stays."""
        may = request.user.has_perm("correspondence.delete_mailtemplate")
        return may and (obj is None or obj.channel_id is not None or obj.kind == MailKind.OTHER)

    @admin.display(description=_("kind"), ordering="kind")
    def title(self, template: MailTemplate) -> str:
        return str(template)

    @admin.display(description=_("placeholders"))
    def placeholders(self, template: MailTemplate) -> str:
        kinds = [template.kind] if template.kind else MailKind.values
        named = {item.name: item for kind in kinds for item in selectors.every_placeholder(kind)}
        page = "admin:correspondence_mailtemplate_preview"
        preview = reverse(page, args=[template.pk]) if template.pk else reverse(f"{page}_new")
        told = {"placeholders": named.values(), "preview": preview}
        return render_to_string("admin/correspondence/placeholders.html", told)

    def preview(self, request: HttpRequest, template_id: int) -> HttpResponse:
        """As it would read now, about a document of the channel; a template of the company about one of any channel that writes.

        What is being typed (POST) is shown as typed. Nothing is saved.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        template = get_object_or_404(self.get_queryset(request), pk=template_id) if template_id else MailTemplate()
        typed: list[tuple[str, str]] = []
        if request.method == "POST":
            form_of_page = self.get_form(request, template if template_id else None, change=bool(template_id))
            edited = form_of_page(request.POST, instance=template)
            typed = [(name, request.POST[name]) for name in edited.fields if name in request.POST]
            # That there is such a template already keeps it from being saved, not from being looked at.
            if faults := {name: told for name, told in edited.errors.items() if name in ("kind", "subject", "body")}:
                return self._shown(request, template, typed=typed, faults=faults)
        if not template.kind:
            return self._shown(request, template, typed=typed, faults={"kind": [gettext("Choose the kind first.")]})
        return self._shown(request, template, typed=typed)

    def _shown(
        self, request: HttpRequest, template: MailTemplate, *, typed: list[tuple[str, str]], faults: Any = None
    ) -> HttpResponse:
        asked = request.POST if typed else request.GET
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "typed": typed}
        if faults:
            told = {**shared, "title": gettext("Preview"), "form": None, "faults": faults}
            return TemplateResponse(request, "admin/correspondence/preview.html", told)
        writing = [template.channel_id] if template.channel_id else list(_writing_channels())
        writer = selectors.writer_of(template.kind)
        samples = {str(key): (label, channel) for channel in writing for key, label in writer.samples(channel)}
        form = PreviewForm(asked if "document" in asked else None, initial={"document": next(iter(samples), "")})
        form.fields["document"].choices = [(key, label) for key, (label, _channel) in samples.items()]  # type: ignore[attr-defined]
        chosen = asked.get("document", next(iter(samples), ""))
        written, problem = None, gettext("There is no order of a channel that writes mails yet.")
        if chosen in samples:
            try:
                topic = Topic(template.kind, int(chosen))
                written = selectors.write(topic, channel_id=samples[chosen][1], template=template)
                problem = written.problem
            except DomainError as refusal:
                problem = str(refusal.detail)
        told = {**shared, "title": str(template), "form": form, "written": written, "problem": problem}
        return TemplateResponse(request, "admin/correspondence/preview.html", told)


def _writing_channels() -> Any:
    return ChannelMail.objects.order_by("pk").values_list("channel_id", flat=True)
