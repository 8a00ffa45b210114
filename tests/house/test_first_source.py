"""A stranger's first source: the template passes as it is, and the guide's forty lines as they stand, once installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from klientela.testing import conformance
from klientela_daemon.scaffold import new

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "first-source.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
LISTS = "import sys; from klientela_daemon.cli import main; sys.exit(main(['plugins', '--json']))"


def run(python: Path | str, *args: str, cwd: Path) -> str:
    """Run Python somewhere; what it says. It sees nothing of this process but its packages."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))}
    made = subprocess.run(
        [str(python), *args], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=300
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def of_the_guide(folder: Path) -> None:
    """What the guide tells to do in step 2 to 4."""
    for name in ("klientela_kiosk/settings.py", "klientela_kiosk/translate.py", "tests/test_translate.py"):
        assert f"`{Path(name).name}`" in GUIDE or f"`{name}`" in GUIDE
        (folder / name).unlink()
    for name, text in FILES.items():
        assert (folder / name).exists(), f"the guide writes {name}, which the template does not have"
        (folder / name).write_text(text, encoding="utf-8")


def nothing(folder: Path) -> None:
    """The template as it is."""


def own_environment(folder: Path) -> Path:
    """A new environment that has what this one has installed, and nothing else; no network is needed."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    here = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    others = [sysconfig.get_path("purelib"), *site.getsitepackages()]
    lines = [f"import site; site.addsitedir({other!r})\n" for other in dict.fromkeys(others)]
    (Path(here) / "host.pth").write_text("".join(lines), encoding="utf-8")
    return python


def install(python: Path, folder: Path) -> None:
    """Build the package and install it, with what is there."""
    flags = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", str(python), "install", *flags, str(folder), cwd=folder)


def passes_elsewhere(python: Path, folder: Path, elsewhere: Path) -> None:
    """The tests pass where only the installed package can be meant, and all of them are run."""
    shutil.copytree(folder / "tests", elsewhere / "tests")
    out = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests", cwd=elsewhere)
    assert "3 skipped" in out  # it only reads
    assert "failed" not in out
    passed = re.search(r"(\d+) passed", out)
    assert passed is not None
    assert int(passed[1]) > len(conformance.CHECKS) - 3
    place = run(python, "-c", "import klientela_kiosk as one; print(one.__file__)", cwd=elsewhere)
    assert str(folder) not in place


def test_the_source_of_the_guide_has_at_most_forty_lines() -> None:
    assert len(FILES["klientela_kiosk/source.py"].splitlines()) <= 40
    assert max(map(len, FILES["klientela_kiosk/source.py"].splitlines())) <= 120


@pytest.mark.parametrize("change", [nothing, of_the_guide], ids=["the template", "the guide"])
def test_a_new_plugin_is_installed_and_passes_its_conformance(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = new("kiosk", tmp_path)[0].parent
    change(folder)
    python = own_environment(tmp_path / "env")
    before = (folder / "klientela_kiosk" / "quality.json").read_text(encoding="utf-8")
    run(python, "-m", "klientela.testing.record", "tests/test_conformance.py", cwd=folder)
    after = (folder / "klientela_kiosk" / "quality.json").read_text(encoding="utf-8")
    assert (after == before) is (change is nothing)  # the template's record is what the suite finds
    install(python, folder)
    passes_elsewhere(python, folder, tmp_path / "elsewhere")
    (kiosk,) = [one for one in json.loads(run(python, "-c", LISTS, cwd=tmp_path))["plugins"] if one["name"] == "kiosk"]
    (kind,) = kiosk["types"]
    assert {line["rule"] for line in kind["quality"] if line["met"]} == {
        "capabilities", "docs", "conformance", "sandbox", "sweep",
    }  # fmt: skip
    assert kind["conformance"]["passed"] == len(conformance.CHECKS) - 3
    assert set(kind["conformance"]["not_applicable"].values()) == {"it only reads"}


@pytest.mark.slow
def test_a_new_plugin_passes_in_an_environment_that_has_nothing_of_ours(tmp_path: Path) -> None:
    folder = new("kiosk", tmp_path)[0].parent
    of_the_guide(folder)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", str(ROOT), f"{folder}[dev]", cwd=tmp_path)
    run(python, "-m", "klientela.testing.record", "tests/test_conformance.py", cwd=folder)
    run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(folder), cwd=tmp_path)
    passes_elsewhere(python, folder, tmp_path / "elsewhere")


def test_what_is_written_is_typed_and_tidy(tmp_path: Path) -> None:
    folder = new("corner-shop", tmp_path)[0].parent
    assert (folder / "klientela_corner_shop" / "py.typed").exists()
    config = ("--config", str(ROOT / "pyproject.toml"), "--config", f"src = ['{folder}']")
    # RUF012 does not see that the suite declares `odd` and `extra` as ClassVar
    run(sys.executable, "-m", "ruff", "check", *config, "--extend-ignore", "RUF012", ".", cwd=folder)
    run(sys.executable, "-m", "ruff", "format", "--check", *config, ".", cwd=folder)
    run(
        sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", str(tmp_path / "cache"),
        "klientela_corner_shop", "tests", cwd=folder,
    )  # fmt: skip
