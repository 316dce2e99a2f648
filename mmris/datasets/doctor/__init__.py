from .examination import Options, Report, examine, number_of_findings, picture_folder
from .findings import RULES, Finding, Findings
from .report_text import report_text

__all__ = [
    "RULES",
    "Finding",
    "Findings",
    "Options",
    "Report",
    "examine",
    "number_of_findings",
    "picture_folder",
    "report_text",
]
