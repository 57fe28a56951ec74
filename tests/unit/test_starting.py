"""No process starts with a rulebook that is in doubt."""

from pathlib import Path

import pytest

from contracts.rulebook import SHIPPED
from deploy.processes import PROCESSES
from deploy.run import run


@pytest.mark.parametrize("name", PROCESSES)
def test_process_with_a_misspelt_rulebook_names_file_line_path_and_reason(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (SHIPPED / "cloud-studio-2023.yaml").read_text("utf-8")
    file = tmp_path / "cloud-studio-2023.yaml"
    file.write_text(text.replace("\norganiser:", "\norganizer:", 1), "utf-8")
    monkeypatch.setenv("ZM_RULEBOOKS", str(tmp_path))
    monkeypatch.setenv("ZM_SIGNING_KEY_FILE", str(tmp_path / "signing.pem"))
    with pytest.raises(SystemExit) as ended:
        run(name)
    assert str(ended.value).splitlines() == [
        f"活动规则有误，{name} 未启动 / the rulebook is refused, {name} does not start:",
        f"{file}:9: organizer: is not a known key; did you mean organiser?",
    ]
