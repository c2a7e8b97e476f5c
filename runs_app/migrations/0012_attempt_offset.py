from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs_app", "0011_console_limit"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="attempt_offset",
            field=models.BigIntegerField(
                default=0, help_text="Bytes of events.jsonl when that attempt began."
            ),
        ),
    ]
