"""What `scripts/bench` prints, and the lab that it measures; the measuring itself is the benchmark's own run."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from stringx.gates import files
from stringx.model import Engine

# A program, not a package: its modules are found beside it, as when it runs.
sys.path.append(str(Path(__file__).parents[1] / "bench"))
figures = importlib.import_module("figures")
lab = importlib.import_module("lab")


def test_percentiles_lie_between_the_samples_and_never_beyond_the_largest() -> None:
    found = figures.percentiles([float(number) for number in range(1, 102)])
    assert (found.n, found.p50, found.p95, found.p99) == (101, 51.0, 96.0, 100.0)
    assert figures.percentiles([3.0, 1.0]).p99 <= 3.0


def test_a_single_sample_is_every_percentile() -> None:
    found = figures.percentiles([0.25])
    assert (found.n, found.p50, found.p95, found.p99) == (1, 0.25, 0.25, 0.25)


def test_no_sample_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no samples"):
        figures.percentiles([])


def test_the_json_has_the_names_that_machines_read() -> None:
    printed = json.loads(
        figures.as_json(
            latency=[figures.latency(100, "dbt", [0.25, 0.25])],
            throughput=[figures.Throughput("prepared", 2, True, 10_000, 50.0, 200.0)],
            memory=[figures.Memory("dbt", "dbt worker 1", 1_000, 40, 42, figures.growth(40, 42), 130)],
            start=[figures.start(100, "runner", [5.0])],
        )
    )
    assert {name: list(row) for name, (row,) in printed.items()} == {
        "latency": ["tables", "engine", "n", "p50", "p95", "p99"],
        "throughput": ["engine", "workers", "coalescing", "triggers", "seconds", "per_second"],
        "memory": ["engine", "process", "runs", "private_before", "private_after", "growth", "resident_after"],
        "start": ["tables", "what", "n", "p50", "p95", "p99"],
    }
    assert printed["latency"][0] == {"tables": 100, "engine": "dbt", "n": 2, "p50": 0.25, "p95": 0.25, "p99": 0.25}


def test_the_table_has_milliseconds_and_megabytes_for_people() -> None:
    lines = figures.as_table([figures.latency(100, "dbt", [0.1]), figures.latency(1_000, "subprocess", [8.0])]).splitlines()
    assert [line.split() for line in lines] == [
        ["tables", "engine", "n", "p50", "ms", "p95", "ms", "p99", "ms"],
        ["100", "dbt", "1", "100.00", "100.00", "100.00"],
        ["1000", "subprocess", "1", "8000.00", "8000.00", "8000.00"],
    ]
    (_, line) = figures.as_table([figures.Memory("dbt", "dbt worker 1", 1_000, 40_000_000, 42_000_000, 0.05, 130_000_000)]).splitlines()
    assert line.split() == ["dbt", "dbt", "worker", "1", "1000", "40.0", "42.0", "+5.0%", "130.0"]
    assert figures.as_table([]) == ""


def test_the_lab_has_six_tests_for_each_table_and_gates_that_are_taken(tmp_path: Path) -> None:
    project = lab.project(3)
    for table in lab.names(3):
        (source,) = project[f"models/{table}.yml"]["sources"]
        tests = [test for column in source["tables"][0]["columns"] for test in column["data_tests"]]
        assert len(tests) == lab.TESTS
    lab.write(tmp_path, lab.gates(3, ["dbt"]))
    gates = [file.gate for file in files.read(tmp_path)]
    assert [(gate.workspace, gate.table, gate.engine) for gate in gates] == [("dbt", f"raw.t_000{place}", Engine.DBT) for place in range(3)]
