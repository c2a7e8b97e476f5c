"""The row that holds a piece of a curve."""

from __future__ import annotations

from django.db import models


class CurveBlock(models.Model):
    """Consecutive points of one metric of a run; see ``points.sealing`` for levels and numbers.

    Made of the events and of nothing else, so that they can be made again.
    """

    run = models.ForeignKey(
        "runs_app.TrainingRun", on_delete=models.CASCADE, related_name="curve_blocks"
    )
    metric = models.CharField(max_length=100)
    level = models.PositiveSmallIntegerField()
    number = models.BigIntegerField()
    count = models.PositiveIntegerField(help_text="Points before thinning.")
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    first_at = models.FloatField(help_text="Milliseconds since 1970 in UTC.")
    last_at = models.FloatField()
    points = models.BinaryField(help_text="points.columns.packed; all of them at level 0.")

    class Meta:
        ordering = ("run_id", "metric", "level", "number")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "metric", "level", "number"), name="curve_block_unique"
            ),
        )
        indexes = (models.Index(fields=("run", "level", "number"), name="curve_block_level"),)

    def __str__(self) -> str:
        return f"{self.run_id}:{self.metric} {self.level}.{self.number}"
