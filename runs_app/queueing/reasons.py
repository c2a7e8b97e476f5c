"""Why a run waits, in a few words. Nothing here reads the database."""

from __future__ import annotations

from runs_app.forecasting.counted import counted
from runs_app.queueing.estimates import seats_needed
from runs_app.queueing.state import QueueState, SlotState, WaitingRun


def obstacle(state: QueueState) -> str:
    """What keeps every run from starting, as ``the queue is paused``; empty where nothing does."""
    if state.paused_at:
        return "the queue is paused"
    if not state.present:
        return "no worker is there"
    if all(worker.stopping for worker in state.present):
        return "the worker is stopping"
    if not state.ready:
        return "the disk is low: nothing new starts"
    if not state.served:
        return "the worker shows no slot yet"
    if not state.usable:
        return "every slot is drained"
    return ""


def fault_of(state: QueueState, run: WaitingRun) -> str:
    """Why no host can ever train this run, to follow "it"; empty where one can.

    A host of one slot or more without GPUs can train any run: its processes share a slot.
    """
    hosts = _by_host(state.served)
    if not hosts or any(not slots[0].is_gpu for slots in hosts.values()):
        return ""
    most = max(len(slots) for slots in hosts.values())
    if run.devices <= most:
        return ""
    return f"needs {counted(run.devices, 'GPU')}; the largest host has {most}"


def why_waiting(state: QueueState) -> list[str]:
    """One reason for each waiting run, in their order."""
    if common := obstacle(state):
        return [fault_of(state, run) or common for run in state.waiting]
    hosts = _by_host(state.usable)
    free = {host: sum(slot.run is None for slot in slots) for host, slots in hosts.items()}
    held_by: dict[str, WaitingRun] = {}
    found = []
    for run in state.waiting:
        able = [host for host, slots in hosts.items() if _needs(run, slots) <= len(slots)]
        if not able:
            found.append(fault_of(state, run) or _short_of(run, hosts))
            continue
        found.append(_why(run, able, hosts, free, held_by))
    return found


def _why(
    run: WaitingRun,
    able: list[str],
    hosts: dict[str, list[SlotState]],
    free: dict[str, int],
    held_by: dict[str, WaitingRun],
) -> str:
    """The reason of a run that some host can train; takes the free slots it will have."""
    for host in able:
        need = _needs(run, hosts[host])
        if host not in held_by and free[host] >= need:
            free[host] -= need
            return "starts in a moment"
    left = [host for host in able if free[host]]
    for host in able:
        held_by.setdefault(host, run)
    if not left:
        count = sum(len(hosts[host]) for host in able)
        return f"all {count} slots are busy" if count > 1 else "the slot is busy"
    ahead = held_by[left[0]]
    if ahead is run:
        need = _needs(run, hosts[left[0]])
        return f"needs {counted(need, 'slot')} at once; {free[left[0]]} {_is(free[left[0]])} free"
    return f"behind {ahead.title}, which needs more slots than are free"


def _short_of(run: WaitingRun, hosts: dict[str, list[SlotState]]) -> str:
    most = max(len(slots) for slots in hosts.values())
    needs = counted(run.devices, "GPU")
    return f"needs {needs}; without the drained slots the largest host has {most}"


def _needs(run: WaitingRun, slots: list[SlotState]) -> int:
    return seats_needed(run.devices, is_gpu=slots[0].is_gpu)


def _by_host(slots: list[SlotState]) -> dict[str, list[SlotState]]:
    found: dict[str, list[SlotState]] = {}
    for slot in slots:
        found.setdefault(slot.host, []).append(slot)
    return found


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
