"""What is built installs, knows its plugins and runs, in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {
        "klientela",
        "klientela_daemon",
        "klientela_web",
        "klientela_shopify",
        "klientela_csv",
        "klientela_billbee",
        "klientela_wix",
        "klientela_api",
        "klientela_fuzzy",
    }
    assert "klientela/store/migrations/versions/s0001_first_schema.py" in names
    assert not [name for name in names if name.endswith(".db") or ("test_" in name and name.endswith(".py"))]


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, capture_output=True)
    found = subprocess.run(
        [tmp_path / "env" / "bin" / "klientela", "plugins", "--json"], check=True, capture_output=True, text=True
    )
    assert '"shopify"' in found.stdout
    assert '"csv"' in found.stdout
