"""Campaigns and letters on the page, and the address behind the code on a letter."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from klientela.flow.erase import erase
from klientela.flow.rebuild import rebuild
from klientela.kit import Campaign, File, Letter, RecordRef, Scan
from klientela.store import Store
from klientela_web.pages import campaigns
from klientela_web.pages.signin import Tries
from tests.cases.seen import Desk, account, at
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
PDF = b"%PDF-1.7\n\x00\xff%%EOF\n"
ANNA = RecordRef("S", "customer", "A")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has scanned anything yet."""
    monkeypatch.setattr(campaigns, "_scans", Tries(campaigns.SCANS))
    monkeypatch.setattr(campaigns, "_strangers", Tries(campaigns.STRANGERS))


@pytest.fixture
def posted(store: Store) -> Store:
    """A campaign of two letters, of which one was scanned twice and leads to the shop; and a letter of none."""
    bring(store, "S", [account("A", "Anna", "Adam", email="anna@x.de"), account("B", "Ben", "Buche", email="ben@x.de")])
    bring(store, "push", [
        Campaign(external_id="spring", title=f"Spring {EVIL}", at=at("2026-03-01 09:00")),
        Letter(external_id="L1", customer=ANNA, campaign="spring", title="Welcome back", status="sent",
               sent_at=at("2026-03-02 09:00"), url="https://shop.example/hello?a=1", file=File(name="a.pdf", content=PDF)),
        Letter(external_id="L2", customer=RecordRef("S", "customer", "B"), campaign="spring", title="Hello",
               status="failed", error="no such address", url="javascript:alert(1)"),
        Letter(external_id="L3", title="Alone"),
        Scan(external_id="1", letter="L1", at=at("2026-03-05 18:30")),
        Scan(external_id="2", letter="L1", at=at("2026-03-09 07:15")),
    ])  # fmt: skip
    return store


def codes(served: Served, key: str = "push/campaign/spring") -> list[str]:
    """The paths of the codes on the letters of a campaign, as its page shows them."""
    return re.findall(r"http://[^/<]+(/q/[0-9a-z-]+)", served.client("viewer").get(f"/campaigns/{key}").text)


def test_campaigns_are_listed_with_how_many_letters_were_scanned(served: Served, posted: Store) -> None:
    page = served.client("viewer").get("/campaigns").text
    assert EVIL not in page
    row = re.sub(r"<[^>]+>", " ", page.partition("<tbody>")[2].partition("</tbody>")[0]).split()
    assert row[-7:] == ["2", "1", "50.0%", "9", "Mar", "2026,", "07:15"], "letters, scanned, when last"
    assert "1 letter without campaign" in page
    assert "Alone" in served.client("viewer").get("/campaigns/none").text


def test_B14_T63_each_letter_shows_its_state_its_file_and_every_scan(served: Served, posted: Store) -> None:
    client = served.client("viewer")
    page = client.get("/campaigns/push/campaign/spring").text
    for part in ("Anna Adam", "Welcome back", "5 Mar 2026, 18:30", "9 Mar 2026, 07:15", "no such address", "Failed"):
        assert part in page, part
    assert page.index("9 Mar 2026, 07:15") < page.index("5 Mar 2026, 18:30"), "the latest first"
    assert EVIL not in page
    assert 'href="javascript' not in page
    (file,) = set(re.findall(r'href="(/files/[0-9a-f]{64})"', page))
    assert client.get(file).content == PDF
    for key in ("push/campaign/autumn", "push/letter/L1", "1"):
        assert client.get(f"/campaigns/{key}").status_code == 404, key


def test_A18_A19_a_scanned_code_is_written_down_and_leads_on(served: Served, posted: Store) -> None:
    path = codes(served)[0]
    stranger = served.client()
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/hello?a=1")
    row = Desk(posted).row("A")
    assert row["qr_scanned"] > "2026-03-09", "just now"
    (letter,) = Desk(posted).profile("A")["letters"]
    assert len(letter["scans"]) == 3
    assert stranger.head(path).status_code == 303
    assert len(Desk(posted).profile("A")["scans"]) == 3, "who asks for the headers alone scans nothing"
    assert Desk(posted).row("B")["qr_scanned"] is None


def test_a_letter_that_leads_nowhere_a_browser_may_go_says_thanks(served: Served, posted: Store) -> None:
    answer = served.client().get(codes(served)[1])
    assert (answer.status_code, "Thank you" in answer.text) == (200, True)
    assert "location" not in answer.headers
    assert Desk(posted).row("B")["qr_scanned"] is not None


def test_a_wrong_code_is_unknown_and_writes_nothing(served: Served, posted: Store) -> None:
    right, other = (path.removeprefix("/q/") for path in codes(served))
    number, _, proof = right.partition("-")
    stranger = served.client()
    before = Desk(posted).count("record")
    for wrong in ("1", "-", "zz-zz", number, f"{number}-", f"{number}-{proof[:-1]}", f"{other.partition('-')[0]}-{proof}",
                  f"{'f' * 15}-{proof}", f"{'f' * 40}-{proof}", f"{number}-%C3%BC"):  # fmt: skip
        answer = stranger.get(f"/q/{wrong}")
        assert (answer.status_code, "leads nowhere" in answer.text) == (404, True), wrong
    assert Desk(posted).count("record") == before


def test_codes_cannot_be_tried_out_nor_scans_be_piled_up(
    served: Served, posted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "_scans", Tries(2))
    monkeypatch.setattr(campaigns, "_strangers", Tries(2))
    path, stranger = codes(served)[0], served.client()
    assert [stranger.get(f"/q/{n}-x").status_code for n in range(3)] == [404, 404, 429]
    assert [stranger.get(path).status_code for _ in range(4)] == [303] * 4, "who has a letter is led on all the same"
    assert len(Desk(posted).profile("A")["scans"]) == 4, "two of the source and two of the page"


def test_no_code_is_left_of_a_letter_to_somebody_erased(served: Served, posted: Store) -> None:
    path = codes(served)[0]
    assert served.client().get(path).status_code == 303
    erase(posted, "S/customer/A", reason="asked for it")
    assert served.client().get(path).status_code == 404


def test_what_was_scanned_stands_after_a_rebuild(served: Served, posted: Store) -> None:
    served.client().get(codes(served)[0])
    assert rebuild(posted, check=True).differences == []


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("path", ["/campaigns", "/campaigns/push/campaign/spring", "/q/"])
@on_sqlite
def test_axe_finds_nothing(served: Served, posted: Store, browse: Browse, way: dict[str, int], path: str) -> None:
    assert violations(browse(codes(served)[1] if path == "/q/" else path, **way)) == []


@pytest.mark.parametrize(
    "url",
    ["javascript://shop.example/%0aalert(1)", "data://shop.example/x", "ftp://shop.example", "//shop.example", "https:/x",
     "https://shop.example\\@elsewhere.example", "https://shop.example/\r\nx", "", "shop.example"],
)  # fmt: skip
def test_a_code_leads_to_no_address_but_one_of_the_web(url: str) -> None:
    assert campaigns._elsewhere(url) is None
    assert campaigns._elsewhere("https://shop.example/a?b#c") == "https://shop.example/a?b#c"
