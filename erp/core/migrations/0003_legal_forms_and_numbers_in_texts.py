"""The legal form of a company is no part of its name, and numbers inside texts are found by four signs in a row: every index of texts is built
anew. Runs of jobs that ended with an error are listed without reading all others."""

from django.db import migrations, models

from erp.core import folding

BUILD_ANEW = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT indexrelid, indrelid FROM pg_index WHERE pg_get_indexdef(indexrelid) LIKE '%mamori_pairs(%' LOOP
        EXECUTE format('REINDEX INDEX %s', found.indexrelid::regclass);
        EXECUTE format('ANALYZE %s', found.indrelid::regclass);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_guards")]

    operations = [
        migrations.RunSQL([folding.functions(), BUILD_ANEW], migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(fields=["-id"], condition=~models.Q(error=""), name="job_run_with_error"),
        ),
        migrations.AddIndex(
            model_name="messagelog",
            index=models.Index(fields=["channel", "-id"], name="message_by_channel"),
        ),
    ]
