"""A mail about one order, written by a person: a template is chosen, filled with this order, changed as needed and sent."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext

from erp.core.admin import ServiceAdmin
from erp.correspondence import selectors as correspondence
from erp.correspondence import services as mails
from erp.correspondence.admin.forms import WordsForm
from erp.correspondence.exceptions import ChannelDoesNotWrite, WrittenMeanwhile
from erp.correspondence.models import MailKind
from erp.correspondence.selectors import Topic
from erp.orders.models import Order


def write(page: ServiceAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """``?template=`` says in which words it begins; without it the first of the other mails."""
    if not request.user.has_perm("correspondence.change_mail"):
        raise PermissionDenied
    offered = [item for item in correspondence.templates_for(order.channel_id) if item.kind != MailKind.RECEIPT]
    others = [item for item in offered if item.kind == MailKind.OTHER]
    asked = request.GET.get("template", "")
    template = next((item for item in offered if str(item.pk) == asked), next(iter(others or offered), None))
    kind = template.kind if template else MailKind.OTHER
    try:
        written = correspondence.write(Topic(kind, order.pk), channel_id=order.channel_id, template=template)
    except ChannelDoesNotWrite as refusal:
        page.message_user(request, str(refusal.detail), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))
    form = WordsForm.of(written, request.POST or None, seen=correspondence.seen_of_document("ORDER", order.pk))

    def act() -> HttpResponse:
        subject = mails.Subject(order.channel_id, "ORDER", order.pk, order.number)
        send(page, request, form, subject, kind)
        return page.done(request, gettext("It goes out now."), "admin:orders_order_change", order.pk)

    return page.service_page(
        request,
        form=form,
        title=gettext("Mail about %(number)s") % {"number": order.number},
        act=act,
        submit=gettext("Send"),
        template="admin/correspondence/words.html",
        problem=written.problem,
        written=written,
        templates=offered,
        chosen=template,
    )


def send(page: ServiceAdmin, request: HttpRequest, form: WordsForm, subject: mails.Subject, kind: str) -> None:
    """Once for each button that is pressed. Who did not know what another wrote meanwhile is told, and sends it by pressing once more."""
    told = {name: form.cleaned_data[name] for name in ("token", "seen")}
    try:
        page.serve(request, mails.write_mail, subject=subject, kind=kind, words=form.words(), **told)
    except WrittenMeanwhile as refusal:
        form.sees(refusal.mail_id)
        raise
