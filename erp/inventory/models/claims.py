"""Who has a claim on pieces: reservations of documents, holds with an expiry."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.folding import Folded, Pairs
from erp.core.models import Channel
from erp.inventory.models.masters import Location
from erp.inventory.models.policies import ChannelQuota


class Reservation(models.Model):
    """A document line's claim on one balance (引当). ``quantity`` is what is still open; consumed and released pieces are counted beside it."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document id"))
    document_line = models.BigIntegerField(_("document line"))
    quantity = models.IntegerField(_("quantity"))
    consumed = models.IntegerField(_("consumed"), default=0)
    released = models.IntegerField(_("released"), default=0)
    priority = models.PositiveSmallIntegerField(_("priority"), default=50)
    # The channel's quota in force when the claim was first made. What is claimed and was consumed counts as its use.
    quota = models.ForeignKey(
        ChannelQuota, verbose_name=_("quota"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # fmt: skip
    reserved_at = models.DateTimeField(_("reserved at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["document_type", "document_id", "document_line", "sku", "location"],
                name="one_reservation_per_document_line_and_balance",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, consumed__gte=0, released__gte=0), name="reservation_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["sku", "location", "priority"], condition=Q(quantity__gt=0), name="open_reservation_by_balance"
            ),
            models.Index(fields=["quota"], condition=Q(quota__isnull=False), name="reservation_by_quota"),
            # The staff of a shop see those of their own place.
            models.Index(fields=["location", "id"], name="reservation_by_location"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Hold(models.Model):
    """A claim with an owner and an expiry, before there is an order (仮引当・取り置き)."""

    class Kind(models.TextChoices):
        CART = "CART", _("Cart")
        QUOTE = "QUOTE", _("Quote")
        KEEP = "KEEP", _("Kept for a customer")
        # Goods that may not be there yet (客注): filled as they come, before everybody who comes later.
        CUSTOMER_ORDER = "CUSTOMER_ORDER", _("Customer order")

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    ref = models.CharField(_("reference"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.CART)
    owner_label = models.CharField(_("kept for"), max_length=100, blank=True)
    owner_phone = models.CharField(_("phone"), max_length=30, blank=True, default="", db_default="")
    priority = models.PositiveSmallIntegerField(_("priority"), default=50, db_default=50)
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"))
    actor = models.CharField(_("actor"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    wanted = models.JSONField(_("wanted pieces"), help_text=_("Pairs of SKU and quantity, as asked for."))
    # Whose own rules count too, when pieces are kept and when lost ones are acquired again.
    kits = models.JSONField(
        _("wanted kits"), default=list, db_default=[], help_text=_("Pairs of kit and number, of what was asked for.")
    )
    # A kit may be made of other pieces by the time it is sold.
    kit_parts = models.JSONField(
        _("pieces of the kits"),
        default=list,
        db_default=[],
        help_text=_("Triples of kit, SKU and pieces in one kit, as they were kept."),
    )
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    # When a customer order had all its pieces for the first time: from then on the customer has so many days to fetch them.
    filled_at = models.DateTimeField(_("all pieces there at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "ref"],
                name="one_hold_per_channel_and_ref",
                violation_error_message=_("This channel has a hold of this reference already."),
            )
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(closed_at__isnull=True), name="open_hold_by_expiry"),
            models.Index(
                fields=["priority", "id"],
                condition=Q(closed_at__isnull=True, kind="CUSTOMER_ORDER"),
                name="open_customer_order",
            ),
            models.Index(Folded("ref"), name="hold_by_ref"),
            GinIndex(Pairs("owner_label"), name="hold_by_owner_label"),
            models.Index(fields=["kind", "id"], condition=~Q(kind="CART"), name="hold_beside_carts"),
            models.Index(fields=["channel", "id"], name="hold_by_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.ref}"


class HoldLine(models.Model):
    """Pieces of one balance under a hold. Expired lines count as free when read; they are released when their balance is locked anyway."""

    hold = models.ForeignKey(Hold, verbose_name=_("hold"), on_delete=models.PROTECT, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))
    expires_at = models.DateTimeField(_("expires at"))
    released_at = models.DateTimeField(_("released at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold line")
        verbose_name_plural = _("hold lines")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "location", "hold", "line_no"], name="one_hold_line_per_balance_and_line"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="hold_line_has_pieces"),
        ]
        indexes = [
            models.Index(
                fields=["sku", "location", "expires_at"],
                condition=Q(released_at__isnull=True),
                name="open_hold_line_by_balance",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
