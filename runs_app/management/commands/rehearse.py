"""``manage.py rehearse FILE``: a few real steps of a run, before it is started."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.forecasting.counted import counted
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.management.what import HELP, YAML, payload_of, text_of
from runs_app.services.batch import is_batch, plan_batch, whole_payload
from runs_app.services.rehearsals import StoredRehearsal, rehearse_now, room_of
from runs_app.templatetags.runs_format import duration, size

WOULD_FAIL, NOT_REHEARSED = 1, 2


class Command(BaseCommand):
    """Prints what each run would take. Exit status 0: it works, 1: it would fail, 2: not tried."""

    help = (
        "Rehearse a run on the real device: three steps, a validation, a save and a load on a free "
        "slot, without keeping anything. Prints memory, times and disk. Exit status 0: it works, "
        "1: the run would fail, 2: it could not be tried."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to rehearse, overrides, and the form of the answer."""
        parser.add_argument("what", metavar="FILE", help=f"a file of launch_runs, or {HELP}")
        parser.add_argument(
            "overrides", nargs="*", metavar="KEY=VALUE", help="such as train.batch_size=16"
        )
        parser.add_argument("--json", action="store_true", help="Print the results as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resolve, wait for a slot, rehearse, print."""
        try:
            payloads = _payloads(options["what"])
            if options["overrides"]:
                text = "\n".join(options["overrides"])
                payloads = [{**payload, "overrides": text} for payload in payloads]
            found = [rehearse_now(payload, told=self._told) for payload in payloads]
        except ConfigInvalid as invalid:
            lines = [f"  {e.path}: {e.message}" if e.path else f"  {e.message}"
                     for e in invalid.errors]  # fmt: skip
            message = "\n".join([f"{options['what']}: nothing was rehearsed.", *lines])
            raise CommandError(message, returncode=NOT_REHEARSED) from invalid
        for one in found:
            self.stdout.write(_as_json(one) if options["json"] else _lines(one))
        failed = sum(one.failure is not None for one in found)
        if failed:
            raise CommandError(f"{failed} of {len(found)} would fail.", returncode=WOULD_FAIL)

    def _told(self, phase: str) -> None:
        self.stderr.write(f"{phase}…")


def _payloads(what: str) -> list[dict[str, Any]]:
    path = Path(what)
    if path.suffix in YAML and path.is_file():
        text = text_of(path, unreadable=NOT_REHEARSED)
        if is_batch(text):
            return [whole_payload(run) for run in plan_batch(text)]
    return [payload_of(what, unreadable=NOT_REHEARSED)]


def _as_json(one: StoredRehearsal) -> str:
    if one.result is not None:
        return one.result.model_dump_json(indent=2)
    assert one.failure is not None
    return json.dumps(one.failure.__dict__, indent=2)


def _lines(one: StoredRehearsal) -> str:
    found = one.result
    if found is None:
        assert one.failure is not None
        more = "".join(
            f"\n  instead: {path}={value}" for path, value in (one.suggestion or {}).items()
        )
        return f"{one.failure.reason}: {one.failure.message}{more}"
    room = room_of(one)
    most = "at most " if found.stops_early else ""
    gpu = (
        f"GPU memory  {size(found.peak_gpu_bytes)} of {size(found.gpu_bytes)}\n"
        if found.peak_gpu_bytes
        else ""
    )
    disk = f"{size(room.total)} of {size(room.disk.free)} free" if room else "not known"
    steps = counted(found.steps_per_epoch, "step")
    epochs = counted(found.max_epochs, "epoch")
    return (
        f"device      {found.device}, {counted(found.parameters, 'parameter')}\n"
        f"step        {found.seconds_per_step:.3g} s, the first one "
        f"{found.first_step_seconds:.3g} s\n"
        f"validation  {duration(found.seconds_per_validation)}\n"
        f"epoch       {duration(found.seconds_per_epoch)} with {steps}\n"
        f"whole run   {most}{duration(found.eta_seconds)} for {epochs}\n"
        f"memory      {size(found.peak_memory_bytes)} of {size(found.machine_bytes)}\n{gpu}"
        f"checkpoint  {size(found.checkpoint_bytes)}\n"
        f"disk        {disk}"
    )
