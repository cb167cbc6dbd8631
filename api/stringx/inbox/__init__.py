"""The inbox: a trigger is accepted exactly once, and queued as a run, or joined to a queued one; what cannot be taken is kept
as a dead letter and answered. All of it in its caller's transaction; only after that has committed may a door go on.
"""

from stringx.inbox.acceptance import Accepted, Delivery, Taken, accept, take, take_each
from stringx.inbox.refusal import RefusedRecord, refuse

__all__ = ["Accepted", "Delivery", "RefusedRecord", "Taken", "accept", "refuse", "take", "take_each"]
