"""What dbt reads while it renders a test: each name of the Jinja context, in whatever macro.

A render is a function of what it reads. One that read only what stays the same, for one parsed project and one gate, gives the
same SQL each time, whichever branch it took: of a branch not taken, the condition was read. So names are noted where Jinja looks
them up, and those that are not known to stay the same (the moment, the environment, the database, what a later dbt may bring)
speak against repeating what was rendered. Values are read under the name of their test, an ephemeral model's under its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dbt.adapters.base.query_headers import _QueryComment
from dbt.adapters.factory import FACTORY
from dbt.clients.jinja import MacroGenerator, get_rendered
from dbt.context.base import BaseContext, Var
from dbt.context.manifest import ManifestContext
from dbt.context.providers import ModelContext
from dbt_common.clients import jinja
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.filters import do_random
from jinja2.runtime import Context
from jinja2.utils import pass_context

#: Names that read the same in each run of one parsed project, or that tell of the run's own statement alone. Of some that hold
#: more, its parts are named too: `adapter`, but not `adapter.get_columns_in_relation`. Macros are not named: they are read through.
_CONSTANT = frozenset(
    """
    _dbt_generic_test_kwargs api builtins column compiled_code context database dbt_version diff_of_two_dicts exceptions execute fromjson
    fromyaml function local_md5 post_hooks pre_hooks project_name ref return schema set set_strict source sql sql_now target this tojson
    toyaml try_or_compiler_error validation zip zip_strict
    load_result log print render store_raw_result store_result submit_python_job write
    adapter adapter.Relation adapter.dispatch adapter.execute adapter.quote adapter.quote_as_configured adapter.type
    config config.get config.meta_get config.meta_require config.require config.set
    flags flags.EMPTY flags.FULL_REFRESH flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS flags.STORE_FAILURES flags.WHICH
    model model.alias model.attached_node model.column_name model.columns model.config model.database model.depends_on model.description
    model.file_key_name model.fqn model.group model.language model.meta model.name model.original_file_path model.package_name
    model.path model.refs model.resource_type model.schema model.sources model.tags model.test_metadata model.unique_id
    modules modules.itertools modules.pytz modules.re
    var var.has_var
    cycler dict joiner namespace range
    """.split()  # noqa: SIM905  # as a list it would be a page long
)

#: Objects of which not everything may be read.
_OBJECTS = ("adapter", "config", "flags", "function", "ref", "source", "var")
_MAPPINGS = ("model", "modules")
#: dbt itself reads the test's result by these.
_OF_DBT = ("load_result", "statement", "store_result")
#: What Jinja asks of anything that is called.
_ASKED_BY_JINJA = frozenset({"alters_data", "jinja_pass_arg", "unsafe_callable"})
_RANDOM = "|random"

_BEGIN = re.compile(r"\s*(?:begin|start)(?:\s+transaction)?\s*;?\s*", re.IGNORECASE)
_SELECT = re.compile(r"\s*select\b", re.IGNORECASE)


class Reads:
    """What was read, by the unique id of a test or an ephemeral model; and each statement as it was before dbt put a comment to it."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._uncommented: dict[str, str] = {}
        #: sent by the adapter of itself, before it executes a test
        self._before: set[str] = set()

    def changing(self, unique_id: str) -> list[str]:
        """The names read that may be something else in another run."""
        # Nothing is rendered without reading: a dbt whose reading is not seen here must not pass for one that reads nothing.
        return sorted((self._names.get(unique_id) or {"what is not seen"}) - _CONSTANT)

    def uncommented(self, statement: str) -> str:
        """A statement that was sent, without dbt's query comment, which may tell of the moment."""
        return self._uncommented.get(statement, statement)

    def of_the_test(self, statements: Iterable[str]) -> list[str]:
        """Without what the adapter sends of itself and what leaves nothing behind: a transaction's begin, a select of its own."""
        return [
            statement
            for statement in statements
            if not _BEGIN.fullmatch(statement) and not (statement in self._before and _SELECT.match(self.uncommented(statement)))
        ]

    @contextmanager
    def noting(self, adapter: Any) -> Iterator[None]:
        """Notes what dbt renders in all threads of this process. One invocation at a time. `adapter`: the class of dbt's."""
        make_context: Any = BaseContext.__init__
        to_dict: Any = ManifestContext.to_dict
        add_comment: Any = _QueryComment.add
        hook: Any = adapter.pre_model_hook
        in_hook = threading.local()

        def made(context: Any, *arguments: Any, **keywords: Any) -> None:
            make_context(context, *arguments, **keywords)
            if isinstance(context, ModelContext):
                names = self._names.setdefault(context.model.unique_id, set())
                context._ctx = _Names(names)  # noqa: SLF001  # before macros are given it

        def filled(context: Any) -> Any:
            filled = to_dict(context)
            if isinstance(filled, _Names):
                filled.watch_parts()
            return filled

        def rendered_var(var: Any, name: str) -> Any:
            # dbt gives a copy of the context, which reads every name.
            raw = var._merged[name]  # noqa: SLF001
            return get_rendered(raw, var._context) if isinstance(raw, str) else raw  # noqa: SLF001

        def commented(comment: Any, sql: str) -> Any:
            sent = add_comment(comment, sql)
            self._uncommented[sent] = sql
            if getattr(in_hook, "now", False):
                self._before.add(sent)
            return sent

        def hooked(adapter: Any, config: Any) -> Any:
            in_hook.now = True
            try:
                # What it reads, no SQL is made of.
                return hook(adapter, config._inner if isinstance(config, _Object) else config)  # noqa: SLF001
            finally:
                in_hook.now = False

        with ExitStack() as patches:
            for owner, name, replacement in (
                (BaseContext, "__init__", made),
                (ManifestContext, "to_dict", filled),
                (Var, "get_rendered_var", rendered_var),
                (_QueryComment, "add", commented),
                (adapter, "pre_model_hook", hooked),
                # As for `Var`: it copies the context.
                (jinja.NativeSandboxTemplate, "new_context", jinja.MacroFuzzTemplate.new_context),
            ):
                patches.enter_context(_replaced(owner, name, replacement))
            yield


@contextmanager
def _replaced(owner: type, name: str, replacement: object) -> Iterator[None]:
    inherited = name not in vars(owner)
    before = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        delattr(owner, name) if inherited else setattr(owner, name, before)


class _Names(dict[str, Any]):
    """A context, or a mapping in it, that notes what is read of it."""

    def __init__(self, noted: set[str], prefix: str = "", content: dict[str, Any] | None = None) -> None:
        super().__init__(content or {})
        self._noted = noted
        self._prefix = prefix

    def watch_parts(self) -> None:
        """Of a whole context: has its parts note what is read of them."""
        builtins = _Names(self._noted, content=super().__getitem__("builtins"))
        for names in (builtins, self):
            for name in (*_OBJECTS, *_MAPPINGS):
                value = dict.get(names, name)
                if value is not None and not isinstance(value, (_Names, _Object, MacroGenerator)):
                    part = _Names(self._noted, f"{name}.", value) if name in _MAPPINGS else _Object(value, name, self._noted)
                    dict.__setitem__(names, name, part)
        self["builtins"] = builtins

    def _note(self, name: object) -> None:
        if not super().__contains__(name):
            if name in DEFAULT_NAMESPACE or name == _RANDOM:  # Jinja's own; any other is missing in each run
                self._noted.add(str(name))
            return
        value: Any = super().__getitem__(str(name))
        if isinstance(value, MacroGenerator):
            macro: Any = value.macro
            if name in _OF_DBT and not of_dbt(macro):
                self._noted.add(f"a {name} of the project's own")
        elif not _is_package(value):
            self._noted.add(f"{self._prefix}{name}")

    def _note_all(self) -> None:
        self._noted.add(f"{self._prefix}*")

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._note_all()
        return super().__iter__()

    def keys(self) -> Any:
        self._note_all()
        return super().keys()

    def values(self) -> Any:
        self._note_all()
        return super().values()

    def items(self) -> Any:
        self._note_all()
        return super().items()

    def copy(self) -> Any:
        self._note_all()
        return super().copy()

    def pop(self, *arguments: Any) -> Any:
        self._note_all()
        return super().pop(*arguments)

    def setdefault(self, *arguments: Any) -> Any:
        self._note_all()
        return super().setdefault(*arguments)

    def __str__(self) -> str:
        self._note_all()
        return super().__repr__()


class _Object:
    """An object in the context that notes which of its attributes are read."""

    def __init__(self, inner: Any, name: str, noted: set[str]) -> None:
        self._inner = inner
        self._name = name
        self._noted = noted

    def __getattr__(self, attribute: str) -> Any:
        if not attribute.startswith("__") and attribute not in _ASKED_BY_JINJA:
            self._noted.add(f"{self._name}.{attribute}")
        return getattr(self._inner, attribute)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._inner(*arguments, **keywords)

    def __str__(self) -> str:
        self._noted.add(f"{self._name} as text")
        return str(self._inner)


def of_dbt(macro: Any) -> bool:
    """Whether it is dbt's or its adapter's, and not of the project or a package of it."""
    return macro.package_name in FACTORY.packages


def _is_package(value: object) -> bool:
    """Whether it is a package's macros by their names."""
    return type(value) is dict and bool(value) and all(isinstance(macro, MacroGenerator) for macro in value.values())


@pass_context
def _noted_random(context: Context, *arguments: Any) -> Any:
    context.resolve_or_missing(_RANDOM)  # noted as if it were a name
    return do_random(context, *arguments)


# For templates made from now on, those of macros that the parse makes included; a filter is no name that is looked up.
jinja.TEXT_FILTERS["random"] = jinja.NATIVE_FILTERS["random"] = _noted_random
