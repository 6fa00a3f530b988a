"""Stock. ``on_hand`` is the sum of an append-only ledger, ``allocated`` the sum of open claims, both kept under row locks and proved by ``verify``.

Private to this app; other rooms call ``inventory.services`` and ``inventory.selectors``. Rows name documents by (type, id, line) values.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.models import Channel, CurrentXid, Xid8Field


class CostPool(models.Model):
    """Where one moving average is kept: usually the company, or one per warehouse. Its value sits on one inventory account."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    account_role = models.CharField(_("account role"), max_length=40, default="inventory.goods")

    class Meta:
        verbose_name = _("cost pool")
        verbose_name_plural = _("cost pools")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Location(models.Model):
    """A place that holds stock."""

    class Kind(models.TextChoices):
        WAREHOUSE = "WAREHOUSE", _("Warehouse")
        SHOP = "SHOP", _("Shop")
        IN_TRANSIT = "IN_TRANSIT", _("In transit")
        MALL_HELD = "MALL_HELD", _("Held by a mall")
        CONSIGNED = "CONSIGNED", _("Consigned to an account")
        INSPECTION = "INSPECTION", _("Inspection")
        DEFECT = "DEFECT", _("Defective")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    cost_pool = models.ForeignKey(CostPool, verbose_name=_("cost pool"), on_delete=models.PROTECT, related_name="+")
    holder_account_id = models.BigIntegerField(_("consigned to account"), null=True, blank=True)
    holder_channel = models.ForeignKey(
        Channel, verbose_name=_("held by channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="CONSIGNED") | Q(holder_account_id__isnull=False), name="consigned_stock_has_a_holder"
            ),
            models.CheckConstraint(
                condition=~Q(kind="MALL_HELD") | Q(holder_channel__isnull=False), name="mall_held_stock_has_a_mall"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


# Whatever a channel's list of places says, pieces of these kinds are nobody's to promise.
NOT_FOR_SALE = [
    Location.Kind.IN_TRANSIT.value,
    Location.Kind.CONSIGNED.value,
    Location.Kind.INSPECTION.value,
    Location.Kind.DEFECT.value,
]


class ChannelLocation(models.Model):
    """A location a channel sells from. Smaller ``rank`` is used first."""

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(_("rank"), default=100)

    class Meta:
        verbose_name = _("channel's location")
        verbose_name_plural = _("channels' locations")
        constraints = [models.UniqueConstraint(fields=["channel", "location"], name="one_row_per_channel_and_location")]

    def __str__(self) -> str:
        return f"{self.pk}"


class ChannelBuffer(models.Model):
    """Safety stock (安全在庫) kept back from one channel; without SKU it holds for all. The most specific row wins."""

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    quantity = models.PositiveIntegerField(_("pieces kept back"))

    class Meta:
        verbose_name = _("safety stock of a channel")
        verbose_name_plural = _("safety stocks of channels")
        constraints = [
            models.UniqueConstraint(fields=["sku", "channel"], name="one_buffer_per_sku_channel", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Reason(models.Model):
    """Why stock was adjusted, and which account bears it."""

    class Direction(models.TextChoices):
        UP = "UP", _("More")
        DOWN = "DOWN", _("Less")
        BOTH = "BOTH", _("Either")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    direction = models.CharField(_("direction"), max_length=5, choices=Direction.choices, default=Direction.BOTH)
    account_role = models.CharField(_("account role"), max_length=40)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("adjustment reason")
        verbose_name_plural = _("adjustment reasons")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class StockBalance(models.Model):
    """What one location holds of one SKU, in whole pieces. Written only by ``inventory.services``."""

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    on_hand = models.IntegerField(_("on hand"), default=0)
    allocated = models.IntegerField(_("allocated"), default=0)
    unclaimed = models.GeneratedField(  # internal: what may be sold is asked of the selector
        verbose_name=_("unclaimed"),
        expression=F("on_hand") - F("allocated"),
        db_persist=True,
        output_field=models.IntegerField(),
    )
    balance_seq = models.BigIntegerField(_("movements so far"), default=0)
    version = models.BigIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("stock balance")
        verbose_name_plural = _("stock balances")
        # Of two ways to the rows of a few SKUs in one place, both lead straight there.
        indexes = [models.Index(fields=["location", "sku"], name="balance_by_location_and_sku")]
        constraints = [
            models.UniqueConstraint(fields=["sku", "location"], name="one_balance_per_sku_location"),
            models.CheckConstraint(condition=Q(allocated__gte=0), name="allocated_not_negative"),
            models.CheckConstraint(condition=Q(on_hand__gte=F("allocated")), name="never_oversold"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class CostBalance(models.Model):
    """Pieces and value of one SKU in one cost pool. The value is carried, not the unit cost: the last piece takes the rest, no residue stays."""

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    cost_pool = models.ForeignKey(CostPool, verbose_name=_("cost pool"), on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(_("quantity"), default=0)
    value = models.DecimalField(_("value"), max_digits=16, decimal_places=2, default=0)
    version = models.BigIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("stock value")
        verbose_name_plural = _("stock values")
        constraints = [
            models.UniqueConstraint(fields=["sku", "cost_pool"], name="one_cost_balance_per_sku_pool"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="cost_quantity_not_negative"),
            models.CheckConstraint(condition=Q(value__gte=0), name="cost_value_not_negative"),
            models.CheckConstraint(condition=~Q(quantity=0) | Q(value=0), name="no_value_without_pieces"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class StockDocument(models.Model):
    """The header of movements that belong together: one receipt, one shipment's issue, one adjustment. Append-only."""

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", _("Receipt")
        ISSUE = "ISSUE", _("Issue")
        TRANSFER = "TRANSFER", _("Transfer")
        ADJUSTMENT = "ADJUSTMENT", _("Adjustment")
        REVALUATION = "REVALUATION", _("Revaluation")

    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    source_type = models.CharField(_("source document"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    supplier = models.ForeignKey(
        "catalog.Supplier",
        verbose_name=_("supplier"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    awaits_invoice = models.BooleanField(_("received before its invoice"), default=False, db_default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    created_xid = Xid8Field(db_default=CurrentXid(), editable=False)

    class Meta:
        verbose_name = _("stock document")
        verbose_name_plural = _("stock documents")
        constraints = [
            models.UniqueConstraint(
                fields=["source_type", "external_id"],
                condition=~Q(external_id=""),
                name="one_stock_document_per_external_id",
            )
        ]
        indexes = [models.Index(fields=["source_type", "source_id"], name="stock_document_by_source")]

    def __str__(self) -> str:
        return f"{self.pk}"


class StockMovement(models.Model):
    """One append-only change of ``on_hand`` and of value. ``balance_seq`` numbers the movements of one balance without a gap."""

    document = models.ForeignKey(
        StockDocument,
        verbose_name=_("stock document"),
        on_delete=models.PROTECT,
        related_name="movements",
        db_index=False,
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(_("quantity"), help_text=_("Signed: pieces in are positive, pieces out negative."))
    balance_seq = models.BigIntegerField(_("number on its balance"))
    on_hand_after = models.IntegerField(_("on hand after"))
    value = models.DecimalField(_("value"), max_digits=16, decimal_places=2)
    document_line = models.BigIntegerField(_("document line"))
    reason = models.ForeignKey(
        Reason, verbose_name=_("reason"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "location", "balance_seq"], name="one_movement_per_balance_and_number"
            ),
            models.CheckConstraint(condition=~Q(quantity=0) | ~Q(value=0), name="movement_moves_something"),
            models.CheckConstraint(condition=Q(on_hand_after__gte=0), name="stock_never_negative"),
        ]
        indexes = [
            models.Index(fields=["document"], name="movement_by_document"),
            models.Index(fields=["sku", "occurred_at"], name="movement_by_sku_and_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


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
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Hold(models.Model):
    """A claim with an owner and an expiry, before there is an order (仮引当・取り置き)."""

    class Kind(models.TextChoices):
        CART = "CART", _("Cart")
        QUOTE = "QUOTE", _("Quote")
        KEEP = "KEEP", _("Kept for a customer")

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    ref = models.CharField(_("reference"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.CART)
    owner_label = models.CharField(_("kept for"), max_length=100, blank=True)
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"))
    actor = models.CharField(_("actor"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    wanted = models.JSONField(_("wanted pieces"), help_text=_("Pairs of SKU and quantity, as asked for."))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [models.UniqueConstraint(fields=["channel", "ref"], name="one_hold_per_channel_and_ref")]
        indexes = [models.Index(fields=["expires_at"], condition=Q(closed_at__isnull=True), name="open_hold_by_expiry")]

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


class ExpectedReceipt(models.Model):
    """Pieces that should arrive on a date (入荷予定). Received in parts until nothing is left."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    supplier = models.ForeignKey(
        "catalog.Supplier",
        verbose_name=_("supplier"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    external_id = models.CharField(pgettext_lazy("of a purchase", "order number"), max_length=60)
    line_no = models.PositiveIntegerField(_("line"), default=1)
    quantity = models.PositiveIntegerField(_("quantity"))
    received_quantity = models.PositiveIntegerField(_("received"), default=0)
    unit_cost = models.DecimalField(_("unit cost (excl. tax)"), max_digits=14, decimal_places=4, null=True, blank=True)
    expected_date = models.DateField(_("expected date"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("expected receipt")
        verbose_name_plural = _("expected receipts")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "external_id", "line_no"], name="one_expected_receipt_per_sku_and_order_line"
            ),
            models.CheckConstraint(condition=Q(received_quantity__lte=F("quantity")), name="not_more_than_expected"),
        ]
        indexes = [models.Index(fields=["sku", "expected_date"], name="expected_receipt_by_date")]

    def __str__(self) -> str:
        return f"{self.external_id}-{self.line_no}"


class ProvisionalReceipt(models.Model):
    """Pieces that a physical fact took beyond the books (在庫差異・仮入庫), waiting for the receipt or count that explains them."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    document = models.ForeignKey(
        StockDocument, verbose_name=_("stock document"), on_delete=models.PROTECT, related_name="+"
    )
    document_line = models.BigIntegerField(_("document line"))
    quantity = models.PositiveIntegerField(_("quantity"))
    value = models.DecimalField(_("value"), max_digits=16, decimal_places=2)
    settled_quantity = models.PositiveIntegerField(_("explained"), default=0)
    settled_value = models.DecimalField(_("explained value"), max_digits=16, decimal_places=2, default=0)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("provisional receipt")
        verbose_name_plural = _("provisional receipts")
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_quantity__lte=F("quantity")), name="not_more_explained_than_provisional"
            )
        ]
        indexes = [
            models.Index(
                fields=["sku", "location", "id"],
                condition=Q(settled_quantity__lt=F("quantity")),
                name="open_provisional_by_balance",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
