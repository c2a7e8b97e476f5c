"""Addresses of the run table that were given a name. They are shared by all who use the product."""

from __future__ import annotations

from django.db import models


class SavedView(models.Model):
    """A name for an address of the run table."""

    name = models.CharField(max_length=60, unique=True)
    query = models.CharField(max_length=2000, blank=True, help_text="Without the question mark.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
