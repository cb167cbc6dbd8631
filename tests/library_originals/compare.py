"""Holds the rule library against the packages whose names it has: the same YAML for both, over random data."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import duckdb
import explained
import psycopg
import scenarios_expectations
import scenarios_utils
from data import Rows, as_sql, tables
from explained import Answer, explanation
from scenario import Scenario

from stringx.embedded.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).parent.parent.parent
PACKAGES = ("dbt-utils", "dbt-expectations", "dbt-date")
TABLES = ("t", "u", "e", "daily")
SLICES = ["h < 3", "i is not null", "d >= '2024-01-05'"]


def main() -> int:
    asked = _arguments()
    print("data", "seed", "uses", "differ", "not named", sep="\t")
    unnamed = 0
    with tempfile.TemporaryDirectory(prefix="stringx-compare-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres runs as somebody else
        with postgres(folder) as make_postgres:
            databases: dict[str, Callable[[str], dict[str, object]]] = {
                "postgres": make_postgres,
                "duckdb": lambda sql: make_duckdb(folder, sql),
            }
            for seed in range(asked.seed, asked.seed + asked.seeds):
                for database in asked.database or databases:
                    unnamed += compare(folder, asked, seed, database, databases[database])
    for sentence in explained.unknown_sentences():
        print(f"no check names the difference {sentence!r} any more")
        unnamed += 1
    return 1 if unnamed else 0


def compare(folder: Path, asked: argparse.Namespace, seed: int, database: str, make: Callable[[str], dict[str, object]]) -> int:
    """Prints the differences of one state of the data; the number of those that the catalogue does not name."""
    chance = random.Random(seed)  # data, no secret
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    made = tables(chance, now)
    profile = make(as_sql(made))
    scenarios = [*uses(chance, asked.uses, made, asked.only)]
    folder = folder / f"{database}-{seed}"
    for package, checkout in asked.folders.items():
        unneeded = shutil.ignore_patterns(".git", "integration_tests", "packages.yml")
        shutil.copytree(checkout, folder / "originals" / "dbt_packages" / package, ignore=unneeded)
    originals = run(folder / "originals", profile, scenarios, of_packages=True)
    shutil.copytree(REPOSITORY / "dbt_project" / "macros", folder / "library" / "macros")
    library = run(folder / "library", profile, scenarios, of_packages=False)
    named: Counter[str] = Counter()
    unnamed = 0
    for number, scenario in enumerate(scenarios):
        (original, why), (ours, our_why) = originals[number], library[number]
        if original == ours:
            continue
        sentence = explanation(scenario, original, ours)
        named[f"{scenario.check}: {sentence}"] += 1
        if sentence is None or asked.verbose:
            unnamed += sentence is None
            print(f"  {scenario}: {original} by {scenario.package}, {ours} here; {sentence or 'NOT NAMED'} {why} {our_why}".rstrip())
    print(database, seed, len(scenarios), sum(named.values()), unnamed, sep="\t", flush=True)
    return unnamed


def uses(chance: random.Random, count: int, made: Mapping[str, Rows], only: str) -> Iterator[Scenario]:
    for package, all_uses in (("dbt_expectations", scenarios_expectations.USES), ("dbt_utils", scenarios_utils.USES)):
        for check, use in all_uses.items():
            for _ in range(count):
                column, arguments = use(chance)
                table = "daily" if "moving" in check else chance.choice(["t", "t", "u", "e"])
                where = chance.choice(SLICES) if chance.random() < 0.2 else None
                if fnmatch(check, only):
                    yield Scenario(package, check, table, arguments, column, where, made)


def run(project: Path, profile: dict[str, object], scenarios: list[Scenario], *, of_packages: bool) -> dict[int, tuple[Answer, str]]:
    """What dbt makes of each scenario in this project, and why where it could not judge. Its macros or packages are there already."""
    (project / "models").mkdir()
    settings = {"name": "stringx", "profile": "lab", "vars": {"dbt_date:time_zone": "UTC"}, "flags": {"send_anonymous_usage_stats": False}}
    (project / "dbt_project.yml").write_text(json.dumps(settings))
    (project / "profiles.yml").write_text(json.dumps({"lab": {"target": "lab", "outputs": {"lab": profile}}}))
    (project / "models" / "sources.yml").write_text(json.dumps(sources(scenarios, of_packages=of_packages), ensure_ascii=False))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dbt.cli.main import cli; cli()",
            "--quiet",
            "test",
            "--project-dir",
            project,
            "--profiles-dir",
            project,
        ],
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    report = project / "target" / "run_results.json"
    if not report.exists():
        sys.exit(done.stdout + done.stderr)
    results = json.loads(report.read_text())["results"]
    if len(results) != len(scenarios):
        sys.exit(f"{len(results)} results of {len(scenarios)} tests\n{done.stdout}")
    return {int(one["unique_id"].split(".")[2].removeprefix("use_")): _answer(one) for one in results}


def _answer(result: Mapping[str, Any]) -> tuple[Answer, str]:
    if result["status"] == "error":
        return "error", " ".join(str(result["message"]).split())[:300]
    return result["failures"], ""


def sources(scenarios: list[Scenario], *, of_packages: bool) -> dict[str, object]:
    """The tables with each scenario as a test: with the prefix of its package, or without."""
    by_table: dict[str, dict[str, Any]] = {name: {"name": name, "data_tests": [], "columns": {}} for name in TABLES}
    for number, scenario in enumerate(scenarios):
        place = by_table[scenario.table]
        if scenario.column is not None:
            column = {"name": scenario.column, "quote": scenario.odd, "data_tests": []}
            place = place["columns"].setdefault(scenario.column, column)
        test = f"{scenario.package}.{scenario.check}" if of_packages else scenario.check
        config = {"where": scenario.where} if scenario.where else {}
        place["data_tests"].append({test: {"name": f"use_{number}", "arguments": dict(scenario.arguments), "config": config}})
    written = [{**table, "columns": [*table["columns"].values()]} for table in by_table.values()]
    return {"version": 2, "sources": [{"name": "lab", "tables": written}]}


@contextmanager
def postgres(folder: Path) -> Iterator[Callable[[str], dict[str, object]]]:
    """Makes a fresh database of the data that it is given; the answer is a profile of dbt's."""
    server = EmbeddedPostgres(folder / "postgres", options={"fsync": "off", "full_page_writes": "off", "timezone": "UTC"})
    server.start()
    made = 0

    def make(sql: str) -> dict[str, object]:
        nonlocal made
        made += 1
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"create database data_{made}")
        with psycopg.connect(server.url(f"data_{made}")) as connection:
            connection.execute(sql)  # type: ignore[arg-type]  # SQL made here
        info = psycopg.conninfo.conninfo_to_dict(server.url(f"data_{made}"))
        address = {"host": info["host"], "port": int(str(info["port"])), "user": info["user"], "password": info["password"]}
        return {"type": "postgres", **address, "dbname": f"data_{made}", "schema": "lab", "threads": 2}

    try:
        yield make
    finally:
        server.close()
        if not server.join(30):
            server.terminate()


def make_duckdb(folder: Path, sql: str) -> dict[str, object]:
    file = folder / f"{len([*folder.glob('*.duckdb')])}.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(sql)
    return {"type": "duckdb", "path": str(file), "schema": "lab", "threads": 2, "settings": {"TimeZone": "UTC"}}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", nargs="+", type=Path, help="a folder that is one of the checkouts, or holds them")
    parser.add_argument("--seed", type=int, default=1, help="the first state of the data")
    parser.add_argument("--seeds", type=int, default=1, help="how many states of the data")
    parser.add_argument("--uses", type=int, default=8, help="how many uses of each test")
    parser.add_argument("--database", action="append", choices=["postgres", "duckdb"], help="default: both")
    parser.add_argument("--only", default="*", help="checks by a pattern: expect_*")
    parser.add_argument("--verbose", action="store_true", help="also print the differences that the catalogue names")
    asked = parser.parse_args()
    asked.folders = {}
    for package in PACKAGES:
        places = [place for given in asked.checkout for place in (given, given / package) if place.name == package and place.is_dir()]
        if not places:
            parser.error(f"there is no checkout of {package}: clone it into a folder of that name, and give the folder that holds it")
        asked.folders[package.replace("-", "_")] = places[0]
    return asked


if __name__ == "__main__":
    sys.exit(main())
