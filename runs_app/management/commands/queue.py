"""``manage.py queue``: what waits, what runs where, what is wrong, and the switches of it all."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.errors import RunError
from runs_app.execution.queue import Move
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.queueing.page import HostLine, QueuePage, queue_page
from runs_app.queueing.words import lasting
from runs_app.services.queue import (
    PRIORITIES,
    change_turn,
    drain_slot,
    find_slot,
    pause_queue,
    read_change,
    resume_queue,
)


class Command(BaseCommand):
    """Prints the queue; with an action, changes it first."""

    help = (
        "Print the queue and what holds it back. With an action, do that first: pause, resume, "
        "top, up or down UID, priority UID high, drain or undrain SLOT (name, or HOST/NAME where "
        "several hosts have one). With --check, end with status 1 where something holds it back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The actions as sub-commands, each with its arguments."""
        parser.add_argument("--check", action="store_true", help="Status 1 where it is not well.")
        parser.add_argument("--limit", type=int, default=20, help="Waiting runs to print.")
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        actions.add_parser("pause", help="Let nothing new start.")
        actions.add_parser("resume", help="Let runs start again.")
        for move in Move:
            one = actions.add_parser(move, help=f"Move a waiting run {move}.")
            one.add_argument("uid")
        one = actions.add_parser("priority", help="Give a waiting run another priority.")
        one.add_argument("uid")
        one.add_argument("priority", choices=list(PRIORITIES))
        for name, words in (("drain", "Start nothing new on"), ("undrain", "Use again")):
            one = actions.add_parser(name, help=f"{words} a slot.")
            one.add_argument("slot")

    def handle(self, *_: Any, **options: Any) -> None:
        """Act, then print. Raises ``CommandError`` with the sentence of what was refused."""
        try:
            _act(options)
        except (RunError, ConfigInvalid) as error:
            raise CommandError(str(error)) from error
        page = queue_page(max(options["limit"], 1))
        for line in _lines(page):
            self.stdout.write(line)
        if options["check"] and page.findings:
            raise SystemExit(1)


def _act(options: dict[str, Any]) -> None:
    action = options["action"]
    if action == "pause":
        pause_queue()
    elif action == "resume":
        resume_queue()
    elif action in list(Move):
        change_turn(options["uid"], read_change(move=action))
    elif action == "priority":
        change_turn(options["uid"], read_change(priority=options["priority"]))
    elif action:
        host, name = find_slot(options["slot"])
        drain_slot(host, name, drained=action == "drain")


def _lines(page: QueuePage) -> list[str]:
    lines = [f"{page.total} waiting, {page.running} running" + ", paused" * bool(page.paused_at)]
    for turn in page.turns:
        priority = str(turn.run.priority.label).lower()
        lines.append(f"{turn.position:4}  {turn.run.uid}  {priority:6}  {turn.run.title}")
        lines.append(f"      {turn.why}; start: {turn.start}")
    if page.more:
        lines.append(f"      and {page.more} more")
    for host in page.hosts:
        lines += _host(host)
    lines += [f"{one.level}: {one.sentence}" for one in page.findings] or ["All is well."]
    return lines


def _host(host: HostLine) -> list[str]:
    lines = [f"{host.name}"]
    for line in host.slots:
        slot = line.slot
        does = "gone" if line.gone else "free"
        if slot.run:
            left = slot.run.eta_seconds
            does = f"{slot.run.uid} {slot.run.title}"
            does += "" if left is None else f", ends in about {lasting(left)}"
        lines.append(f"  {slot.name} ({slot.label}): {does}" + ", drained" * slot.drained)
    return lines
