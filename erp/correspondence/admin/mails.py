"""Every mail: what it says, to whom, why it was not sent; and what people do with it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ActionForm, PageLink, ReadOnlyAdmin, ReadOnlyInline, document_link
from erp.correspondence import selectors, services
from erp.correspondence.admin.forms import AgainForm, DiscardForm, WordsForm, fresh_token
from erp.correspondence.exceptions import WrittenMeanwhile
from erp.correspondence.models import Mail, MailEvent
from erp.correspondence.services import by_hand

State = Mail.State


class EventInline(ReadOnlyInline):
    model = MailEvent
    fields = ["recorded_at", "kind", "told", "actor"]
    readonly_fields = fields
    ordering = ["pk"]

    @admin.display(description=_("detail"))
    def told(self, event: MailEvent) -> str:
        return format_html('<span class="as-typed">{}</span>', event.detail)


class ReasonForm(ActionForm):
    reason = forms.CharField(label=_("reason"), required=False, max_length=200)


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["mail", "state", "document", "recipient", "owed_at", "sent_at", "sold_through", "why"]
    list_select_related = ["channel"]
    list_filter = ["state", "kind", "channel"]
    search_fields = ["document_label__exact", "recipient__folded"]
    search_help_text = _("Order number or address")
    ordering = ["-id"]
    action_form = ReasonForm
    actions = ["approve", "discard"]
    inlines = [EventInline]
    fieldsets = [
        (None, {"fields": [
            "mail", "state", "document", "channel", "sends_to", "from_header", "owed_at", "due_at", "sent_at", "attempts", "why", "resend_of",
            "actor",
        ]}),
        (_("text of the mail"), {"fields": ["words"]}),
    ]  # fmt: skip
    readonly_fields = ["mail", "document", "sends_to", "why", "words"]
    object_links = (
        PageLink("admin:correspondence_mail_approve", _("Edit and send"), "act"),
        PageLink("admin:correspondence_mail_again", _("Send again"), "act"),
        PageLink("admin:correspondence_mail_discard", _("Do not send"), "act"),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:mail_id>/approve/", view(self.approve_page), name="correspondence_mail_approve"),
            path("<int:mail_id>/again/", view(self.again_page), name="correspondence_mail_again"),
            path("<int:mail_id>/discard/", view(self.discard_page), name="correspondence_mail_discard"),
        ]
        return [*own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """Only what is possible in the mail's state is offered."""
        possible = {
            "admin:correspondence_mail_approve": by_hand.UNSENT,
            "admin:correspondence_mail_again": by_hand.ENDED,
            "admin:correspondence_mail_discard": (*by_hand.UNSENT, State.FAILED, State.UNKNOWN, State.UNDELIVERABLE),
        }
        answer = super().render_change_form(request, context, *args, **options)
        mail = context.get("original")
        if mail is not None:
            if mail.state == State.DISCARDED and selectors.newest_again(mail.pk):
                possible["admin:correspondence_mail_again"] = ()
            offered = [link for link in self.object_links if mail.state in possible[link.url_name]]
            answer.context_data["page_links"] = self._links(request, offered, mail.pk)
        return answer

    @admin.display(description=_("kind"), ordering="kind")
    def mail(self, mail: Mail) -> str:
        return format_html('<span class="one-line">{}</span>', mail.get_kind_display())

    @admin.display(description=_("sales channel"), ordering="channel__code")
    def sold_through(self, mail: Mail) -> str:
        return mail.channel.name

    @admin.display(description=_("document number"), ordering="document_label")
    def document(self, mail: Mail) -> str:
        return document_link(mail.document_type, mail.document_id, mail.document_label)

    @admin.display(description=_("reason"))
    def why(self, mail: Mail) -> str:
        return mail.reason or "–"

    @admin.display(description=_("addressed to"))
    def sends_to(self, mail: Mail) -> str:
        return mail.recipient or selectors.as_it_goes_out(mail).recipient or "–"

    @admin.display(description=_("text of the mail"))
    def words(self, mail: Mail) -> str:
        """As it was sent, or as it would go out now."""
        text = selectors.as_it_goes_out(mail).text
        return format_html('<div class="letter"><strong>{}</strong><pre>{}</pre></div>', text.subject, text.body)

    @admin.action(description=_("Send the drafts"), permissions=["act"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        self._each(request, queryset, lambda key: partial(services.approve_mail, mail_id=key))

    @admin.action(description=_("Do not send (give a reason)"), permissions=["act"])
    def discard(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        reason = request.POST.get("reason", "")
        self._each(request, queryset, lambda key: partial(services.discard_mail, mail_id=key, reason=reason))

    def approve_page(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        mail = self._found(request, mail_id)
        written = selectors.as_it_goes_out(mail)
        form = WordsForm.of(written, request.POST or None, seen=selectors.seen_of(mail))

        def act() -> HttpResponse:
            self.serve(
                request,
                services.approve_mail,
                mail_id=mail_id,
                words=form.words(),
                seen=form.cleaned_data["seen"],
            )
            return self.done(request, gettext("It goes out now."), "admin:correspondence_mail_change", mail_id)

        return self.service_page(
            request,
            form=form,
            title=f"{mail.document_label} {mail.get_kind_display()}",
            act=act,
            submit=gettext("Send"),
            template="admin/correspondence/words.html",
            problem=written.problem,
            written=written,
        )

    def again_page(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        mail = self._found(request, mail_id)
        if request.method == "GET" and (last := selectors.newest_again(mail_id)):
            self.message_user(request, selectors.told_of_again(last), messages.WARNING)
        initial = {"recipient": mail.recipient, "token": fresh_token(), "seen": selectors.seen_of(mail)}
        form = AgainForm(request.POST or None, initial=initial)

        def act() -> HttpResponse:
            try:
                again = self.serve(request, services.send_again, mail_id=mail_id, **form.cleaned_data)
            except WrittenMeanwhile as refusal:
                form.sees(refusal.mail_id)
                raise
            return self.done(request, gettext("It goes out once more."), "admin:correspondence_mail_change", again.pk)

        title = f"{mail.document_label} {mail.get_kind_display()}"
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("Send again"))

    def discard_page(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        mail = self._found(request, mail_id)
        form = DiscardForm(request.POST or None, initial={"seen": selectors.seen_of(mail)})

        def act() -> HttpResponse:
            self.serve(request, services.discard_mail, mail_id=mail_id, **form.cleaned_data)
            return self.done(request, gettext("It will not be sent."), "admin:correspondence_mail_change", mail_id)

        title = f"{mail.document_label} {mail.get_kind_display()}"
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("Do not send"))

    def _found(self, request: HttpRequest, mail_id: int) -> Mail:
        if not self.has_act_permission(request):
            raise PermissionDenied
        mail: Mail = get_object_or_404(self.get_queryset(request), pk=mail_id)
        return mail

    def _each(self, request: HttpRequest, queryset: QuerySet[Mail], act: Any) -> None:
        done = 0
        for key, number in queryset.order_by("pk").values_list("pk", "document_label"):
            with self.refusals_as_messages(request, number):
                self.serve(request, act(key))
                done += 1
        told = ngettext("%(count)d mail done.", "%(count)d mails done.", done)
        self.message_user(request, told % {"count": done}, messages.SUCCESS if done else messages.WARNING)
