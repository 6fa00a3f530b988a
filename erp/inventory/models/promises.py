"""Pieces that are not there yet, and to whom they are promised when they come (入荷予定引当)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.models import Channel
from erp.inventory.models.arrivals import ExpectedReceipt


class Promise(models.Model):
    """Pieces of an expected receipt that a document's line gets when they come. ``arrived`` of them are reserved by now, and it was not told yet.

    Never more than the receipt still brings: a trigger refuses more, and takes the last promises back where a receipt brings less.
    """

    expected_receipt = models.ForeignKey(
        ExpectedReceipt, verbose_name=_("expected receipt"), on_delete=models.PROTECT, related_name="promises"
    )
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document id"))
    document_line = models.BigIntegerField(_("document line"))
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    # For which channel's demand: its quota is used when the promise is kept. Empty until the promise is dealt out anew, if it was made before that.
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    arrived = models.PositiveIntegerField(_("arrived"), default=0, db_default=0)
    priority = models.PositiveSmallIntegerField(_("priority"), default=50)
    promised_date = models.DateField(_("promised date"))
    promised_at = models.DateTimeField(_("promised at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("promise of expected goods")
        verbose_name_plural = _("promises of expected goods")
        constraints = [
            models.UniqueConstraint(
                fields=["document_type", "document_id", "document_line", "sku", "expected_receipt"],
                name="one_promise_per_document_line_and_receipt",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0) | Q(arrived__gt=0), name="promise_is_of_pieces"),
        ]
        indexes = [
            models.Index(fields=["document_type", "id"], condition=Q(arrived__gt=0), name="promise_that_arrived"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
