"""The read models of the API, as `model.answers` and `model.gate_changes` have them. Reads only."""

from stringx.store.views.dead_letters import dead_letter, list_dead_letters
from stringx.store.views.gate_versions import version_detail, version_page
from stringx.store.views.gates import gate, gate_status, list_gates, require_name
from stringx.store.views.runs import find_run, list_runs, run
from stringx.store.views.triggers import trigger

__all__ = [
    "dead_letter",
    "find_run",
    "gate",
    "gate_status",
    "list_dead_letters",
    "list_gates",
    "list_runs",
    "require_name",
    "run",
    "trigger",
    "version_detail",
    "version_page",
]
