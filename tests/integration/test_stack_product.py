"""The whole product on a fresh machine: every process comes up with only its own rights, behind one origin."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local import leftovers
from deploy.local.home import Home
from deploy.local.stack import SERVERS, LocalStack
from deploy.processes import PROCESSES

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    home = Home(tmp_path_factory.mktemp("product"))
    try:
        stack = LocalStack.open(home)
        stack.start(*SERVERS, *PROCESSES, within=150)
        yield stack
    finally:
        LocalStack.stop_at(home)


@pytest.mark.parametrize("name", PROCESSES)
def test_process_is_ready_in_every_part(stack: LocalStack, name: str) -> None:
    said = httpx.get(f"{stack.addresses.http(name)}/health/ready").json()
    assert {part: state for part, state in said["parts"].items() if state != "ok"} == {}


@pytest.mark.parametrize(("name", "service"), [(n, p.service) for n, p in PROCESSES.items() if p.answers_api])
def test_service_behind_the_gateway_is_that_service(stack: LocalStack, name: str, service: str) -> None:
    here = f"{stack.addresses.gateway_url}/api/{service}"
    described = httpx.get(f"{here}/openapi.json").json()["info"]["title"]
    assert (httpx.get(f"{here}/health/live").json()["process"], described) == (name, f"Zhumeng {service}")
    assert f"'/api/{service}/openapi.json'" in httpx.get(f"{here}/docs").text


def test_no_process_logs_an_error_while_idle(stack: LocalStack) -> None:
    complaining = [name for name in PROCESSES if '"level": "error"' in (stack.home.logs / f"{name}.log").read_text()]
    assert complaining == []


def test_status_shows_every_process_running(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZM_HOME", str(stack.home.root))
    shown = CliRunner().invoke(app, ["status"])
    assert (shown.exit_code, shown.output.count("running")) == (0, len(SERVERS) + len(PROCESSES))


def test_status_of_a_stack_that_does_not_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZM_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["status"]).exit_code == 3


def test_product_when_stopped_leaves_no_process(stack: LocalStack) -> None:
    assert (stack.stop(), leftovers.living(stack.home)) == ({}, {})
