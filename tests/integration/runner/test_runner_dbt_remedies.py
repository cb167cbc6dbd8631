"""Each fault of dbt that has a remedy is still there; with the remedy it is gone, and what dbt makes is the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runner_lab import PROJECT

#: A script asks for a fault twice, without the remedies and with them.
COUNTING = """
import functools, sys

asked = {}

def counted(of, name):
    function = getattr(of, name)
    @functools.wraps(function)
    def count(*arguments, **keywords):
        asked[name] = asked.get(name, 0) + 1
        return function(*arguments, **keywords)
    setattr(of, name, staticmethod(count) if isinstance(vars(of).get(name), staticmethod) else count)

def twice(do):
    asked.clear()
    results = [do(), do()]
    return dict(asked), results
"""

FAULTS = {
    "folders are searched for plugins": """
import pkgutil
from dbt.plugins import set_up_plugin_manager
from dbt.plugins.manager import PluginManager
counted(pkgutil, "iter_modules")

def do():
    set_up_plugin_manager("lab")
    return PluginManager.get_prefixed_modules()

faulty, mended = {"iter_modules": 4}, {"iter_modules": 1}
""",
    "the stack is read for who asks for a flag": """
import inspect
from dbt_common.behavior_flags import BehaviorFlagRendered
counted(inspect, "stack")

def do():
    BehaviorFlagRendered({"name": "b", "default": True, "description": "d", "source": "of its own"}, {})
    return BehaviorFlagRendered({"name": "a", "default": True, "description": "d"}, {})._behavior_change_event.flag_source

faulty, mended = {"stack": 4}, {}
""",
    "the environment is read for each exception": """
import os
from dbt.exceptions import PackageNotFoundForMacroError
os.environ["DBT_ENV_SECRET_WORD"] = "swordfish"
counted(type(os.environ), "items")

def do():
    return str(PackageNotFoundForMacroError("swordfish"))

faulty, mended = {"items": 2}, {"items": 1}
""",
    "dates are prepared for each result": """
import datetime
import parsedatetime
from dbt_common.clients import agate_helper
counted(parsedatetime.Constants, "__init__")

def do():
    rows = [{"n": 1, "ok": True, "day": datetime.date(2013, 2, 8), "word": "005"}, {"n": None, "ok": False, "day": None, "word": ""}]
    tables = [agate_helper.table_from_data_flat(rows, list(rows[0])), agate_helper.table_from_data_flat([], ["n"])]
    return [(table.column_names, [type(kind) for kind in table.column_types], [tuple(row) for row in table.rows]) for table in tables]

faulty, mended = {"__init__": 12}, {"__init__": 6}
""",
    "a template is compiled each time": """
import jinja2
from dbt_common.clients import jinja
from dbt_common.exceptions import CompilationError
counted(jinja2.Environment, "_generate")

def do():
    rendered = [
        jinja.render_template(jinja.get_template(text, context, native=native), context)
        for text in ("{{ one }}-{{ '2' | as_number }}", "{{ ['a', one] | join('x') }}", "{{ 4 }}")
        for context in ({"one": 1}, {"one": "eins"})
        for native in (False, True)
    ]
    try:
        jinja.get_template("{{ one", {})
    except CompilationError as error:
        rendered.append(str(error))
    return rendered

faulty, mended = {"_generate": 24}, {"_generate": 6}
""",
    "events that nobody hears are made": """
from dbt.adapters.events.types import SQLQuery
from dbt.events.types import LogStartLine, WritingInjectedSQLForNode
from dbt_common.events import base_types
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.events.functions import fire_event, warn_or_error
from dbt_common.events.types import Formatting, Note
from dbt_common.exceptions import EventCompilationError
heard = []
get_event_manager().loggers = []
get_event_manager().callbacks = [lambda message: heard.append((message.info.name, message.info.level, message.info.msg))]
counted(base_types, "ParseDict")

def do():
    heard.clear()
    fire_event(Formatting(""))
    fire_event(LogStartLine(description="a test", index=1, total=2, node_info={}))
    fire_event(WritingInjectedSQLForNode(node_info={}))
    fire_event(SQLQuery(conn_name="master", sql="select 1", node_info={"unique_id": "test.a"}))
    fire_event(Note(msg="careful"), level=EventLevel.WARN)
    fire_event(Note(msg="wrong"), level=EventLevel.ERROR)
    named = [entry for entry in heard if entry[0] == "SQLQuery" or entry[1] != "debug" and entry[1] != "info"]
    get_event_manager().warn_error = True
    try:
        warn_or_error(Note(msg="a warning that is an error"))
    except EventCompilationError as error:
        named.append(str(error))
    finally:
        get_event_manager().warn_error = False
    event = Note(msg="before")
    event.msg = "after"
    return [*named, event.msg, event.to_dict(), event.message()]

# Of each event its data and its message; the last one is never fired.
faulty, mended = {"ParseDict": 30}, {"ParseDict": 18}
""",
    "files are written that nobody reads": """
from types import SimpleNamespace
from dbt.contracts.graph import nodes
from dbt.contracts.graph.nodes import ParsedNode
counted(nodes, "write_file")

def do():
    ParsedNode.write_node(SimpleNamespace(), sys.argv[1], "target/a.sql", "select 1")

faulty, mended = {"write_file": 2}, {}
""",
}

CHECK = """
before, unmended = twice(do)
assert before == faulty, f"dbt has mended a fault, and a remedy of `dbt_remedies` is for nothing, or the fault has changed: {before}"
from stringx.runner import dbt_remedies
dbt_remedies.apply()
dbt_remedies.apply()
after, results = twice(do)
assert after == mended, after
assert results == unmended, (results, unmended)
"""


#: A project is parsed, which takes no database, and what each invocation reads and makes of it is described.
INVOCATIONS = """
from pathlib import Path
from stringx.runner import dbt_remedies, invocation
from dbt.cli.main import dbtRunner
from dbt.clients.jinja import MacroGenerator
from dbt.config.profile import Profile
from dbt.config.project import PartialProject
from dbt.context.macros import MacroNamespace
from dbt.context.providers import generate_runtime_model_context

counted(Profile, "render_profile")
counted(PartialProject, "render")
counted(MacroNamespace, "__getitem__")

mend, dbt_remedies.apply = dbt_remedies.apply, lambda: None
folders = invocation.DbtFolders(Path(sys.argv[2]), Path(sys.argv[2]), "demo", Path(sys.argv[1]))
manifest = invocation.parse(folders)
tests = [node for node in manifest.nodes.values() if node.resource_type == "test"]

def described(value, context):
    if isinstance(value, MacroGenerator):
        of_this = value.context is context, value.stack is context["context_macro_stack"], value.node.unique_id
        return value.macro.unique_id, *of_this
    if type(value) is dict and value is not context and any(isinstance(part, MacroGenerator) for part in value.values()):
        return {name: described(part, context) for name, part in value.items()}
    return type(value).__name__

def do():
    outcome = dbtRunner(manifest=manifest).invoke(folders.arguments("list", "--select", "fqn:*"))
    assert outcome.success, outcome
    config = invocation.adapter().config
    projects = {name: project.to_project_config(with_packages=True) for name, project in config.load_dependencies().items()}
    contexts = [generate_runtime_model_context(node, config, manifest) for node in tests]
    looked_up = [context["adapter"]._namespace.get_from_package(None, "test_not_null") for context in contexts]
    assert all(found is context["test_not_null"] for found, context in zip(looked_up, contexts))
    described_all = [{name: described(value, context) for name, value in context.items()} for context in contexts]
    return outcome.result, config.to_profile_info(serialize_credentials=True), projects, described_all

before, unmended = twice(do)
lookups = before.pop("__getitem__")
assert lookups > 1000 * len(tests) and before == {"render_profile": 2, "render": 6}, (
    f"dbt has mended a fault, and a remedy of `dbt_remedies` is for nothing, or the fault has changed: {before}, {lookups}"
)
mend()
after, results = twice(do)
assert after.pop("__getitem__") == 2 * len(tests)  # those above
assert after == {"render_profile": 1, "render": 3}, after
assert results == unmended
assert len(tests) > 3 and any(of_own[0].startswith("macro.lab.") for of_own in results[0][3][0].values() if type(of_own) is tuple)
"""

#: A project with one file that dbt cannot read is parsed, without the remedies and with them.
UNREADABLE = """
import sys
from pathlib import Path
from stringx.runner import dbt_remedies, invocation

project, file = Path(sys.argv[2]), sys.argv[3]
folders = invocation.DbtFolders(project, project, "demo", Path(sys.argv[1]))

def said():
    try:
        invocation.parse(folders)
    except invocation.ParseFailed as error:
        return str(error)

mend, dbt_remedies.apply = dbt_remedies.apply, lambda: None
before = said()
assert before.startswith("Compilation Error\\n"), f"dbt has mended a fault, and a remedy of `dbt_remedies` is for nothing: {before}"
mend()
assert said() == before.replace("Error", f"Error in macro ({file})", 1), said()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, whose profile names a database that nobody asks for."""
    for name in ("HOST", "USER", "PASSWORD", "DBNAME"):
        monkeypatch.setenv(f"STRINGX_TARGET_{name}", "unused")
    monkeypatch.setenv("STRINGX_TARGET_PORT", "1")
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_there_and_its_remedy_gives_the_same(fault: str, tmp_path: Path) -> None:
    run(COUNTING + FAULTS[fault] + CHECK, tmp_path)


def test_files_are_read_and_macros_looked_up_once_and_the_contexts_are_the_same(tmp_path: Path, project: Path) -> None:
    run(COUNTING + INVOCATIONS, tmp_path, project)


@pytest.mark.parametrize("file", ["macros/unreadable.sql", "tests/generic/unreadable.sql"])
@pytest.mark.parametrize("text", ["{% test a(model) %} select 1", "{% test a(model) %} select {{ x( {% endtest %}"])
def test_a_file_that_dbt_cannot_read_is_named(file: str, text: str, tmp_path: Path, project: Path) -> None:
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text(text)
    run(UNREADABLE, tmp_path, project, file)


def run(code: str, scratch: Path, *more: Path | str) -> None:
    """In a process of its own, as a file: dbt names the module that asks."""
    script = scratch / "script.py"
    script.write_text(code)
    subprocess.run([sys.executable, script, scratch, *more], check=True)
