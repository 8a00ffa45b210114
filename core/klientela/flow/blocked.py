"""Values that never match although several records carry them: told once for each value, not for each record (R19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from klientela.flow.values import Case
from klientela.rules.publish import EMAIL, held_back, policy_for
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import Value, values, warning
from klientela.store.facts import SourceRow

MOST = 10
_KEPT = 10_000


class Blocked:
    """Counts the records of a run by the blocked e-mails they carry."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.found: Counter[Value] = Counter()

    def look(self, cases: Iterable[Case], sources: dict[int, SourceRow]) -> None:
        """Count a page. Nine of ten records publish an e-mail, which stands first: they cost one comparison."""
        for case in cases:
            fact, keys = case.loaded.fact, case.published.keys
            if fact is None or not fact.email or (keys and keys[0].kind == EMAIL):
                continue
            uid = sources[case.loaded.source].uid
            rules = self.ruleset.of(uid)
            if policy_for(fact, rules) == "merge" or not held_back(fact, rules):
                self.found.update(value for value in values(fact, uid, self.ruleset) if value.blocked)
        if len(self.found) > _KEPT:
            self.found = Counter({value: count for value, count in self.found.items() if count > 1})

    def remarks(self) -> list[str]:
        """A sentence for each value that several records carry, the most carried first, without saying whose it is."""
        several = [(value, count) for value, count in self.found.items() if count > 1]
        several.sort(key=lambda item: (-item[1], item[0].rule, item[0].folded))
        said = [warning(value, count) for value, count in several[:MOST]]
        if len(several) > MOST:
            said.append(
                f"and {len(several) - MOST} more values that never match; `klientela doctor` looks at all of them"
            )
        return said
