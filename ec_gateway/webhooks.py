"""``POST /webhooks/<channel code>``: verify, keep, answer. Working it off comes later: a platform waits a few seconds at most."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from ec_gateway.api.errors import problem
from ec_gateway.inbox.receiving import receive_webhook
from ec_gateway.models import Activity, EcSite
from ec_gateway.platforms.connections import connect
from ec_gateway.platforms.interface import BadSignature
from ec_gateway.services import wakes
from erp.core.actors import Actor
from erp.core.errors import DomainError

# The largest order in our real data, with 1,114 lines, takes some 300 kB.
MAX_BODY = 2 * 1024 * 1024

log = structlog.get_logger(__name__)


@csrf_exempt
@never_cache
def receive(request: HttpRequest, channel: str) -> HttpResponse:
    """Answers 200 once everything is kept; the same event again gets the same answer and changes nothing."""
    if request.method != "POST":
        return problem(405, "method_not_allowed", _("Webhooks are sent by POST."), headers={"Allow": "POST"})
    sites = EcSite.objects.select_related("channel", "state").exclude(platform="")
    site = None if "\x00" in channel else sites.filter(channel__code=channel).first()
    if site is None:
        return problem(404, "not_found", _("No site sends webhooks here."))
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return problem(413, "payload_too_large", _("At most %(most)s bytes are taken.") % {"most": MAX_BODY})
    at = timezone.now()
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        platform = connect(site, at=at, by=Actor.channel(site.channel.code, "webhook"))
        platform.verify_webhook(headers=headers, body=body, at=at)
    except BadSignature as error:
        log.warning("webhook_refused", channel=channel, why=str(error))
        return problem(401, "bad_signature", _("The signature does not fit."))
    except DomainError as refusal:
        # Our own set-up is at fault: the site shall try again, and nothing is believed meanwhile.
        log.error("webhook_not_verifiable", channel=channel, why=str(refusal))
        return problem(503, refusal.code, _("This site cannot be verified now. Send it again later."))
    if receive_webhook(site=site, platform=platform, headers=headers, body=body, at=at):
        wakes.wake(site_id=site.pk, activity=Activity.INBOX)
    return JsonResponse({"status": "kept"})
