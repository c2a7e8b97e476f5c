"""Data sets as they are stored."""

from __future__ import annotations

from django.db import models

from runs_app.choices import DATA_SET_COLOURS, DataSetState, Origin
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder


class DataSet(models.Model):
    """A candle file inside DATA_ROOT and what was found in it when it was last read."""

    name = models.CharField(max_length=100, unique=True)
    path = models.CharField(max_length=500, unique=True, help_text="Relative to DATA_ROOT.")
    size_bytes = models.BigIntegerField(default=0)
    modified_ns = models.BigIntegerField(default=0, help_text="Modification time of the file read.")
    state = models.CharField(
        max_length=16, choices=DataSetState.choices, default=DataSetState.WAITING, db_index=True
    )
    reading_since = models.DateTimeField(null=True, blank=True)
    date_order = models.CharField(max_length=16, default=DateOrder.AUTO.value)
    column_order = models.CharField(max_length=16, default=ColumnOrder.AUTO.value)
    timeframe = models.CharField(max_length=8, blank=True, help_text="Bar of the file.")
    bars = models.BigIntegerField(
        null=True, blank=True, help_text="Candles; with repair where it takes repair."
    )
    first_open = models.DateTimeField(null=True, blank=True)
    last_open = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="Why the file cannot be used as it is.")
    synthetic = models.BooleanField(default=False)
    origin = models.CharField(
        max_length=8, blank=True, choices=Origin.choices, default=Origin.FOUND
    )
    provenance = models.JSONField(
        default=dict, help_text="Of a fetched file: exchange, symbol, timeframe, when, from, until."
    )
    tries = models.PositiveIntegerField(
        default=0, help_text="Runs started on it, deleted ones too; a group counts once."
    )
    report = models.JSONField(default=dict, help_text="The DataReport of the file.")
    store_key = models.CharField(max_length=64, blank=True, help_text="Folder of the import.")
    source_sha256 = models.CharField(max_length=64, blank=True)
    candles_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Fingerprint of the candles; runs name their data so."
    )
    parquet_sha256 = models.CharField(max_length=64, blank=True)
    parquet_bytes = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def colour(self) -> str:
        """Tabler colour of the state's badge."""
        return DATA_SET_COLOURS[self.state]

    @property
    def is_removable(self) -> bool:
        """True where the product brought the file to DATA_ROOT and so may remove it."""
        return bool(self.origin)

    @property
    def is_pending(self) -> bool:
        """True until the file has been read."""
        return self.state in DataSetState.pending()
