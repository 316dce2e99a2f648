from .examination import (
    Options,
    Report,
    dataset_name,
    datasets_below,
    examine,
    number_of_findings,
    picture_folder,
)
from .findings import RULES, Finding, Findings
from .report_text import report_text

__all__ = [
    "RULES",
    "Finding",
    "Findings",
    "Options",
    "Report",
    "dataset_name",
    "datasets_below",
    "examine",
    "number_of_findings",
    "picture_folder",
    "report_text",
]
