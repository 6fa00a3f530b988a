"""Mails are found by their document and by whom they go to without reading all of them."""

import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_legal_forms_and_numbers_in_texts"),
        ("correspondence", "0003_arrival_moved"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(fields=["document_label"], name="mail_by_document_label"),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(erp.core.folding.Folded("recipient"), name="mail_by_recipient"),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(fields=["kind", "-id"], name="mail_by_kind"),
        ),
    ]
