"""Each way a change of a message breaks somebody, and how it is said."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic.json_schema import JsonSchemaValue
from typer.testing import CliRunner

from deploy.commands.contracts import app
from deploy.contracts.compatibility import breaks
from deploy.contracts.files import GOLDEN, PAGE, SCHEMAS, write
from deploy.contracts.hearers import hearers

NOT_REPLAYED = "what was told before cannot be replayed"
REFUSED = "who hears the old shape refuses it"
REMOVED = "the field was removed or renamed"
REQUIRED = "the field is newly required: what was told before lacks it"

OLD: JsonSchemaValue = {
    "x-zhumeng-topic": "media.film_cut.v1",
    "$defs": {
        "Scene": {
            "type": "object",
            "properties": {"level": {"enum": ["advice", "required"], "type": "string"}},
            "required": ["level"],
        },
        "Studio": {
            "type": "object",
            "properties": {"kind": {"const": "studio", "type": "string"}},
            "required": ["kind"],
        },
        "Entry": {"type": "object", "properties": {"kind": {"const": "entry", "type": "string"}}, "required": ["kind"]},
    },
    "type": "object",
    "properties": {
        "entry": {"type": "string"},
        "code": {"type": "string", "pattern": "^[0-9]{6}$"},
        "score": {"type": "number", "minimum": 0, "maximum": 100},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "scenes": {"type": "array", "items": {"$ref": "#/$defs/Scene"}, "minItems": 1},
        "about": {"oneOf": [{"$ref": "#/$defs/Studio"}, {"$ref": "#/$defs/Entry"}]},
    },
    "required": ["entry", "code", "score", "scenes", "about"],
}

Change = Callable[[JsonSchemaValue], object]


def put(name: str, field: JsonSchemaValue) -> Change:
    return lambda schema: schema["properties"].update({name: field})


def rename(schema: JsonSchemaValue) -> None:
    schema["properties"]["id"] = schema["properties"].pop("entry")
    schema["required"][0] = "id"


def require_new(schema: JsonSchemaValue) -> None:
    schema["properties"]["frames"] = {"type": "integer"}
    schema["required"].append("frames")


def levels(*values: str) -> Change:
    return lambda schema: schema["$defs"]["Scene"]["properties"]["level"].update({"enum": list(values)})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda schema: schema["properties"].pop("note"),
            [f"$.note: {REMOVED}"],
            id="field removed",
        ),
        pytest.param(
            rename,
            [
                f"$.entry: {REMOVED}",
                f"$.id: {REQUIRED}",
            ],
            id="field renamed",
        ),
        pytest.param(
            require_new,
            [f"$.frames: {REQUIRED}"],
            id="required field added",
        ),
        pytest.param(
            lambda schema: schema["required"].append("note"),
            [f"$.note: {REQUIRED}"],
            id="optional field required",
        ),
        pytest.param(
            lambda schema: schema["required"].remove("entry"),
            ["$.entry: the field is no longer required: who hears the old shape needs it"],
            id="required field optional",
        ),
        pytest.param(
            put("entry", {"type": "integer"}),
            [f"$.entry: no longer takes string: {NOT_REPLAYED}", f"$.entry: now takes integer: {REFUSED}"],
            id="type changed",
        ),
        pytest.param(
            put("note", {"type": "string"}), [f"$.note: no longer takes null: {NOT_REPLAYED}"], id="type narrowed"
        ),
        pytest.param(
            put("entry", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
            [f"$.entry: now takes null: {REFUSED}"],
            id="type widened",
        ),
        pytest.param(
            levels("required"),
            [f"$.scenes[].level: no longer takes 'advice': {NOT_REPLAYED}"],
            id="enum narrowed in a list",
        ),
        pytest.param(
            levels("advice", "required", "unchecked"),
            [f"$.scenes[].level: now takes 'unchecked': {REFUSED}"],
            id="enum widened",
        ),
        pytest.param(
            lambda schema: schema["$defs"]["Scene"]["properties"]["level"].pop("enum"),
            ["$.scenes[].level: its values were 'advice', 'required' and are any"],
            id="enum opened",
        ),
        pytest.param(
            put("code", {"type": "string", "pattern": "^[0-9]{4}00$"}),
            ["$.code: pattern changed from ^[0-9]{6}$ to ^[0-9]{4}00$"],
            id="pattern narrowed",
        ),
        pytest.param(
            put("entry", {"type": "string", "pattern": "^e"}),
            ["$.entry: pattern changed from None to ^e"],
            id="pattern added",
        ),
        pytest.param(
            put("entry", {"type": "string", "format": "uuid"}),
            ["$.entry: format changed from None to uuid"],
            id="format added",
        ),
        pytest.param(
            put("score", {"type": "number", "minimum": 0, "maximum": 10}),
            ["$.score: maximum changed from 100 to 10"],
            id="bound narrowed",
        ),
        pytest.param(
            lambda schema: schema["properties"]["scenes"].pop("minItems"),
            ["$.scenes: minItems changed from 1 to None"],
            id="list may be empty",
        ),
        pytest.param(
            lambda schema: schema["properties"]["about"]["oneOf"].pop(),
            [f'$.about: no longer takes object of kind="entry": {NOT_REPLAYED}'],
            id="alternative removed",
        ),
        pytest.param(
            lambda schema: schema.update({"additionalProperties": False}),
            ["$: additionalProperties changed from None to False"],
            id="unknown fields refused",
        ),
        pytest.param(
            lambda schema: schema.update({"x-zhumeng-topic": "media.film_shot.v1"}),
            ["$: the topic became media.film_shot.v1"],
            id="topic changed",
        ),
    ],
)
def test_breaking_change_named(change: Change, expected: list[str]) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    assert breaks(OLD, new) == [f"media.film_cut.v1: {line}" for line in expected]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda schema: None, id="nothing"),
        pytest.param(
            put("frames", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}),
            id="optional field added",
        ),
        pytest.param(put("entry", {"type": "string", "description": "Which."}), id="description added"),
        pytest.param(lambda schema: schema["properties"]["about"]["oneOf"].reverse(), id="alternatives reordered"),
        pytest.param(
            put("about", {"oneOf": [{"$ref": "#/$defs/Entry"}, OLD["$defs"]["Studio"]]}), id="definition inlined"
        ),
        pytest.param(levels("required", "advice"), id="enum reordered"),
    ],
)
def test_compatible_change_passes(change: Change) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    assert breaks(OLD, new) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder whose generated files are current."""
    write(hearers(), tmp_path)
    return tmp_path


def zhumeng(*words: str, project: Path) -> tuple[int, str]:
    """Exit code and what was said, of a `zhumeng contracts` command on a folder."""
    outcome = CliRunner().invoke(app, [*words, "--project", str(project)])
    return outcome.exit_code, outcome.output


def edit(path: Path, change: Change) -> None:
    schema = json.loads(path.read_text("utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), "utf-8")


def test_check_of_current_files(project: Path) -> None:
    assert zhumeng("check", project=project) == (0, "契约文件与代码一致 / Contract files match the code\n")


def test_check_of_differing_files_names_each_and_what_mends_it(project: Path) -> None:
    (project / PAGE).write_text("# Nothing\n")
    (project / SCHEMAS / "asyncapi.yaml").unlink()
    (project / GOLDEN / "ingress.ballot.v1.json").unlink()
    assert zhumeng("check", project=project) == (
        1,
        "契约文件与代码不一致，请运行 `make schemas`\nContract files differ from the code: run `make schemas`\n"
        "  contracts/schemas/asyncapi.yaml: missing\n  tests/contracts/golden/ingress.ballot.v1.json: missing\n"
        "  docs/events.md: differs\n",
    )


def test_check_of_breaking_change_says_what_broke_and_what_mends_it(project: Path) -> None:
    edit(project / SCHEMAS / "voting.vote_cast.v1.json", put("weight", {"type": "integer"}))
    assert zhumeng("check", project=project) == (
        1,
        "改动与已提交的契约不兼容\nThese changes break the committed contracts: "
        "run `make schemas` if the change is compatible, otherwise declare a `.v2` beside it\n"
        "  voting.vote_cast.v1: $.weight: the field was removed or renamed\n",
    )


def test_generate_mends_compatible_change(project: Path) -> None:
    edit(project / SCHEMAS / "voting.vote_cast.v1.json", lambda schema: schema.update({"description": "Old words."}))
    assert (zhumeng("generate", project=project)[0], zhumeng("check", project=project)[0]) == (0, 0)


def test_generate_refuses_to_hide_breaking_change(project: Path) -> None:
    schema = project / SCHEMAS / "voting.vote_cast.v1.json"
    edit(schema, put("weight", {"type": "integer"}))
    before = schema.read_text("utf-8")
    code, said = zhumeng("generate", project=project)
    assert (code, said.splitlines()[2:], schema.read_text("utf-8")) == (
        1,
        ["  voting.vote_cast.v1: $.weight: the field was removed or renamed"],
        before,
    )


def test_generate_refuses_to_drop_a_topic(project: Path) -> None:
    (project / SCHEMAS / "media.film_cut.v1.json").write_text(json.dumps(OLD), "utf-8")
    code, said = zhumeng("generate", project=project)
    assert (code, said.splitlines()[2:]) == (1, ["  media.film_cut.v1: $: nothing declares it any more"])


def test_generate_told_to_accept_breaks_overwrites(project: Path) -> None:
    (project / SCHEMAS / "media.film_cut.v1.json").write_text(json.dumps(OLD), "utf-8")
    assert (zhumeng("generate", "--accept-breaks", project=project)[0], zhumeng("check", project=project)[0]) == (0, 0)


def test_generate_never_rewrites_golden_instance(project: Path) -> None:
    golden = project / GOLDEN / "voting.vote_cast.v1.json"
    golden.write_text('{"as": "it was"}', "utf-8")
    zhumeng("generate", project=project)
    assert golden.read_text("utf-8") == '{"as": "it was"}'
