"""Studies: configs that are trained alike, with several seeds, and compared.

``tools/analysis_tools/study.py`` is the program.
"""

from .curves import plot_curves, read_curve
from .definition import Row, Study, read_study, row_config
from .plots import plot_study
from .published import Published, published_scores
from .results import StudyResults, fingerprint, read_results
from .tables import comparisons, grid_table, study_table

__all__ = [
    "Published",
    "Row",
    "Study",
    "StudyResults",
    "comparisons",
    "fingerprint",
    "grid_table",
    "plot_curves",
    "plot_study",
    "published_scores",
    "read_curve",
    "read_results",
    "read_study",
    "row_config",
    "study_table",
]
