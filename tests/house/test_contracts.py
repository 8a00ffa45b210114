"""The import contracts hold, and each of them notices when it is broken on purpose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "core",
    "daemon",
    "web",
    "plugins/shopify",
    "plugins/csv",
    "plugins/billbee",
    "plugins/wix",
    "plugins/woocommerce",
    "plugins/api",
    "plugins/fuzzy",
)

BREAKS = {
    "core-alone": ("core/klientela/rules/totals.py", "import klientela_csv"),
    "strangers": ("plugins/csv/klientela_csv/rows.py", "import klientela_shopify"),
    "layers": ("core/klientela/store/ids.py", "import klientela.flow.sync"),
    "steps": ("core/klientela/flow/resolve.py", "import klientela.flow.buyers"),
    "pure": ("core/klientela/rules/totals.py", "import klientela.http"),
    "database": ("core/klientela/flow/work.py", "import sqlalchemy"),
    "wire": ("core/klientela/flow/work.py", "import httpx"),
    "scheduler": ("core/klientela/flow/work.py", "import apscheduler"),
    "front-door": ("plugins/csv/klientela_csv/rows.py", "import klientela.store"),
    "page": ("web/klientela_web/words.py", "import klientela_daemon.render"),
    "one-spot": ("daemon/klientela_daemon/render.py", "import klientela_web"),
}


def _lint(root: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(root / folder) for folder in FOLDERS)
    command = [Path(sys.executable).with_name("lint-imports"), "--config", str(root / "pyproject.toml"), "--no-cache"]
    if contract:
        command += ["--contract", contract]
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_hold() -> None:
    found = _lint(ROOT)
    assert found.returncode == 0, found.stdout
    assert f"Contracts: {len(BREAKS)} kept, 0 broken" in found.stdout


@pytest.mark.parametrize("contract", BREAKS)
def test_a_broken_contract_is_noticed(contract: str, tmp_path: Path) -> None:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = BREAKS[contract]
    target = tmp_path / file
    target.write_text(target.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    found = _lint(tmp_path, contract)
    assert found.returncode == 1, found.stdout
    assert "BROKEN" in found.stdout
