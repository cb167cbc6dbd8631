"""A parsed dbt project: its tables, the tests attached to them, rules as further tests, and the small manifest of one run.

dbt runs a test from any manifest that holds it, its parents and the macros. So the project is parsed once, before the workers
are forked, and each run gets a manifest cut to what it needs, with nodes of its own: a run changes the nodes it runs.
"""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dbt.adapters.factory import get_adapter
from dbt.artifacts.resources.base import FileHash
from dbt.contracts.files import FilePath, ParseFileType, SourceFile
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import GenericTestNode, SingularTestNode
from dbt.parser.manifest import _process_functions_for_node, _process_refs, _process_sources_for_node
from dbt.parser.search import FileBlock
from dbt.parser.singular_test import SingularTestParser

from stringx.errors import NotFound
from stringx.model import Relation
from stringx.nearest import did_you_mean, nearest
from stringx.runner import table_names

#: Parsed rules that a worker keeps; a rule takes some 10 ms to parse.
KEPT_RULES = 2000

_SOURCE = re.compile(r"source\('((?:[^'\\]|\\.)*)', '((?:[^'\\]|\\.)*)'\)")


@dataclass(frozen=True)
class KnownTable:
    """A source, model, seed or snapshot of the project; or a table that is in the database alone."""

    #: of dbt's node; None where the project has none
    unique_id: str | None
    #: as Jinja: "source(…)", "ref(…)" or "api.Relation.create(…)"
    jinja: str
    #: as SQL, quoted the way dbt writes it; None for an ephemeral model
    relation: str | None
    #: as SQL within a test: the relation, or an ephemeral model's name there
    within_a_test: str

    @property
    def kind(self) -> Relation:
        if self.unique_id is None:
            return Relation.PLAIN
        return Relation.SOURCE if self.unique_id.startswith("source.") else Relation.MODEL


class OtherRelation(NotFound):
    """The project has a table of that name, and not as what was wanted; `table` is what it has."""

    def __init__(self, message: str, table: KnownTable) -> None:
        super().__init__(message)
        self.table = table


class ParsedProject:
    """What a generation's workers share. `config` is dbt's RuntimeConfig of the parse."""

    def __init__(self, manifest: Manifest, config: Any, fingerprint: str) -> None:
        self.manifest = manifest
        self.config = config
        self.fingerprint = fingerprint
        self._tables = _tables(manifest, self._adapter.Relation.add_ephemeral_prefix)
        self._tests = _tests_by_table(manifest)
        self._parser = SingularTestParser(config, manifest, config)
        self._rules: OrderedDict[tuple[str, str], SingularTestNode] = OrderedDict()

    @property
    def _adapter(self) -> Any:
        return get_adapter(self.config)  # each invocation makes it anew

    def table(self, name: str, wanted: Relation | None = None) -> KnownTable:
        """The table of that name: any that the project has, unless `wanted` says what it is.

        NotFound where the project has none, or several in different places; OtherRelation where it has one of another kind.
        """
        if wanted is Relation.PLAIN:
            return self._plain_table(name)
        has = self._tables.get(name.lower(), [])
        if not has:
            raise NotFound(self._unknown(name, wanted))
        found = [table for table in has if wanted in (None, table.kind)]
        if not found:
            other = f"the dbt project has {name} as a {has[0].kind}, not as a {wanted}: correct `relation` in the gate, or leave it out"
            raise OtherRelation(other, has[0])
        if len({table.relation for table in found}) > 1:
            several = ", ".join(str(table.relation) for table in found)
            raise NotFound(f"the dbt project has several tables {name}: {several}: name one with its database, or take the others out")
        return found[0]

    def table_beside(self, name: str, relation: Relation | None) -> KnownTable:
        """Another table that a gate names, whose own is `relation`: beside a plain one stand others that the project need not know either.

        NotFound.
        """
        try:
            return self.table(name)
        except NotFound:
            if relation is not Relation.PLAIN:
                raise
            return self._plain_table(name)

    def _plain_table(self, name: str) -> KnownTable:
        *database, schema, table = name.split(".")
        relation = self._adapter.Relation.create(
            database=database[0] if database else self.config.credentials.database,
            schema=schema,
            identifier=table,
            quote_policy=self.config.quoting,
        )
        return KnownTable(None, table_names.plain(name), str(relation), str(relation))

    def _unknown(self, name: str, wanted: Relation | None) -> str:
        whats = f"no {wanted}" if wanted else "no source, model, seed or snapshot"
        near = did_you_mean(nearest(name.lower(), (known for known in self._tables if known.count(".") == name.count("."))))
        fix = f"{near} Else declare" if near else "declare"
        return f"the dbt project has {whats} {name}: {fix} it there, or have its gate say `relation: plain`"

    def attached_tests(self, name: str) -> list[Any]:
        """The project's own tests of a table: generic ones attached to it, singular ones that read it.

        A table may be declared twice, as a model and as a source: the tests of both are its tests.
        """
        tests = [test for table in self._tables.get(name.lower(), []) for test in self._tests.get(table.unique_id or "", [])]
        return list({test.unique_id: test for test in tests}.values())

    def macro(self, name: str) -> Any | None:
        """dbt's macro that a rule's test calls by this name: of the project itself, or of dbt's own packages."""
        return self.manifest.find_macro_by_name(name, self.config.project_name, None)

    def generic_test(self, name: str) -> Any | None:
        """The macro of the test that a rule's check of this name is."""
        return self.macro(f"test_{name}")

    def generic_tests(self) -> set[str]:
        """The names of the project's own."""
        names = (macro.name for macro in self.manifest.macros.values() if macro.package_name == self.config.project_name)
        return {name.removeprefix("test_") for name in names if name.startswith("test_")}

    def rule_test(self, name: str, sql: str) -> Any:
        """A rule's test as a node, parsed by dbt's own parser. Raises dbt's exceptions where it cannot be."""
        key = (name, sql)
        if key in self._rules:
            self._rules.move_to_end(key)
            return self._rules[key]
        path = FilePath(
            searched_path=self.config.test_paths[0] if self.config.test_paths else "tests",
            relative_path=f"stringx/{name}.sql",
            modification_time=0.0,
            project_root=self.config.project_root,
        )
        source = SourceFile(
            path=path,
            checksum=FileHash.from_contents(sql),
            project_name=self.config.project_name,
            parse_file_type=ParseFileType.SingularTest,
            contents=sql,
        )
        # A run that gets no connection leaves dbt without the project's packages, by which the macros of a test are looked for.
        self._adapter.config.load_dependencies()
        try:
            node = self._parser.parse_node(FileBlock(source))
        finally:  # the parser adds what it parsed, and would refuse to parse the same name twice
            for unique_id in source.nodes:
                self.manifest.nodes.pop(unique_id, None)
                self.manifest.disabled.pop(unique_id, None)
        _process_sources_for_node(self.manifest, self.config.project_name, node)
        _process_refs(self.manifest, self.config.project_name, node, self.config.dependencies)
        _process_functions_for_node(self.manifest, self.config.project_name, node)
        if not node.config.enabled:
            raise NotFound(f"{name} needs something that the dbt project does not have, or has disabled")
        self._rules[key] = node
        while len(self._rules) > KEPT_RULES:
            self._rules.popitem(last=False)
        return node

    def cut(self, tests: Iterable[Any]) -> Manifest:
        """A manifest with these tests alone, their parents, and all macros; no hooks. The tests are taken as they are."""
        full = self.manifest
        nodes = {test.unique_id: test for test in tests}
        sources: dict[str, Any] = {}
        functions: dict[str, Any] = {}
        waiting = [parent for test in nodes.values() for parent in test.depends_on.nodes]
        while waiting:
            unique_id = waiting.pop()
            if unique_id in nodes or unique_id in sources or unique_id in functions:
                continue
            if unique_id in full.sources:
                sources[unique_id] = full.sources[unique_id]
            elif unique_id in full.functions:
                functions[unique_id] = full.functions[unique_id]
            else:
                parent = own_copy(full.nodes[unique_id])
                if parent.is_ephemeral_model:
                    waiting.extend(parent.depends_on.nodes)
                else:  # what it was made from does not matter to a test of it
                    parent.depends_on.nodes = []
                nodes[unique_id] = parent
        return Manifest(
            nodes=nodes,
            sources=sources,
            functions=functions,
            macros=full.macros,
            metadata=full.metadata,
            flat_graph=full.flat_graph,
            selectors=full.selectors,
            groups=full.groups,
            disabled=full.disabled,
        )


def own_copy(node: Any) -> Any:
    """A node that a run may change. Not `deepcopy`: what a run does not write to stays shared."""
    fresh = copy.copy(node)
    fresh.config = copy.copy(node.config)
    fresh.depends_on = copy.deepcopy(node.depends_on)
    fresh.extra_ctes = []
    fresh.extra_ctes_injected = False
    fresh.compiled = False
    fresh.compiled_code = None
    fresh._event_status = {}  # noqa: SLF001  # dbt writes to it in every run
    return fresh


def _tables(manifest: Manifest, ephemeral_name: Callable[[str], str]) -> dict[str, list[KnownTable]]:
    """Tables by `schema.name` and `database.schema.name`, in lower case."""
    tables: dict[str, list[KnownTable]] = {}

    def add(node: Any, name: str, jinja: str) -> None:
        table = KnownTable(node.unique_id, jinja, node.relation_name, node.relation_name or ephemeral_name(node.name))
        for key in table_names.names(node.database, node.schema, name):
            tables.setdefault(key, []).append(table)

    for source in manifest.sources.values():
        add(source, source.identifier, table_names.source(source.source_name, source.name))
    for node in manifest.nodes.values():
        if node.resource_type in ("model", "seed", "snapshot"):
            add(node, node.alias, table_names.ref(node.package_name, node.name, getattr(node, "version", None)))
    return tables


def _tests_by_table(manifest: Manifest) -> dict[str, list[Any]]:
    tests: dict[str, list[Any]] = {}
    for node in manifest.nodes.values():
        if isinstance(node, GenericTestNode):
            attached = node.attached_node or _tested_source(manifest, node)
            tables = [attached] if attached else []
        elif isinstance(node, SingularTestNode):
            tables = list(node.depends_on.nodes)
        else:
            continue
        for table in tables:
            tests.setdefault(table, []).append(node)
    return tests


def _tested_source(manifest: Manifest, node: GenericTestNode) -> str | None:
    """The source that a generic test is attached to. dbt records it nowhere but in the test's `model` argument."""
    model = str(node.test_metadata.kwargs.get("model", "")) if node.test_metadata else ""
    match = _SOURCE.search(model)
    if match is None:
        return None
    source_name, table_name = match.groups()
    for unique_id in node.depends_on.nodes:
        source = manifest.sources.get(unique_id)
        if source is not None and (source.source_name, source.name) == (source_name, table_name):
            return str(unique_id)
    return None
