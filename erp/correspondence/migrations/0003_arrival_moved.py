"""A kind of mail more: the expected arrival moved."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0002_guards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ORDER_RECEIVED", "Order confirmation"),
                    ("ORDER_CHANGED", "Order changed"),
                    ("PAYMENT_REMINDER", "Reminder to pay"),
                    ("PAYMENT_RECEIVED", "Payment received"),
                    ("SHIPPED", "Shipping notice"),
                    ("SHORTAGE", "Apology for a shortage"),
                    ("ARRIVAL_MOVED", "Expected arrival moved"),
                    ("CANCELLED", "Cancellation"),
                    ("RETURNED", "Return received"),
                    ("RECEIPT", "Receipt by mail"),
                    ("OTHER", "Other mail"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="mailrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ORDER_RECEIVED", "Order confirmation"),
                    ("ORDER_CHANGED", "Order changed"),
                    ("PAYMENT_REMINDER", "Reminder to pay"),
                    ("PAYMENT_RECEIVED", "Payment received"),
                    ("SHIPPED", "Shipping notice"),
                    ("SHORTAGE", "Apology for a shortage"),
                    ("ARRIVAL_MOVED", "Expected arrival moved"),
                    ("CANCELLED", "Cancellation"),
                    ("RETURNED", "Return received"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="mailtemplate",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ORDER_RECEIVED", "Order confirmation"),
                    ("ORDER_CHANGED", "Order changed"),
                    ("PAYMENT_REMINDER", "Reminder to pay"),
                    ("PAYMENT_RECEIVED", "Payment received"),
                    ("SHIPPED", "Shipping notice"),
                    ("SHORTAGE", "Apology for a shortage"),
                    ("ARRIVAL_MOVED", "Expected arrival moved"),
                    ("CANCELLED", "Cancellation"),
                    ("RETURNED", "Return received"),
                    ("RECEIPT", "Receipt by mail"),
                    ("OTHER", "Other mail"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
