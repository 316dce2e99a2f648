from .cases import Case, choose_cases, choose_changes
from .page import check_report_options, write_report
from .run import Run

__all__ = [
    "Case",
    "Run",
    "check_report_options",
    "choose_cases",
    "choose_changes",
    "write_report",
]
