"""What the runner takes of dbt beyond its public interface is there, and dbt is nowhere but in its own processes."""

from __future__ import annotations

import subprocess
import sys

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
from dbt.cli import requires
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Compiler
from dbt.config.runtime import RuntimeConfig, load_profile, load_project
from dbt.context.base import BaseContext, Var
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.context.providers import ModelContext
from dbt.contracts.graph.nodes import ParsedNode
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent
from dbt_common.events.event_manager import EventManager

takes(requires.load_profile, "project_root", "cli_vars", "profile_name_override", "target_override", "threads_override")
takes(requires.load_project, "project_root", "version_check", "profile", "cli_vars", "validate", "require_vars")
assert requires.load_profile is load_profile and requires.load_project is load_project
takes(RuntimeConfig.new_project, "self", "project_root")
takes(MacroNamespaceBuilder.__init__, "self", "root_package", "search_package", "thread_ctx", "internal_packages", "node")
takes(MacroNamespaceBuilder.build_namespace, "self", "macros_by_package", "ctx")
takes(MacroNamespace.__init__, "self", "global_namespace", "local_namespace", "global_project_namespace", "packages")
takes(MacroGenerator.__init__, "self", "macro", "context", "node", "stack")
takes(jinja.get_environment, "node", "capture_macros", "native")
takes(jinja.MacroFuzzEnvironment.compile, "self", "source", "name", "filename", "raw", "defer_init")
takes(agate_helper.build_type_tester, "text_columns", "string_null_values")
takes(ParsedNode.write_node, "self", "project_root", "compiled_path", "compiled_code")
takes(BaseEvent.__getattr__, "self", "key")
takes(EventManager.fire_event, "self", "e", "level", "node", "force_warn_or_error_handling")
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


def test_the_runners_front_loads_neither_dbt_nor_the_store() -> None:
    run(FRONT)
