from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs_app", "0009_queue_since"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="purge_started_at",
            field=models.DateTimeField(
                blank=True, help_text="Since when its files are being deleted for good.", null=True
            ),
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="trash_wanted_at",
            field=models.DateTimeField(
                blank=True, help_text="It goes to the trash as soon as it has ended.", null=True
            ),
        ),
    ]
