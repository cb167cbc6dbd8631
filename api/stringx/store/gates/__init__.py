"""Gates and their versions. A version is appended and never changed; which one is in force is one row of `gates`.

A gate that was withdrawn has no version in force; those that it had stay, and so do its runs. A withdrawal is appended, too: it ends a
version, and a gate that is put in force again has a new one. Tables are compared in lower case:
`RAW.Flights` and `raw.flights` are one table.

A gate is managed by the file that its version in force was applied from, or, without one, by the API; what the one manages, the
other leaves as it is, unless it takes the gate over.
"""

from stringx.store.gates.absent import MOST_HINTS, absence, absences
from stringx.store.gates.changes import Change, apply, lock, plan, plan_put, put, rollback, withdraw
from stringx.store.gates.history import version, versions, withdrawals, withdrawn_at
from stringx.store.gates.present import current, current_of, gate_of, in_force, list_current

__all__ = [
    "MOST_HINTS",
    "Change",
    "absence",
    "absences",
    "apply",
    "current",
    "current_of",
    "gate_of",
    "in_force",
    "list_current",
    "lock",
    "plan",
    "plan_put",
    "put",
    "rollback",
    "version",
    "versions",
    "withdraw",
    "withdrawals",
    "withdrawn_at",
]
