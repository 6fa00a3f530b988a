"""What PostgreSQL refuses or records by itself, whoever writes: masters are audited; the trail, the raw messages and the epochs are final."""

from django.db import migrations

from erp.core.triggers import append_only, audited


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        audited("core_channel"),
        audited("core_department"),
        audited("core_taxrate"),
        audited("core_deductibleshare"),
        audited("core_companyprofile"),
        append_only("core_auditrow"),
        # What we sent can be asked of us again; what we were sent cannot.
        append_only("core_messagelog", prunable="OLD.direction = 'OUT'"),
        append_only("core_feedepoch"),
        # Without its cut a reader who stood before it would miss rows and never know.
        append_only("core_feedcut"),
    ]
