"""What PostgreSQL keeps of the mails: none is deleted, what was sent is final, and who changed words or rules is in the audit trail."""

from django.db import migrations

from erp.core.triggers import append_only, audited, never_deleted

SENT_IS_FINAL = """
CREATE TRIGGER correspondence_mail_sent_is_final BEFORE UPDATE ON correspondence_mail
FOR EACH ROW WHEN (OLD.state = 'SENT') EXECUTE FUNCTION mamori_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("correspondence", "0001_initial"), ("core", "0002_guards")]

    operations = [
        migrations.RunSQL(SENT_IS_FINAL, "DROP TRIGGER correspondence_mail_sent_is_final ON correspondence_mail;"),
        never_deleted("correspondence_mail"),
        append_only("correspondence_mailevent"),
        audited("correspondence_channelmail"),
        audited("correspondence_mailrule"),
        audited("correspondence_mailtemplate"),
    ]
