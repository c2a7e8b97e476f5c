"""``manage.py export_model RUN FOLDER``: a run's model as safetensors and as ONNX."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.errors import RunError
from runs_app.execution.core_process import CoreFailed, ask_core
from runs_app.execution.predicting import checkpoint_of, export_command
from runs_app.queries import get_run


class Command(BaseCommand):
    """Write a run's best checkpoint in forms other programs read."""

    help = (
        "Write a run's best checkpoint as safetensors with its configuration, and as ONNX with the "
        "calibration inside, checked against PyTorch."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which run, and where to."""
        parser.add_argument("run", metavar="RUN", help="Id of a run that has a checkpoint.")
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="Made if it is absent.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask the core in a process of its own."""
        folder = options["folder"].resolve()
        try:
            facts = ask_core(export_command(checkpoint_of(get_run(options["run"])), folder))
        except (RunError, CoreFailed) as error:
            raise CommandError(str(error)) from error
        for name, digest in facts["files"].items():
            self.stdout.write(f"{folder / name}  SHA-256 {digest}")
        onnx = facts["onnx"]
        self.stdout.write(
            f"ONNX Runtime agrees with PyTorch within {onnx['largest_difference']:.2g} "
            f"(tolerance {onnx['tolerance']:g})."
        )
