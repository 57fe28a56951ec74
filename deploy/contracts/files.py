"""The committed files: what should be in them, what differs, and writing them."""

import json
from pathlib import Path

import yaml
from pydantic.json_schema import JsonSchemaValue

from deploy.contracts.asyncapi import document
from deploy.contracts.compatibility import breaks
from deploy.contracts.examples import example_of
from deploy.contracts.hearers import Hearers
from deploy.contracts.page import page
from deploy.contracts.schemas import Contract, contracts, schema_of

ROOT = Path(__file__).parents[2]
SCHEMAS, PAGE, GOLDEN = Path("contracts/schemas"), Path("docs/events.md"), Path("tests/contracts/golden")
UNDECLARED = "nothing declares it any more"


def generated(heard: Hearers) -> dict[Path, str]:
    """Every generated file with its text, by its path in the project."""
    files = {SCHEMAS / f"{contract.name}.json": as_json(schema_of(contract)) for contract in contracts()}
    text = yaml.safe_dump(document(heard), sort_keys=False, allow_unicode=True, width=130)
    return files | {SCHEMAS / "asyncapi.yaml": text, PAGE: page(heard)}


def differing(heard: Hearers, root: Path) -> list[str]:
    """What is missing, differs or is there for nothing, one line each."""
    wanted = generated(heard)
    expected = [*wanted, *(golden_of(contract) for contract in contracts())]
    lines = [f"{path}: missing" for path in expected if not (root / path).exists()]
    lines += [f"{path}: differs" for path, text in wanted.items() if read(root / path) not in (text, None)]
    return lines + [f"{path}: {UNDECLARED}" for path in strays(wanted, root)]


def broken(root: Path) -> list[str]:
    """What the declared contracts break against the committed schemas, one line each."""
    declared = {contract.name: schema_of(contract) for contract in contracts()}
    lines: list[str] = []
    for path in sorted((root / SCHEMAS).glob("*.json")):
        now = declared.get(path.stem)
        lines += breaks(read_schema(path), now) if now else [f"{path.stem}: $: {UNDECLARED}"]
    return lines


def write(heard: Hearers, root: Path) -> None:
    """Write what is generated, remove what is there for nothing, add the golden instances that are missing."""
    wanted = generated(heard)
    for path, text in wanted.items():
        put(root / path, text)
    for path in strays(wanted, root):
        (root / path).unlink()
    for contract in contracts():
        if not (root / golden_of(contract)).exists():
            put(root / golden_of(contract), as_json(example_of(contract.model).model_dump(mode="json")))


def strays(wanted: dict[Path, str], root: Path) -> list[Path]:
    """Schemas no contract asks for."""
    there = sorted(found.relative_to(root) for found in (root / SCHEMAS).glob("*.*"))
    return [path for path in there if path not in wanted]


def golden_of(contract: Contract) -> Path:
    """The instance that must parse for ever; written once, never again."""
    return GOLDEN / f"{contract.name}.json"


def read_schema(path: Path) -> JsonSchemaValue:
    schema: JsonSchemaValue = json.loads(path.read_text("utf-8"))
    return schema


def read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
