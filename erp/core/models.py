"""Tables of the shared kernel. They know channels, tax rows, messages and tasks, but no business document."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField, days
from erp.core.money import Rounding


class Xid8Field(models.Field[Any, Any]):
    """PostgreSQL ``xid8``: the id of the transaction that wrote the row. Filled by the database."""

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def get_internal_type(self) -> str:
        return "Xid8Field"


class CurrentXid(models.Func):
    """``pg_current_xact_id()`` as a database default."""

    function = "pg_current_xact_id"
    output_field = Xid8Field()


class RoundingMethod(models.TextChoices):
    DOWN = Rounding.DOWN.value, _("Round down")
    HALF_UP = Rounding.HALF_UP.value, _("Round half up")
    UP = Rounding.UP.value, _("Round up")


class RevenueBasis(models.TextChoices):
    """When a sale counts as revenue. Source: ASBJ 適用指針30号98項; consistent per channel or account."""

    SHIPMENT = "SHIPMENT", _("On shipment")
    DELIVERY = "DELIVERY", _("On delivery")
    ACCEPTANCE = "ACCEPTANCE", _("On acceptance")
    SALES_REPORT = "SALES_REPORT", _("On sales report")


class TaxClass(models.TextChoices):
    STANDARD = "STANDARD", _("Standard rate")
    REDUCED = "REDUCED", _("Reduced rate")
    ZERO_RATED = "ZERO_RATED", _("Zero-rated (export)")
    EXEMPT = "EXEMPT", _("Exempt")
    OUT_OF_SCOPE = "OUT_OF_SCOPE", _("Out of scope")


class Department(models.Model):
    """A department of the company, for the dimension that every posting carries."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Channel(models.Model):
    """One way to sell: an EC site, a mall, a shop, wholesale. Its settings are the company's rules for that way."""

    class Kind(models.TextChoices):
        EC_SITE = "EC_SITE", _("EC site")
        MALL = "MALL", _("Mall")
        SHOP = "SHOP", _("Shop")
        WHOLESALE = "WHOLESALE", _("Wholesale")

    class Issuer(models.TextChoices):
        MAMORI = "MAMORI", _("Mamori")
        EC = "EC", _("EC site or mall")

    code = models.CharField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    department = models.ForeignKey(
        Department, verbose_name=_("department"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    tax_rounding = models.CharField(
        _("tax rounding"), max_length=10, choices=RoundingMethod.choices, default=RoundingMethod.DOWN
    )
    revenue_basis = models.CharField(
        _("revenue basis"), max_length=20, choices=RevenueBasis.choices, default=RevenueBasis.SHIPMENT
    )
    invoice_issuer = models.CharField(_("invoice issuer"), max_length=10, choices=Issuer.choices, default=Issuer.MAMORI)
    mail_sender = models.CharField(_("mail sender"), max_length=10, choices=Issuer.choices, default=Issuer.EC)
    default_priority = models.PositiveSmallIntegerField(
        _("allocation priority"),
        default=50,
        help_text=_("Smaller numbers keep their stock longer when pieces run out."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("sales channel")
        verbose_name_plural = _("sales channels")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class TaxRate(models.Model):
    """A dated consumption tax rate. Old 8% (6.3+1.7) and reduced 8% (6.24+1.76) are different codes."""

    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    code = models.CharField(_("tax code"), max_length=20, unique=True)
    percent = FiniteDecimalField(_("rate (%)"), max_digits=5, decimal_places=2)
    national_percent = FiniteDecimalField(_("national part (%)"), max_digits=5, decimal_places=2)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    label = models.CharField(_("label on documents"), max_length=50)
    is_reduced = models.BooleanField(_("marked as reduced rate"), default=False)

    class Meta:
        verbose_name = _("tax rate")
        verbose_name_plural = _("tax rates")
        constraints = [
            models.UniqueConstraint(fields=["tax_class", "valid_from"], name="one_tax_rate_per_class_and_start"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="tax_rate_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="tax_rate_is_a_percentage",
                violation_error_message=_("The rate lies between 0 and 100 percent."),
            ),
            models.CheckConstraint(
                condition=Q(national_percent__gte=0, national_percent__lte=F("percent")),
                name="national_part_is_part_of_the_rate",
                violation_error_message=_("The national part lies between 0 and the rate."),
            ),
            # Two rates of one class on one day would leave it to chance which a sale is taxed with.
            ExclusionConstraint(
                name="tax_rates_of_a_class_do_not_overlap",
                expressions=[
                    ("tax_class", RangeOperators.EQUAL),
                    (days("valid_from", "valid_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_(
                    "Another rate of this tax class is in force in this period. Give that one its last day first."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.percent}%"


class DeductibleShare(models.Model):
    """Share of purchase tax that may be deducted when the supplier has no registration number (経過措置), by date."""

    valid_from = models.DateField(_("valid from"), unique=True)
    percent = FiniteDecimalField(_("deductible share (%)"), max_digits=5, decimal_places=2)

    class Meta:
        verbose_name = _("deductible share of purchase tax")
        verbose_name_plural = _("deductible shares of purchase tax")
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="deductible_share_is_a_percentage",
                violation_error_message=_("The deductible share lies between 0 and 100 percent."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.valid_from} {self.percent}%"


class CompanyProfile(models.Model):
    """The one row that says who we are: what every invoice prints as issuer, and the business year."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(_("company name"), max_length=100)
    registration_number = models.CharField(_("registration number (T + 13 digits)"), max_length=14, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    fiscal_year_start_month = models.PositiveSmallIntegerField(_("first month of the business year"), default=4)

    class Meta:
        verbose_name = _("company profile")
        verbose_name_plural = _("company profile")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_company_profile"),
            models.CheckConstraint(
                condition=Q(fiscal_year_start_month__gte=1, fiscal_year_start_month__lte=12),
                name="business_year_starts_in_a_month",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeedEpoch(models.Model):
    """The current life of this database. A restore starts a new one, so that old cursors are refused instead of missing rows."""

    started_at = models.DateTimeField(_("started at"))
    reason = models.CharField(_("reason"), max_length=100)

    class Meta:
        verbose_name = _("feed epoch")
        verbose_name_plural = _("feed epochs")

    def __str__(self) -> str:
        return f"{self.pk} {self.reason}"


class FeedCut(models.Model):
    """Old change rows were given up: whoever has not read beyond ``xid`` of this epoch may have missed some and reads the full list."""

    epoch = models.BigIntegerField(_("epoch"))
    xid = Xid8Field(_("transaction"))
    cut_at = models.DateTimeField(_("cut at"))

    class Meta:
        verbose_name = _("feed cut")
        verbose_name_plural = _("feed cuts")

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}"


class ChangeRow(models.Model):
    """One line of the change feed: *that* a key changed, written in the transaction of the fact. See ``erp.core.changes``.

    The table is partitioned by month of ``recorded_at``; its real primary key is (recorded_at, id).
    """

    id = models.BigAutoField(primary_key=True)
    epoch = models.BigIntegerField()
    xid = Xid8Field(db_default=CurrentXid())
    topic = models.CharField(_("topic"), max_length=20)
    key = models.CharField(_("key"), max_length=100)
    audience = models.CharField(_("audience"), max_length=30, default="")
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        managed = False
        db_table = "core_changerow"
        verbose_name = _("change row")
        verbose_name_plural = _("change rows")

    def __str__(self) -> str:
        return f"{self.pk} {self.topic} {self.key}"


class MessageLog(models.Model):
    """A raw message, in or out, as it came over the wire. Stored in the transaction of its effect, so it can be replayed."""

    class Direction(models.TextChoices):
        IN = "IN", _("Received")
        OUT = "OUT", _("Sent")

    class Outcome(models.TextChoices):
        DONE = "DONE", _("Done")
        REPLAYED = "REPLAYED", _("Repeated, nothing changed")
        PARKED = "PARKED", _("Parked until its order comes")
        STALE = "STALE", _("Older than what is known")
        REFUSED = "REFUSED", _("Refused")
        FAILED = "FAILED", _("Failed")

    direction = models.CharField(_("direction"), max_length=3, choices=Direction.choices)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=40)
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    body = models.JSONField(_("body"))
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    detail = models.TextField(_("detail"), blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("message log")
        indexes = [
            models.Index(fields=["external_id", "channel"], name="message_by_external_id"),
            models.Index(fields=["recorded_at"], condition=Q(direction="OUT"), name="message_sent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind} {self.external_id}"


class StaffTask(models.Model):
    """Something a person has to look at: an exception on one document. It never stops the company."""

    kind = models.CharField(_("kind"), max_length=40)
    subject_type = models.CharField(_("subject type"), max_length=20)
    subject_id = models.BigIntegerField(_("subject id"))
    subject_label = models.CharField(_("subject"), max_length=100, blank=True)
    detail = models.TextField(_("detail"))
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True)
    resolution = models.TextField(_("resolution"), blank=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(closed_at__isnull=True),
                name="one_open_task_per_kind_and_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind} {self.subject_label}"


class AuditRow(models.Model):
    """What a trigger saw happen to a row of an audited table, whoever did it: service, bulk write or plain SQL."""

    class Action(models.TextChoices):
        INSERT = "INSERT", _("Created")
        UPDATE = "UPDATE", _("Changed")
        DELETE = "DELETE", _("Deleted")
        TRUNCATE = "TRUNCATE", _("Emptied")

    table_name = models.CharField(_("table"), max_length=63)
    row_id = models.CharField(_("row"), max_length=64)
    action = models.CharField(_("action"), max_length=8, choices=Action.choices)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    actor = models.CharField(_("actor"), max_length=100)
    source = models.CharField(_("source"), max_length=200)
    recorded_at = models.DateTimeField(_("recorded at"))
    xid = Xid8Field(db_default=CurrentXid())

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["table_name", "row_id", "id"], name="audit_by_row"),
            models.Index(fields=["recorded_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.table_name} {self.row_id}"


class GaplessCounter(models.Model):
    """A number series that may have no holes. Locked last in a transaction; see ``erp.core.numbering``."""

    series = models.CharField(_("series"), max_length=40, primary_key=True)
    last_number = models.PositiveBigIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name = _("gapless counter")
        verbose_name_plural = _("gapless counters")

    def __str__(self) -> str:
        return f"{self.series} {self.last_number}"


class VerifyRun(models.Model):
    """What one run of ``manage.py verify`` found, for the health page and the nightly job."""

    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"))
    rows_checked = models.JSONField(_("rows checked"))
    faults = models.JSONField(_("faults"))

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")

    def __str__(self) -> str:
        return f"{self.pk}"


class JobRun(models.Model):
    """One slot of a periodic job. The unique key lets a doubled beat run it once."""

    job = models.CharField(_("job"), max_length=60)
    slot = models.DateTimeField(_("slot"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    detail = models.TextField(_("detail"), blank=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="one_run_per_job_and_slot")]

    def __str__(self) -> str:
        return f"{self.pk} {self.job}"
