from .members import Archive, Member, RefusedArchiveError
from .places import place_of
from .unpacking import Plan, Unpacked, plan, unpack

__all__ = [
    "Archive",
    "Member",
    "Plan",
    "RefusedArchiveError",
    "Unpacked",
    "place_of",
    "plan",
    "unpack",
]
