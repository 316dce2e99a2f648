"""How fast models are, how much memory they take, and whether every mode agrees.

``tools/analysis_tools/benchmark.py`` is the program; ``docs/en/performance.md`` has
what it found.
"""

from .equality import Equality, compare, one_by_one
from .limits import Limits, measure_limits
from .measurement import (
    Effort,
    Measurement,
    PartFigures,
    measure_inference,
    measure_training,
    parameters_by_part,
)
from .memory import PeakMemory, measure_memory
from .modes import PLAIN, PRECISIONS, Mode, Precision
from .presets import PRESETS
from .random_case import (
    RandomBatch,
    build_model,
    build_random_model,
    input_size,
    random_batch,
    random_sentences,
)
from .record import Record, describe_machine, read_record
from .timing import Deadline, Spread, Stopwatch, take_turns
from .work import Work, count_flops, count_parameters, count_work

__all__ = [
    "PLAIN",
    "PRECISIONS",
    "PRESETS",
    "Deadline",
    "Effort",
    "Equality",
    "Limits",
    "Measurement",
    "Mode",
    "PartFigures",
    "PeakMemory",
    "Precision",
    "RandomBatch",
    "Record",
    "Spread",
    "Stopwatch",
    "Work",
    "build_model",
    "build_random_model",
    "compare",
    "count_flops",
    "count_parameters",
    "count_work",
    "describe_machine",
    "input_size",
    "measure_inference",
    "measure_limits",
    "measure_memory",
    "measure_training",
    "one_by_one",
    "parameters_by_part",
    "random_batch",
    "random_sentences",
    "read_record",
    "take_turns",
]
