"""What dbt makes or finds out in each invocation of a process though it stays the same, made once; what nobody hears or reads, not made;
and the file of an error, which dbt leaves out at times, named.

It is for processes that run one project with one profile and one environment, from files that nobody else writes to, as a generation
and its workers do. What dbt sends to the database and says of a test is the same with it and without. Each remedy is for a fault of
dbt that tests/integration/runner/test_runner_dbt_remedies.py shows: it will tell when dbt has mended it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import CodeType
from typing import Any

import dbt_common.exceptions.base
from dbt.cli import requires
from dbt.clients.jinja import MacroGenerator
from dbt.config.runtime import RuntimeConfig, load_profile, load_project
from dbt.context.configured import ConfiguredContext
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.contracts.graph.nodes import ParsedNode
from dbt.parser.generic_test import GenericTestParser
from dbt.parser.macros import MacroParser
from dbt.plugins.manager import PluginManager
from dbt_common import behavior_flags
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.exceptions import CompilationError

#: Names of the events below a warning that somebody hears; the others are not made.
HEARD = frozenset({"NodeFinished", "SQLQuery"})
#: Compiled texts of Jinja that a process keeps, 3 kB each: those that all tests share, and of each table two that name it.
KEPT_TEMPLATES = 250
#: Of sets of columns that hold text, as tests' own queries give them.
KEPT_TYPE_TESTERS = 100


def apply() -> None:
    """In this process and what is forked from it. Once is enough; again does no harm."""
    for owner, name, remedy in _REMEDIES:
        setattr(owner, name, remedy)


# Every folder of `sys.path` is read for modules that may be plugins: some 10 ms. What is found is still set up for each invocation.
_plugin_modules = functools.cache(PluginManager.get_prefixed_modules)

# The whole environment is read for each exception, and `adapter.dispatch` catches several for each test.
_env_secrets = functools.cache(dbt_common.exceptions.base.env_secrets)


def _calling_module() -> str:
    """As dbt's own, which reads the source of every frame of the stack: half a millisecond for each of the adapter's flags, used or not."""
    frame = sys._getframe(1)  # noqa: SLF001  # no public way that costs nothing
    while frame.f_globals["__name__"] == behavior_flags.__name__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals["__name__"])


_build_type_tester = functools.lru_cache(KEPT_TYPE_TESTERS)(agate_helper.build_type_tester)


def _type_tester(text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")) -> Any:
    """As dbt's own, which for each query's result prepares to read dates in all languages. What it gives does not change in use."""
    return _build_type_tester(frozenset(text_columns), None if string_null_values is None else tuple(string_null_values))


# --- files of the project: they are read, rendered and checked in each invocation, dbt's own packages' among them ---


def _kept(function: Callable[..., Any], likeness: Callable[..., Hashable]) -> Callable[..., Any]:
    """The function, called once for arguments of the same likeness."""
    results: dict[Hashable, Any] = {}

    @functools.wraps(function)
    def kept(*arguments: Any, **keywords: Any) -> Any:
        key = likeness(*arguments, **keywords)
        if key not in results:
            results[key] = function(*arguments, **keywords)
        return results[key]

    return kept


_load_profile = _kept(load_profile, lambda *arguments: repr(arguments))
# A profile is the one that was kept.
_load_project = _kept(
    load_project,
    lambda root, version_check, profile, variables, **more: (root, version_check, id(profile), repr(variables), repr(more)),
)
# Of the commands' arguments, what a package is loaded with stays the same.
_new_project = _kept(RuntimeConfig.new_project, lambda config, root: (root, config.project_root, config.args.which))


def _not_written(_node: Any, _root: str, _path: str, _sql: str) -> None:
    """The SQL of each test goes to two files, which nobody reads: a report has it."""


# --- the Jinja context, which each test is given twice, with all macros of the project and of dbt ---


def _build_namespace(
    builder: MacroNamespaceBuilder, macros_by_package: dict[str, dict[str, Any]], context: dict[str, Any]
) -> MacroNamespace:
    """As dbt's own, a package at a time."""
    for package, macros in macros_by_package.items():
        made = {name: MacroGenerator(macro, context, builder.node, builder.thread_ctx) for name, macro in macros.items()}
        if package in builder.internal_package_names:
            builder.internal_packages[package] = made
            continue
        builder.packages[package] = made
        if package == builder.search_package:
            builder.locals.update(made)
        elif package == builder.root_package:
            builder.globals.update(made)
    of_dbt: dict[str, MacroGenerator] = {}
    for package in reversed(builder.internal_package_names_order):
        of_dbt.update(builder.internal_packages.get(package, {}))
    return MacroNamespace(
        global_namespace=builder.globals,
        local_namespace=builder.locals,
        global_project_namespace=of_dbt,
        packages=builder.packages,
    )


_to_dict_of_dbt = ManifestContext.to_dict


def _to_dict(context: ManifestContext) -> dict[str, Any]:
    """As dbt's own, which looks for each macro in each package."""
    if not isinstance(context.namespace, MacroNamespace):
        return _to_dict_of_dbt(context)
    filled: dict[str, Any] = ConfiguredContext.to_dict(context)
    for macros in reversed(list(context.namespace._search_order())):  # noqa: SLF001  # no public way
        filled.update(macros)  # what is searched first wins
    return filled


# --- templates: compiled anew for each test and each value of the project's files ---


@functools.lru_cache(KEPT_TEMPLATES)
def _code(source: str, *, native: bool) -> CodeType:
    return _compile_of_jinja(jinja.get_environment(native=native), source)  # type: ignore[no-any-return]


_compile_of_jinja: Any = jinja.MacroFuzzEnvironment.compile


def _compile(environment: jinja.MacroFuzzEnvironment, source: Any, *arguments: Any, **keywords: Any) -> Any:
    """As Jinja's own. Code knows nothing of the environment in which it was compiled but its kind, which filters it has."""
    if type(source) is not str or arguments or keywords:
        return _compile_of_jinja(environment, source, *arguments, **keywords)
    return _code(source, native=isinstance(environment, jinja.NativeSandboxEnvironment))


# --- events: each is made and turned into a message of Protobuf, heard or not ---

_make_event: Any = BaseEvent.__init__
_set_part_of_event: Any = BaseEvent.__setattr__
_fire_event: Any = EventManager.fire_event
_MADE_OF = "_made_of"


def _note(event: BaseEvent, *arguments: Any, **keywords: Any) -> None:
    """In place of making it: whoever reads a part of it has it made."""
    event.__dict__[_MADE_OF] = arguments, keywords


def _make(event: BaseEvent) -> None:
    noted = event.__dict__.pop(_MADE_OF, None)
    if noted is not None:
        arguments, keywords = noted
        _make_event(event, *arguments, **keywords)


def _part(event: BaseEvent, name: str) -> Any:
    _make(event)
    message = object.__getattribute__(event, "pb_msg")
    return message if name == "pb_msg" else getattr(message, name)


def _set_part(event: BaseEvent, name: str, value: Any) -> None:
    _make(event)
    _set_part_of_event(event, name, value)


def _fire(
    manager: EventManager, e: BaseEvent, level: EventLevel | None = None, node: Any = None, force_warn_or_error_handling: bool = False
) -> None:
    """As dbt's own for what somebody hears, and for all that may become an error."""
    if (
        manager.loggers
        or force_warn_or_error_handling
        or (level or e.level_tag()) in (EventLevel.WARN, EventLevel.ERROR)
        or type(e).__name__ in HEARD
    ):
        _fire_event(manager, e, level, node, force_warn_or_error_handling)


# --- messages ---


def _naming_the_file(parse: Callable[[Any, Any], Iterable[Any]]) -> Callable[[Any, Any], Iterator[Any]]:
    """As dbt's own, whose error of a macro or a test that is not closed, say, tells a line and no file."""

    @functools.wraps(parse)
    def naming(parser: Any, file: Any) -> Iterator[Any]:
        try:
            yield from parse(parser, file)
        except CompilationError as error:
            error.add_node(error.node or file)
            raise

    return naming


_REMEDIES: tuple[tuple[Any, str, Any], ...] = (
    (PluginManager, "get_prefixed_modules", _plugin_modules),
    (dbt_common.exceptions.base, "env_secrets", _env_secrets),
    (BehaviorFlagRendered, "_default_source", staticmethod(_calling_module)),
    (agate_helper, "build_type_tester", _type_tester),
    (requires, "load_profile", _load_profile),
    (requires, "load_project", _load_project),
    (RuntimeConfig, "new_project", _new_project),
    (ParsedNode, "write_node", _not_written),
    (MacroNamespaceBuilder, "build_namespace", _build_namespace),
    (ManifestContext, "to_dict", _to_dict),
    (jinja.MacroFuzzEnvironment, "compile", _compile),
    (BaseEvent, "__init__", _note),
    (BaseEvent, "__getattr__", _part),
    (BaseEvent, "__setattr__", _set_part),
    (EventManager, "fire_event", _fire),
    (MacroParser, "parse_unparsed_macros", _naming_the_file(MacroParser.parse_unparsed_macros)),
    (GenericTestParser, "parse_unparsed_generic_test", _naming_the_file(GenericTestParser.parse_unparsed_generic_test)),
)
