"""A data report as lines of text, for a shell or a notebook."""

from __future__ import annotations

from collections.abc import Iterator

from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.report import DataReport, Finding

STATES = {
    "usable": "can be used",
    "repairable": "can be used with repair only",
    "question": "cannot be used before its question is answered",
    "refused": "cannot be used",
}


def report_lines(report: DataReport) -> Iterator[str]:
    """The whole report, a line at a time."""
    yield f"{report.name}: {STATES[report.state]}"
    if report.problem:
        yield f"  {report.problem}"
    if report.repaired_problem and report.repaired_problem != report.problem:
        yield f"  with repair: {report.repaired_problem}"
    yield from _understood(report)
    yield from _spacing(report)
    for title, findings in (
        ("stops the import", report.stopping), ("noted", report.noted),
    ):  # fmt: skip
        if findings:
            yield f"{title}:"
        for finding in findings:
            yield from _finding(finding)
    if report.left_out and report.bars:
        yield f"repair would leave out {report.left_out:,} of {counted(report.rows, 'row')}"


def _understood(report: DataReport) -> Iterator[str]:
    known = report.understood
    if known is None:
        return
    yield "understood as:"
    columns = ", ".join(f"{role} = {name}" for role, name in known.columns.items())
    for label, text in (
        ("format", f"{known.container}, {known.header}"),
        ("columns", columns),
        ("times", known.time),
        ("zone", known.zone),
        ("volume", known.volume),
    ):
        if text:
            yield f"  {label:<8} {text}"
    for note in known.notes:
        yield f"  note     {note}"


def _spacing(report: DataReport) -> Iterator[str]:
    if report.first_open is None or report.last_open is None:
        return
    yield (
        f"{counted(report.rows, 'row')}, {counted(report.bars, 'bar')} of {report.timeframe} from "
        f"{report.first_open:%Y-%m-%d %H:%M} to {report.last_open:%Y-%m-%d %H:%M} UTC, "
        f"{report.order}"
    )
    for bars in report.timeframes:
        yield (
            f"  {bars.timeframe:<4} {bars.expected:>11,} expected {bars.present:>11,} present "
            f"{bars.missing:>11,} missing {bars.whole:>11,} whole"
        )
    gaps, missing = counted(report.gaps, "gap"), counted(report.missing, "bar")
    yield f"{gaps}, {missing} missing (counted round the clock)"
    for gap in report.longest_gaps:
        yield (
            f"  {gap.missing:>11,} missing between {gap.after:%Y-%m-%d %H:%M} and "
            f"{gap.before:%Y-%m-%d %H:%M}"
        )
    if report.largest_step is not None:
        step = report.largest_step
        yield f"largest step of the close: {step.log_return:+.4f} at {step.at:%Y-%m-%d %H:%M}"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"  {finding.count:,} {finding.title} ({100 * finding.share:.2f} %); {finding.repair}"
    for example in finding.examples:
        at = f" ({example.at:%Y-%m-%d %H:%M})" if example.at else ""
        yield f"    line {example.line:,}{at}: {example.text}"
