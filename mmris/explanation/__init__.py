from .call_recorder import CallRecord, record_calls
from .explain import explain
from .explanation import Explanation, ExplanationMap
from .kinds import Kind
from .map_sites import list_kinds
from .sources import MapSource

__all__ = [
    "CallRecord",
    "Explanation",
    "ExplanationMap",
    "Kind",
    "MapSource",
    "explain",
    "list_kinds",
    "record_calls",
]
