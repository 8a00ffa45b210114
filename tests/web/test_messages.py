"""Writing to a customer on the page: the form, the thread, the menu of the list; over real HTTP and a real mail server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from klientela.flow import sending
from klientela.flow.erase import erase
from klientela.kit import Consent, Message, RecordRef
from klientela.store import Store
from tests.cases.seen import Desk, account, at, order
from tests.postman import Postman, postman
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served
from tests.web.someone import HOSTILE

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
GRANTED = Consent(channel="email", purpose="promotion", state="granted", at=at("2026-01-05 12:00"))
LETTER = {"subject": "Fresh tea", "text": "It has come.\nSee you", "purpose": "promotion", "language": "en"}


@pytest.fixture
def post() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture
def shop(served: Served, store: Store, post: Postman) -> Store:
    """Anna may be written to, Ben only about his order, Cora not at all."""
    served.configure(CONFIG + post.config())
    bring(store, "S", [
        account("1", "Anna", "Ahorn", email="anna@x.de", consents=[GRANTED], addresses=[]),
        account("2", "Ben", "Buche", email="ben@x.de"), account("3", "Cora", "Dorn", email="cora@x.de"),
        order("o2", customer="2", number="1002"),
    ])  # fmt: skip
    return store


def where(store: Store, ext: str = "1") -> str:
    return f"/customers/{Desk(store).public(ext)}"


def page(client: httpx.Client, address: str, code: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == code, answer.text[:500]
    return unescape(answer.text)


def once(html: str) -> str:
    found = re.search(r'name="once" value="([0-9a-f]{32})"', html)
    assert found is not None
    return found[1]


def post_letter(client: httpx.Client, address: str, **more: str) -> httpx.Response:
    said = {**LETTER, "once": once(page(client, f"{address}/message")), **more}
    return client.post(f"{address}/message", data=said)


def thread(store: Store, ext: str = "1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Desk(store).profile(ext)["messages"]
    return found


def test_S17_C24_a_message_is_written_sent_and_stands_in_the_thread(served: Served, shop: Store, post: Postman) -> None:
    client = served.client("editor")
    form = page(client, where(shop) + "/message")
    assert "Only with explicit consent, or where an order needs it." in form
    assert "The customer allowed promotion by email since 2026-01-05." in form
    assert "The customer never allowed system by email." in form
    answer = post_letter(client, where(shop))
    assert (answer.status_code, answer.headers["location"]) == (303, where(shop) + "#messages")
    assert (post.boxes, post.mails()[0]["Subject"]) == (["anna@x.de"], "Fresh tea")
    html = page(client, where(shop))
    assert "The message is sent." in html
    told = html[html.index('aria-labelledby="messages"') :]
    assert "See you" in told
    assert '<span class="b good">sent</span>' in told
    timeline = html[html.index('class="p-timeline"') :]
    assert "Message sent" in timeline
    assert "Fresh tea" in timeline
    log = page(client, f"/audit?customer={Desk(shop).public('1')}&kind=messaged")
    assert log.count("operator editor") == 2
    assert "Fresh tea" not in log


def test_S16_what_others_push_stands_in_the_same_thread(served: Served, shop: Store, post: Postman) -> None:
    who = RecordRef("S", "customer", "1")
    bring(shop, "push", [Message(external_id="i1", customer=who, by="email", direction="in", subject="Thanks",
                                 text=HOSTILE, status="read", at=at("2026-03-05 12:00"))])  # fmt: skip
    client = served.client("editor")
    assert post_letter(client, where(shop), subject=HOSTILE, text=HOSTILE).status_code == 303
    raw = client.get(where(shop)).text
    assert HOSTILE not in raw
    html = unescape(raw)
    assert html.index("Thanks") < html.index('<span class="b good">sent</span>'), "the oldest stands first"
    assert "read" in html


def test_R46_who_may_not_be_written_to_is_told_why_and_nothing_goes_out(
    served: Served, shop: Store, post: Postman
) -> None:
    client = served.client("editor")
    form = page(client, where(shop, "3") + "/message")
    assert "So nobody may write to this customer now." in form
    assert "There is no order that a contract could be tied to." in form
    answer = post_letter(client, where(shop, "3"))
    assert answer.status_code == 409
    assert "Nothing may be sent: the customer never allowed promotion by email." in answer.text
    assert (post.heard, thread(shop, "3")) == ([], [])
    answer = post_letter(client, where(shop, "2"), purpose="contract", order="S/order/o2")
    assert (answer.status_code, post.boxes) == (303, ["ben@x.de"])


@pytest.mark.parametrize(
    ("more", "words"),
    [({"subject": "a\r\nBcc: all@x.de"}, "The subject is one line"), ({"text": " "}, "needs a text"),
     ({"once": "x"}, "none of ours"), ({"language": "xx"}, "no language")],
)  # fmt: skip
def test_a_bad_form_comes_back_with_what_was_typed(
    served: Served, shop: Store, post: Postman, more: dict[str, str], words: str
) -> None:
    answer = post_letter(served.client("editor"), where(shop), **{"text": "My words", **more})
    assert (answer.status_code, words in unescape(answer.text)) == (400, True)
    assert ("My words" in answer.text) is ("text" not in more)
    assert (post.heard, thread(shop)) == ([], [])


def test_a_form_that_is_sent_twice_sends_once(served: Served, shop: Store, post: Postman) -> None:
    client = served.client("editor")
    token = once(page(client, where(shop) + "/message"))
    for _ in range(2):
        assert client.post(where(shop) + "/message", data={**LETTER, "once": token}).status_code == 303
    assert "it was not sent a second time" in page(client, where(shop))
    assert (len(post.took), len(thread(shop))) == (1, 1)
    changed = client.post(where(shop) + "/message", data={**LETTER, "text": "Other", "once": token})
    assert (changed.status_code, "has sent another message already" in changed.text) == (409, True)


def test_a_failed_message_says_why_and_is_tried_again_by_a_person(served: Served, shop: Store, post: Postman) -> None:
    post.refuse = {"RCPT": "550 <anna@x.de> is unknown"}
    client = served.client("editor")
    post_letter(client, where(shop))
    html = page(client, where(shop))
    assert "The message was not sent; the thread says why." in html
    assert '<span class="b bad">not sent</span> <small>the mail server refused the address: 550 <…> is unknown' in html
    assert "Message: not sent" in html
    assert "/again" not in page(served.client("viewer"), where(shop)), "the frame has a retry of its own"
    (kept,) = thread(shop)
    way = f"{where(shop)}/message/{kept['record'].rpartition('/')[2]}/again"
    assert f'action="{way}"' in html
    post.refuse = {}
    assert client.post(way, data={"at": kept["at"]}).status_code == 303
    two = client.post(way, data={"at": kept["at"]})
    assert (two.status_code, "The message was sent already" in two.text, len(post.took)) == (409, True, 1)
    assert client.post(f"{where(shop)}/message/none/again").status_code == 404


def test_what_nobody_knows_is_said_so(
    served: Served, shop: Store, post: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "hand_over", dies)
    with pytest.raises(KeyboardInterrupt):
        sending.send(shop, "S/customer/1", subject="Tea", text="Tea", purpose="promotion",
                     mail=served.house.config.settings.mail)  # fmt: skip
    client = served.client("editor")
    assert ">being sent</span>" in page(client, where(shop))
    monkeypatch.setattr(sending, "DOUBT", -1)
    html = page(client, where(shop))
    assert ">not known whether it was sent</span>" in html
    assert "It may arrive twice then" in html
    assert post.heard == []


def test_without_a_mail_server_nothing_is_offered_and_the_form_says_what_to_set(served: Served, shop: Store) -> None:
    served.configure(CONFIG)
    client = served.client("admin")
    for address in (where(shop), "/customers"):
        assert "Send a message" not in page(client, address)
    form = page(client, where(shop) + "/message")
    assert "Set host and sender under [mail] in klientela.toml." in form
    assert 'name="subject"' not in form
    answer = client.post(where(shop) + "/message", data={**LETTER, "once": "0" * 32})
    assert (answer.status_code, thread(shop)) == (400, [])


def test_S25_the_menu_of_the_list_leads_to_the_form_where_somebody_may_be_written_to(
    served: Served, shop: Store
) -> None:
    html = page(served.client("editor"), "/customers")
    offered = [ext for ext in "123" if f'href="{where(shop, ext)}/message"' in html]
    assert offered == ["1", "2"], "not to whom allowed nothing and ordered nothing"
    assert "/message" not in page(served.client("viewer"), "/customers")
    assert "/message" not in page(served.client("viewer"), where(shop))


def test_who_was_erased_is_nobody(served: Served, shop: Store, post: Postman) -> None:
    address = where(shop)
    client = served.client("editor")
    token = once(page(client, address + "/message"))
    erase(shop, address.rpartition("/")[2], reason="asked")
    assert client.get(address + "/message").status_code == 404
    assert client.post(address + "/message", data={**LETTER, "once": token}).status_code == 404
    assert post.heard == []


@pytest.mark.parametrize("language", ["de", "pl"])
def test_it_speaks_the_readers_language(served: Served, shop: Store, language: str) -> None:
    form = page(served.client("editor", language), where(shop) + "/message")
    assert {"de": "Betreff", "pl": "Temat"}[language] in form
    assert f'<option value="{language}" selected>' in form


# -- in a browser ----------------------------------------------------------------------------------------------------------

LOOKS = [
    pytest.param({}, id="light"),
    pytest.param({"dark": True}, id="dark"),
    pytest.param({"wide": 390, "high": 844}, id="phone"),
]


@pytest.mark.parametrize("look", LOOKS)
@on_sqlite
def test_axe_finds_nothing_on_the_form_and_the_thread(
    served: Served, shop: Store, post: Postman, browse: Browse, look: dict[str, object]
) -> None:
    for ext in ("1", "2", "3"):
        tab = browse(where(shop, ext) + "/message", role="editor", **look)
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    post.hang_up = "TEXT"
    tab = browse(where(shop) + "/message", role="editor", **look)
    tab.get_by_label("Subject").fill("Tea")
    tab.get_by_label("Text").fill("It has come.")
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("status")).to_contain_text("Nobody knows whether")
    expect(tab.get_by_role("button", name="Try again")).to_be_visible()
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@on_sqlite
def test_S17_by_keyboard_and_without_script(served: Served, shop: Store, post: Postman, browse: Browse) -> None:
    tab = browse(where(shop) + "/message", role="editor", script=False)
    tab.get_by_role("radio", name="Promotion").focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Fresh tea")
    tab.keyboard.press("Tab")
    tab.keyboard.type("It has come.")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator(".p-thread")).to_contain_text("It has come.")
    assert [one["Subject"] for one in post.mails()] == ["Fresh tea"]
