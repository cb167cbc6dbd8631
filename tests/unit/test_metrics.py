"""The metrics as Prometheus reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from stringx.metrics import METRICS, exposition
from stringx.model import BackendStatus, DistrustedGate, RunnerReplicaStatus, VerdictName

SAMPLE = re.compile(
    r'(?P<name>[a-z_0-9]+)(?:\{(?P<labels>[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*)\})? (?P<value>\S+)'
)
ODD = 'a "name" with \\ and\na line'


def replica(**changes: Any) -> RunnerReplicaStatus:
    given: dict[str, Any] = {
        "runner": "default",
        "address": "http://10.0.0.1:5002",
        "reachable": True,
        "answered_at": datetime.now(UTC),
        "answered_seconds_ago": 1.25,
        "error": None,
        "boot": "b",
        "version": "0",
        "workers": 3,
        "free": 2,
        "free_by_target": {"demo": 2, ODD: 0},
        "queue": 100,
        "queued_by_target": {"demo": 0, ODD: 4},
        "targets": ("demo", ODD),
        "fingerprints": {},
        "outdated": (),
        "errors": {ODD: "Parsing Error"},
        "distrusted": {"demo": (DistrustedGate(workspace="w", table="s.t", gate_fingerprint="f", reason="r"),)},
    }
    return RunnerReplicaStatus.model_validate(given | changes)


def status(*runners: RunnerReplicaStatus) -> BackendStatus:
    return BackendStatus.model_validate(
        {
            "version": "0",
            "runs": {"queued": 12_345_678, "leased": 2, "oldest_queued_seconds": None},
            "verdicts_last_5_minutes": dict.fromkeys(VerdictName, 0) | {VerdictName.FAILED: 3},
            "outbox": {"unpublished": 1, "oldest_unpublished_seconds": 0.5},
            "dead_letters_last_5_minutes": 7,
            "dispatchers": (),
            "runners": runners,
        }
    )


def read(text: str) -> dict[str, float]:
    """By name and labels as they are written; each line must be one of the format's."""
    assert text.endswith("\n")
    samples = {}
    for line in text.split("\n")[:-1]:
        if not line.startswith("#"):
            found = SAMPLE.fullmatch(line)
            assert found, line
            key = f"{found['name']}{{{found['labels']}}}" if found["labels"] else found["name"]
            assert key not in samples, "a series stands twice"
            samples[key] = float(found["value"])
    return samples


def test_each_metric_has_its_meaning_and_kind_before_its_numbers() -> None:
    lines = exposition(status(replica())).splitlines()
    for metric in METRICS:
        start = lines.index(f"# HELP {metric.name} {metric.meaning}")
        assert lines[start + 1] == f"# TYPE {metric.name} {metric.kind}"
        assert lines[start + 2].startswith(metric.name), "and there is one at least"
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_numbers_are_the_statuses_and_none_is_rounded() -> None:
    samples = read(exposition(status()))
    assert samples["stringx_runs_queued"] == 12_345_678
    assert (samples["stringx_runs_oldest_queued_seconds"], samples["stringx_outbox_oldest_unpublished_seconds"]) == (0, 0.5)
    assert samples["stringx_dead_letters_last_5_minutes"] == 7
    assert {name: samples[f'stringx_verdicts_last_5_minutes{{verdict="{name}"}}'] for name in VerdictName} == dict.fromkeys(
        VerdictName, 0
    ) | {"failed": 3}
    assert not [key for key in samples if key.startswith("stringx_runner")]


def test_each_replica_and_each_of_its_targets_has_its_own_whatever_they_are_called() -> None:
    away = replica(address="http://10.0.0.2:5002", reachable=False, answered_seconds_ago=None, targets=())
    samples = read(exposition(status(replica(), away)))
    one, other = 'runner="default",address="http://10.0.0.1:5002"', 'runner="default",address="http://10.0.0.2:5002"'
    odd = f'{one},target="a \\"name\\" with \\\\ and\\na line"'
    assert (samples[f"stringx_runner_up{{{one}}}"], samples[f"stringx_runner_up{{{other}}}"]) == (1, 0)
    assert f"stringx_runner_answered_seconds_ago{{{other}}}" not in samples, "it never answered"
    wanted = {"project_error": (0, 1), "free_workers": (2, 0), "waiting_runs": (0, 4)}
    for name, numbers in wanted.items():
        assert (samples[f'stringx_runner_{name}{{{one},target="demo"}}'], samples[f"stringx_runner_{name}{{{odd}}}"]) == numbers
    name = "stringx_prepared_distrusted_gates"
    assert (samples[f'{name}{{{one},target="demo"}}'], samples[f"{name}{{{odd}}}"]) == (1, 0)
