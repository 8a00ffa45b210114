"""The name guard (R17b): may two names be the same person's?

The lever of the whole product (design measured it): a shared key joins two records only where this says yes.
"""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.distance import JaroWinkler

from klientela.rules.text import fold_words

CLOSE = 0.88
"""Jaro-Winkler from which two parts of a name count as one word misspelt."""
REVIEW = 0.80
"""From here up to CLOSE on both parts a pair is offered for review (R24c)."""

_TITLES = frozenset(("dr", "prof", "dipl", "ing", "herr", "frau", "mr", "mrs", "ms", "pan", "pani", "med", "mag"))

_SHORT = (
    "alexander alex sascha",
    "alexandra alex sandra",
    "andreas andi andy",
    "angelika angi geli",
    "anna anne anni anja ania",
    "barbara babsi basia",
    "benjamin ben benny",
    "bernhard bernd",
    "christian chris",
    "christina christine tina chris krystyna kristina",
    "christoph chris christopher kristof krzysztof",
    "daniel dani",
    "daniela dani",
    "dietmar didi",
    "dominik domi",
    "eduard edi",
    "edward ed eddie",
    "elisabeth lisa elli sissi elisa ela elzbieta",
    "emanuel manuel",
    "ewa eva",
    "florian flo",
    "franziska franzi",
    "friedrich fritz",
    "gabriele gabi gaby",
    "georg schorsch jorg",
    "gerhard gerd hardy",
    "guenter guenther",
    "gregor grzegorz",
    "hannelore hanne",
    "heinrich heinz heiner",
    "ingeborg inge",
    "jakob jacob kuba",
    "jan johann johannes hans hannes jannis johan",
    "jens jensi",
    "joachim achim jochen",
    "josef sepp jupp joseph jozef",
    "juergen jurgen",
    "julia jule juli",
    "karl carl",
    "katarzyna kasia katharina kathrin kati katja karin",
    "klaus nikolaus claus",
    "konrad konni",
    "krystian christian",
    "leonhard leo",
    "magdalena magda lena",
    "malgorzata gosia margarete gretel grete greta margarethe margret",
    "manfred manni",
    "margit gitta",
    "maria mia marie marysia mitzi",
    "marianne janne",
    "markus marc marcus mark",
    "martin marcin",
    "mateusz matthias",
    "matthias matze mathias",
    "maximilian max maxi",
    "melanie mel",
    "michael michi micha mike michal",
    "monika moni monica",
    "nicole nicki",
    "nikolas niko niklas nico",
    "norbert nobbi",
    "oliver olli oli",
    "patrick pat",
    "paul pawel",
    "peter piotr pit",
    "philipp phil philip",
    "rainer reiner",
    "reinhard hardy",
    "renate reni",
    "richard richie",
    "robert rob bob robbie",
    "rudolf rudi",
    "sabine bine",
    "sebastian basti",
    "sebastian seb",
    "siegfried siggi",
    "sigrid siggi",
    "silvia sylvia",
    "simone simi",
    "stefan stephan steffen steve szczepan",
    "stefanie stephanie steffi",
    "susanne susi susanna suse zuzanna",
    "sven swen",
    "theodor theo",
    "theresa resi therese teresa",
    "thomas tom tommy tomasz",
    "thorsten torsten",
    "tobias tobi",
    "ulrich uli ulli",
    "ulrike uli rike",
    "ursula uschi ulla",
    "valentin valli",
    "veronika vroni",
    "viktoria vicky",
    "volker volki",
    "waltraud traudl",
    "werner wernher",
    "wilhelm willi willy helmut",
    "wolfgang wolf wolle",
    "yvonne ivonne",
    "zbigniew zbyszek",
    "wojciech wojtek",
    "stanislaw staszek",
    "agnieszka aga",
    "aleksandra ola",
    "aleksander olek",
    "joanna asia",
    "tadeusz tadek",
)
_GROUPS: dict[str, set[int]] = {}
for _number, _group in enumerate(_SHORT):
    for _word in _group.split():
        _GROUPS.setdefault(_word, set()).add(_number)


def folded(first: str | None, last: str | None) -> str:
    """`first|last` folded, titles dropped; '' when there is no name at all."""
    one = _part(first) if first else ""
    two = _part(last) if last else ""
    return f"{one}|{two}" if one or two else ""


@lru_cache(maxsize=32768)
def _part(text: str) -> str:
    words = fold_words(text).split()
    kept = [w for w in words if w not in _TITLES]
    return " ".join(kept or words)


@lru_cache(maxsize=65536)
def compatible(one: str, two: str) -> bool:
    """Whether two folded names may be one person's. A name without one part is judged by the other part."""
    if one == two:
        return True
    first_a, last_a = one.split("|")
    first_b, last_b = two.split("|")
    return (
        _pair(first_a, last_a, first_b, last_b)
        # swapped, seen from either side: what is a first name for one is a last name for the other
        or _pair(first_a, last_a, last_b, first_b)
        or _pair(first_b, last_b, last_a, first_a)
    )


def _pair(first_a: str, last_a: str, first_b: str, last_b: str) -> bool:
    known = 0
    if first_a and first_b:
        if not _first(first_a, first_b):
            return False
        known += 1
    if last_a and last_b:
        if not _last(last_a, last_b):
            return False
        known += 1
    return known > 0


def _first(a: str, b: str) -> bool:
    if a == b or _initial(a, b):
        return True
    words_a, words_b = a.split(), b.split()
    if len(words_a) > 1 and len(words_b) > 1:  # "hans ulrich" is not "hans martin", however alike they look
        return all(_one_word(x, y) for x, y in zip(words_a, words_b, strict=False))
    if len(words_a) > 1 or len(words_b) > 1:  # "hans ulrich" and "hans", "hansulrich", "anna m" and "anna"
        return words_a[0] == words_b[0] or close("".join(words_a), "".join(words_b))
    return _one_word(a, b)


def _one_word(a: str, b: str) -> bool:
    if close(a, b) or _initial(a, b):
        return True
    if (a.startswith(b) or b.startswith(a)) and min(len(a), len(b)) >= 3:
        return True
    return bool(_GROUPS.get(a, frozenset()) & _GROUPS.get(b, frozenset()))


def _initial(a: str, b: str) -> bool:
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return len(short) == 1 and long.startswith(short)


def _last(a: str, b: str) -> bool:
    if a == b or close(a, b):
        return True
    words_a, words_b = set(a.split()), set(b.split())
    if a.replace(" ", "") == b.replace(" ", ""):
        return True
    if (len(words_a) > 1 or len(words_b) > 1) and (words_a <= words_b or words_b <= words_a):
        return True  # a double name and one half of it
    return _initial(a, b)


def close(a: str, b: str) -> bool:
    """One word misspelt."""
    return JaroWinkler.similarity(a, b, score_cutoff=CLOSE) >= CLOSE


@lru_cache(maxsize=65536)
def nearly(one: str, two: str) -> bool:
    """Just below the guard (R24c): both parts at least .80 alike, and the pair not compatible."""
    first_a, last_a = one.split("|")
    first_b, last_b = two.split("|")
    if not (first_a and first_b and last_a and last_b) or compatible(one, two):
        return False
    return any(
        JaroWinkler.similarity(first_a, x) >= REVIEW and JaroWinkler.similarity(last_a, y) >= REVIEW
        for x, y in ((first_b, last_b), (last_b, first_b))
    )
