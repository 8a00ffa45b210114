"""Write what the conformance suite finds into a plugin's package, as quality.json.

    python -m klientela.testing.record tests/test_conformance.py

runs the checks of every `conformance.Suite` in the file that names its `package`, and writes the record there.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from klientela.testing import conformance
from klientela.testing.conformance.record import FILE, streams_of, text


def _suites(path: Path) -> Iterable[type[conformance.Suite]]:
    sys.path[:0] = [str(path.parent), str(Path.cwd())]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    made = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, conformance.Suite)]
    return [one for one in made if one.package]


def _place(package: str) -> Path:
    """The folder of a package: here, or where it is installed."""
    here = Path.cwd() / package
    if here.is_dir():
        return here
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"there is no package {package}: run this in the plugin's folder, or install it")
    return Path(next(iter(spec.submodule_search_locations)))


def main(paths: list[str]) -> int:
    """Write the record of each suite; 1 when a check fails, and then nothing of it."""
    failed = 0
    for suite in [suite for path in paths for suite in _suites(Path(path))]:
        checks = {}
        for outcome in conformance.examine(suite.subject):
            print(outcome, flush=True)  # noqa: T201 - a command
            failed += outcome.status == "failed"
            checks[outcome.check] = outcome.recorded
        if not failed:
            target = _place(suite.package) / FILE
            target.write_text(text(checks, streams_of(suite.subject)), encoding="utf-8")
            print(f"written: {target}")  # noqa: T201 - a command
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
