from .cases import Case, choose_cases, choose_changes
from .page import Run, write_report

__all__ = ["Case", "Run", "choose_cases", "choose_changes", "write_report"]
