"""From here on the consents of all customers are counted by delta (X17); what an older store holds is counted once."""

from __future__ import annotations

import json
from collections import Counter

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The figures `consents`: each answer by channel and purpose, and each purpose that any channel granted."""
    bind = op.get_bind()
    found: Counter[str] = Counter()
    for text, count in bind.exec_driver_sql(
        "SELECT consents, count(*) FROM customer WHERE consents IS NOT NULL AND inactive = 0 GROUP BY consents"
    ):
        answers = [(channel, *answer) for channel, said in json.loads(text).items() for answer in said.items()]
        for answer in answers:
            found[":".join(answer)] += count
        for purpose in {purpose for _, purpose, state in answers if state == "granted"}:
            found[f"any:{purpose}:granted"] += count
    mark = "?" if bind.dialect.name == "sqlite" else "%s"
    for part, value in sorted(found.items()):
        bind.exec_driver_sql(
            f"INSERT INTO figure (name, part, day, value) VALUES ('consents', {mark}, 0, {mark})", (part, value)
        )
