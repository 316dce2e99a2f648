"""A report of the doctor as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .count_checks import NUMBERS
from .examination import number_of_findings
from .findings import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .count_checks import SplitCount
    from .examination import Partition, Report
    from .findings import Finding

_HEAD = ("split", *NUMBERS, "published")


def report_text(reports: Sequence[Report]) -> str:
    """Write a report for readers.

    Args:
        reports: All datasets.
    """
    lines = []
    for report in reports:
        lines += [*_of_dataset(report), ""]
    numbers = number_of_findings(reports)
    lines.append(
        ", ".join(
            f"{numbers[name]} {_counted(name, numbers[name])}" for name in numbers
        )
    )
    return "\n".join(lines)


def _counted(name: str, number: int) -> str:
    return f"kind of {name}" if number == 1 else f"kinds of {name}"


def _of_dataset(report: Report) -> Iterator[str]:
    yield str(report.folder)
    for partition in report.partitions:
        yield from _of_partition(partition)
    findings = report.findings.sorted()
    if not findings:
        yield "  nothing to complain about"
    width = max(map(len, SEVERITIES))
    for finding in findings:
        yield from _of_finding(finding, width)


def _of_partition(partition: Partition) -> Iterator[str]:
    yield f"  {partition.content.title}"
    rows = [_HEAD, *(_row(count) for count in partition.counts)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [row[k].rjust(widths[k]) for k in range(1, len(NUMBERS) + 1)]
        yield f"    {'  '.join(cells)}  {row[-1]}".rstrip()


def _row(count: SplitCount) -> tuple[str, ...]:
    numbers = [f"{count.found[name]:,}" for name in NUMBERS]
    if not count.published:
        return count.split, *numbers, "nothing to compare with"
    differences = count.differences()
    missing = [name for name in NUMBERS if name not in count.published]
    equal = f"equal ({', '.join(count.published)})" if missing else "equal"
    return count.split, *numbers, "; ".join(differences) or equal


def _of_finding(finding: Finding, width: int) -> Iterator[str]:
    rule = finding.rule
    yield f"  {rule.severity.ljust(width)}  {rule.what}: {finding.count:,}"
    indent = " " * (width + 4)
    for example in finding.examples:
        yield f"{indent}- {example}"
    places = len(finding.examples)
    if rule.severity != "note" and finding.count > places:
        yield f"{indent}- and {finding.count - places:,} more"
    yield f"{indent}{rule.advice}."
