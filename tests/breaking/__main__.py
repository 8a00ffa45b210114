"""Break the page in every way of the list and say which ways no test noticed: `python -m tests.breaking [WORD ...]`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.breaking.breakages import breakages
from tests.breaking.harness import Workshop, missed


def main(words: list[str]) -> int:
    """Words choose breakages by row or by what stands in their names; without any, all are tried."""
    chosen = [one for one in breakages() if not words or any(word in (one.row, *one.name.split()) for word in words)]
    with TemporaryDirectory(prefix="klientela-breaking-") as folder:
        shop = Workshop(Path(folder))
        whole = shop.run(dict.fromkeys(test for one in chosen for test in one.asked))
        if whole.failed or whole.errors or not whole.passed:
            print(f"the tests do not even pass while nothing is broken\n{whole.tail}")
            return 2
        wrong = 0
        for one in chosen:
            try:
                told = shop.broken(one)
            except ValueError as error:
                wrong, line = wrong + 1, f"does not fit: {error}"
            else:
                line = "noticed" if not missed(told) else f"MISSED\n{told.tail}"
                wrong += missed(told)
            print(f"{one.name}: {line}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} breakages were noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
