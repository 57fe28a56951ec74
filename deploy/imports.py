"""A rule for import-linter that it does not have: these packages import only what is listed."""

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Modules of `source_packages` import themselves, the standard library and `allowed`, and nothing else."""

    type_name = "only"

    source_packages = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every import of every module in the packages."""
        sources: set[str] = self.source_packages  # type: ignore[assignment]
        allowed: set[str] = self.allowed  # type: ignore[assignment]
        permitted = sources | allowed | sys.stdlib_module_names
        foreign = [
            (module, imported)
            for module in sorted(graph.modules)
            if module.partition(".")[0] in sources
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if imported.partition(".")[0] not in permitted
        ]
        return ContractCheck(kept=not foreign, metadata={"foreign": foreign})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that should not be."""
        foreign: list[Any] = check.metadata["foreign"]
        for module, imported in foreign:
            output.print_error(f"{module} is not allowed to import {imported}")
