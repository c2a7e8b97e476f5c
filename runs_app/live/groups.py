"""Names of the channel-layer groups."""

from __future__ import annotations


def run_group(run_pk: int) -> str:
    """The group that hears of every new event of one run."""
    return f"run.{run_pk}"
