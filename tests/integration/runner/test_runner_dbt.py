"""What the runner takes of dbt beyond its public interface is there, and dbt is nowhere but in its own processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = """
import inspect
import stringx.runner.worker
import dbt.mp_context, dbt.adapters.base.impl
from dbt.artifacts.resources.base import FileHash
from dbt.contracts.files import FilePath, ParseFileType, SourceFile
from dbt.contracts.graph.manifest import Manifest
from dbt.parser import manifest
from dbt.parser.search import FileBlock
from dbt.parser.singular_test import SingularTestParser

def takes(function, *names):
    assert list(inspect.signature(function).parameters) == list(names), (function, inspect.signature(function))

takes(SingularTestParser, "project", "manifest", "root_project")
takes(SingularTestParser.parse_node, "self", "block")
takes(manifest._process_sources_for_node, "manifest", "current_project", "node")
takes(manifest._process_refs, "manifest", "current_project", "node", "dependencies")
takes(manifest._process_functions_for_node, "manifest", "current_project", "node")
takes(FilePath, "searched_path", "relative_path", "modification_time", "project_root")
assert {"nodes", "sources", "macros", "functions", "metadata", "flat_graph", "selectors", "groups", "disabled"} <= set(
    inspect.signature(Manifest).parameters
)
assert ParseFileType.SingularTest and FileBlock and SourceFile and FileHash.from_contents("x")
from dbt.adapters.base.query_headers import _QueryComment
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Compiler
from dbt.context.base import BaseContext, Var
from dbt.context.manifest import ManifestContext
from dbt.context.providers import ModelContext
from dbt_common.clients import jinja

takes(BaseContext.__init__, "self", "cli_vars", "require_vars")
takes(ManifestContext.to_dict, "self")
takes(Var.get_rendered_var, "self", "var_name")
takes(_QueryComment.add, "self", "sql")
takes(jinja.MacroFuzzTemplate.new_context, "self", "vars", "shared", "locals")
takes(Compiler.compile_node, "self", "node", "manifest", "extra_context", "write", "split_suffix")
takes(Compiler._write_node, "self", "node", "split_suffix")
assert issubclass(ModelContext, ManifestContext) and "to_dict" not in vars(ModelContext)
assert "new_context" not in vars(jinja.NativeSandboxTemplate) and jinja.TEXT_FILTERS["random"] is jinja.NATIVE_FILTERS["random"]
assert "_context" in inspect.getsource(Var.__init__) and "_merged" in inspect.getsource(Var.__init__)
assert isinstance(dbt.adapters.base.impl.DEFAULT_BASE_BEHAVIOR_FLAGS, list)
assert dbt.mp_context.get_mp_context().get_start_method() == "fork"
"""

FAULTS = """
import inspect, pkgutil
from dbt.plugins import set_up_plugin_manager
from dbt.plugins.manager import PluginManager
from dbt_common.behavior_flags import BehaviorFlagRendered

asked = []

def counted(of, name):
    function = getattr(of, name)
    setattr(of, name, lambda *given: (asked.append(name), function(*given))[1])

counted(pkgutil, "iter_modules")
counted(inspect, "stack")

def use_dbt():
    asked.clear()
    for _ in range(3):
        set_up_plugin_manager("lab")
        sources.append(BehaviorFlagRendered({"name": "a", "default": True, "description": "d"}, {})._behavior_change_event.flag_source)
        BehaviorFlagRendered({"name": "b", "default": True, "description": "d", "source": "of its own"}, {})
    return asked.count("iter_modules"), asked.count("stack")

sources = []
found = PluginManager.get_prefixed_modules()
assert use_dbt() == (3, 6), f"dbt has mended a fault, and a remedy of `dbt_remedies` is for nothing: {asked}"
from stringx.runner import dbt_remedies
dbt_remedies.apply()
dbt_remedies.apply()
assert PluginManager.get_prefixed_modules() == found and "dbt_common" in found
assert use_dbt() == (0, 0), asked
assert set(sources) == {"__main__"}, sources
"""

FRONT = """
import sys
import stringx.runner.app, stringx.runner.client, stringx.runner.service, stringx.gates.tests
loaded = sorted(name for name in sys.modules if name.partition(".")[0] in ("dbt", "dbt_common", "psycopg2", "sqlalchemy"))
assert not loaded, loaded
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_private_names_of_dbt_that_are_used_are_as_they_were() -> None:
    run(NAMES)


def test_what_dbt_finds_out_in_each_invocation_is_found_out_once_and_is_the_same(tmp_path: Path) -> None:
    script = tmp_path / "faults.py"  # dbt names the module that asks, which must be one of a file
    script.write_text(FAULTS)
    subprocess.run([sys.executable, script], check=True)


def test_the_runners_front_loads_neither_dbt_nor_the_store() -> None:
    run(FRONT)
