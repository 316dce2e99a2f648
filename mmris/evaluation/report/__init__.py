from .cases import Case, choose_cases, choose_changes
from .page import Run, check_report_options, write_report

__all__ = [
    "Case",
    "Run",
    "check_report_options",
    "choose_cases",
    "choose_changes",
    "write_report",
]
