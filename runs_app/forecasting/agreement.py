"""Which numbers of two runs agree, and in what their surroundings differ. No torch, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from runs_app.forecasting.environment import Environment
from runs_app.forecasting.passport import Number

RELATIVE_TOLERANCE = 1e-3
"""What other packages, threads or devices may change; in the same surroundings it is zero."""


class Agreement(StrEnum):
    """How a number is found again."""

    EXACTLY = "exactly"
    WITHIN = "within tolerance"
    NO = "no"


@dataclass(frozen=True)
class Line:
    """One number then and now; None where one of the two has none of this name."""

    name: str
    then: Number
    now: Number
    agrees: Agreement


def compare(
    then: Mapping[str, Number], now: Mapping[str, Number], tolerance: float
) -> tuple[Line, ...]:
    """Every number that one of the two has, by name.

    Within tolerance: ``|then - now| <= tolerance * max(|then|, |now|)``. Words, NaN and infinities
    agree exactly or not at all.
    """
    return tuple(
        Line(name, then.get(name), now.get(name), _agreement(then, now, name, tolerance))
        for name in sorted({*then, *now})
    )


def _agreement(
    then: Mapping[str, Number], now: Mapping[str, Number], name: str, tolerance: float
) -> Agreement:
    if name not in then or name not in now:
        return Agreement.NO
    one, other = then[name], now[name]
    if one == other:
        return Agreement.EXACTLY
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return Agreement.NO
    near = abs(one - other) <= tolerance * max(abs(one), abs(other))
    return Agreement.WITHIN if near else Agreement.NO


def differences(then: Environment, now: Environment) -> list[str]:
    """Why the same fit may end in other bits: one sentence each; empty where it may not."""
    found = []
    if "CPU" not in (then.device, now.device) or then.device != now.device:
        found.append(
            f"device: {then.device}, now {now.device}"
            if then.device != now.device
            else f"device: {now.device} adds numbers in no fixed order"
        )
    for name in ("devices", "threads", "processor", "torch", "python", "platform", "tries"):
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            found.append(f"{name}: {before}, now {after}")
    if then.compiled or now.compiled:
        found.append("torch.compile may choose other kernels")
    if then.code.core_sha256 != now.code.core_sha256:
        found.append(f"code: {_code(then)}, now {_code(now)}")
    for name in sorted({*then.packages, *now.packages}):
        before, after = (one.packages.get(name, "not installed") for one in (then, now))
        if before != after:
            found.append(f"package {name}: {before}, now {after}")
    if then.resume == "approximate":
        found.append(f"it was resumed after step {then.resumed_from_step:,}, approximately")
    return found


def _code(environment: Environment) -> str:
    code = environment.code
    return f"commit {code.commit[:12]}{' with changes' if code.dirty else ''}"
