"""README and docs/ name only what is there: commands, options, variables, files, pages, examples."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from stringx.cli import EXIT_CLOSED, EXIT_NOT_JUDGED, EXIT_USAGE, EXIT_WAITED_TOO_LONG, stringx
from stringx.gates.shape import GateShape, RuleShape, SelectionShape
from stringx.metrics import METRICS
from stringx.model import Acknowledgement, TriggerBody
from stringx.settings import PREFIX, Settings, variables
from stringx.store import database
from stringx.web.app import create_app

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
RUNNING = re.compile(r"(?:^|[\s`(])(?:\.venv/bin/)?stringx ((?:[a-z]|--?[a-z]).*)")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """Every `stringx …` of the page: a line of a shell example, or a piece of code in the text; its words after `stringx`."""
    text = page.read_text()
    lines = [line for kind, block in FENCE.findall(text) if kind in ("sh", "console") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in lines:
        found = RUNNING.search(" " + line.split(" #")[0])
        if found:
            words = shlex.split(re.split(r" [|;&<>]|&&", found[1].rstrip("`"))[0])
            yield words


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for words in commands(page):
        command: click.Command = stringx
        context = click.Context(command)
        for word in words:
            if word.startswith("-"):
                options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
                assert word.split("=")[0] in options | {"--help", "-h", "--version"}, f"{words}: {word}"
            elif isinstance(command, click.Group):
                found = command.get_command(context, word)
                assert found is not None, f"{words}: no verb {word}"
                command = found


@each_page
def test_variables_exist(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", page.read_text()))
    assert {name for name in named if not name.startswith(f"{PREFIX}TARGET")} <= set(variables())


@each_page
def test_files_of_the_repository_that_are_named_are_there(page: Path) -> None:
    named = re.findall(r"`((?:api|configs|dbt_project|docs|scripts|tests|\.ci)/[\w./-]+)", page.read_text())
    assert [name for name in named if not (REPOSITORY / name.rstrip(".")).exists()] == []


@each_page
def test_examples_in_json_are_json(page: Path) -> None:
    for kind, block in FENCE.findall(page.read_text()):
        if kind == "json":
            json.loads(block)


def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((REPOSITORY / "api" / "stringx" / "schemas" / name).read_text()))


def test_the_trigger_of_the_reference_fits_its_schema() -> None:
    page = (REPOSITORY / "docs" / "reference" / "kafka.md").read_text()
    trigger, slices = (json.loads(block) for kind, block in FENCE.findall(page) if kind == "json")
    schema("trigger.v1.json").validate(trigger)
    schema("trigger.v1.json").validate({"table": "raw.flights", "slice": slices})


def test_the_gate_of_the_reference_fits_its_schema() -> None:
    page = (REPOSITORY / "docs" / "reference" / "gate-file.md").read_text()
    gates = [yaml.safe_load(block) for kind, block in FENCE.findall(page) if kind == "yaml"]
    assert gates
    for gate in gates:
        schema("gate.v1.json").validate(gate)


def test_every_gate_file_fits_the_schema_that_it_names() -> None:
    files = sorted((REPOSITORY / "configs" / "gates").rglob("*.yaml"))
    assert files
    for file in files:
        named = re.search(r"\$schema=(\S+)", file.read_text())
        assert named
        assert (file.parent / named[1]).resolve() == REPOSITORY / "api" / "stringx" / "schemas" / "gate.v1.json"
        schema("gate.v1.json").validate(yaml.safe_load(file.read_text()))


def every_command(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for verb in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), verb)
            assert found is not None
            yield from every_command(found, f"{name} {verb}")
    else:
        yield name, command


def test_every_command_and_every_option_is_in_the_reference() -> None:
    page = (REPOSITORY / "docs" / "reference" / "cli.md").read_text()
    for name, command in every_command(stringx, "stringx"):
        assert f"`{name}" in page, name
        for option in [option for parameter in command.params for option in parameter.opts if option.startswith("--")]:
            assert f"`{option}`" in page, f"{name} {option}"


def test_every_exit_code_is_in_the_reference() -> None:
    page = (REPOSITORY / "docs" / "reference" / "cli.md").read_text()
    for code in (0, EXIT_CLOSED, EXIT_USAGE, EXIT_NOT_JUDGED, EXIT_WAITED_TOO_LONG):
        assert f"\n| {code} |" in page


def test_the_page_of_settings_is_what_the_settings_are() -> None:
    made = subprocess.run([sys.executable, "scripts/settings_reference.py"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert (REPOSITORY / "docs" / "reference" / "settings.md").read_text() == made.stdout


def test_the_page_of_rules_and_what_dbt_docs_says_of_them_are_what_the_catalogue_says() -> None:
    for arguments, made in (([], "docs/reference/rules.md"), (["--macros"], "dbt_project/macros/descriptions.yml")):
        printed = subprocess.run(
            [sys.executable, "scripts/rules_reference.py", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True
        )
        assert (REPOSITORY / made).read_text() == printed.stdout


def test_the_readme_is_a_screen_or_two_and_has_the_two_commands() -> None:
    text = (REPOSITORY / "README.md").read_text()
    assert len(text.splitlines()) <= 90
    assert "scripts/demo" in text
    assert "scripts/test" in text


def test_the_page_of_gate_files_has_every_field() -> None:
    page = (REPOSITORY / "docs" / "reference" / "gate-file.md").read_text()
    fields = {name for shape in (GateShape, SelectionShape, RuleShape) for name in shape.model_fields}
    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []


def test_the_page_of_kafka_has_every_field_of_trigger_and_acknowledgement() -> None:
    page = (REPOSITORY / "docs" / "reference" / "kafka.md").read_text()
    fields = {*TriggerBody.model_fields, *Acknowledgement.model_fields}
    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []


def test_the_page_of_metrics_has_each_as_it_is() -> None:
    page = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text()
    described = re.findall(r"^\| `(stringx_\w+)` \| (\w+) \| (.*?) \| (.+) \|$", page, re.MULTILINE)
    wanted = [(one.name, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning.removesuffix(".")) for one in METRICS]
    assert described == wanted
    assert set(re.findall(r"\bstringx_[a-z0-9_]+", page)) == {metric.name for metric in METRICS}


def test_the_page_of_http_has_every_path_of_the_api(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    engine = database.connect(settings)
    rules = create_app(settings, engine).url_map.iter_rules()
    engine.dispose()
    page = (REPOSITORY / "docs" / "reference" / "http.md").read_text()
    paths = {re.sub(r"<[^>]*?(\w+)>", "{}", rule.rule) for rule in rules}
    described = {re.sub(r"\{\w+\}", "{}", path) for path in re.findall(r"(?:GET|POST|PUT|DELETE) (/[\w./{}-]+)`", page)}
    assert paths == described
