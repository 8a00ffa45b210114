"""Write docs/demo.svg: what `klientela demo --once` prints on a terminal.

python tools/make_picture.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).parents[1] / "docs" / "demo.svg"
WIDTH = 150


def main() -> None:
    """Run the demo and draw its output."""
    with tempfile.TemporaryDirectory(prefix="klientela-demo-") as folder:
        environment = {**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
        found = subprocess.run(  # noqa: S603 - our own command
            [Path(sys.executable).with_name("klientela"), "demo", "--once", "--dir", folder],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        text = found.stdout.replace(folder, "/tmp/klientela-demo")  # noqa: S108 - shown, not used
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9001", text)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text.from_ansi("$ klientela demo --once\n" + text))
    drawn = console.export_svg(title="klientela")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # no fonts from elsewhere
    TARGET.write_text(drawn.replace("Fira Code, monospace", "monospace"), encoding="utf-8")


if __name__ == "__main__":
    main()
