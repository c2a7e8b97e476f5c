from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs_app", "0015_notifications"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("prediction", "Prediction"),
                    ("leak_check", "Leak check"),
                    ("export", "Export of a model"),
                    ("rehearsal", "Dress rehearsal"),
                ],
                max_length=16,
            ),
        ),
    ]
