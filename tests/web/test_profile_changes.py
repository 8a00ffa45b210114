"""What may be changed on a profile, by whom, and what is refused, on both stores."""

from __future__ import annotations

import re
from html import unescape

import pytest

from klientela.flow import correct, decide
from klientela.flow.sync import sync
from klientela.kit import Address
from klientela.store import Store
from tests.cases.seen import Desk
from tests.shops import use
from tests.web.conftest import Served
from tests.web.profiles import OVERLAY, part, path, post, seen, the_main_part, version
from tests.web.someone import HOSTILE, Boutique, List, everything, listed, mixed, shop_says


def test_T39_R38_S21_each_field_by_its_right(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    html = seen(client, path(desk))
    assert re.search(r'id="f-city" readonly aria-describedby="why-city"', html)
    assert "From Shopify (main); it changes there." in html
    assert re.search(r'id="f-company" name="company"', html)
    answer = post(client, path(desk) + "/edit", city="Ulm", company="Neu", **{"was city": "Berlin", "was company": "x"})
    assert answer.status_code == 409
    assert "The city comes from Shopify (main), so it changes there" in unescape(answer.text)
    row = desk.row("A", "main")
    assert (row["city"], row["company"]) == ("Berlin", "Ahorn KG"), "all or nothing"
    answer = post(client, path(desk) + "/edit", company="Neu", version=version(html), **{"was company": "Ahorn KG"})
    assert (answer.status_code, answer.headers["location"]) == (303, path(desk) + "#contact")
    assert desk.row("A", "main")["company"] == "Neu"
    assert "The changes are saved." in client.get(path(desk)).text


def test_C21_main_billing_and_delivery_address_are_edited_by_right(served: Served, store: Store) -> None:
    use(store)
    home = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin")
    assert sync(store, Boutique("main", [shop_says(addresses=[home])])).status == "ok"
    assert sync(store, List("list", [listed()])).status == "ok"
    desk = Desk(store)
    client = served.client("editor")
    html = seen(client, path(desk))
    before = version(html)
    assert re.search(r'id="f-city" readonly', html), "the main one is the shop's"
    for kind in ("billing", "shipping"):
        assert re.search(rf'id="f-{kind}_city" name="{kind}_city"', html), "of these no shop says anything"
    fields = {"billing_street": "Am Ring 3", "billing_city": HOSTILE, "shipping_city": "Kiel"}
    was = {f"was {name}": "" for name in fields}
    answer = post(client, path(desk) + "/edit", version=before, **fields, **was)
    assert answer.status_code == 303, answer.text
    html = client.get(path(desk)).text
    assert HOSTILE not in html
    shown = part(unescape(html), "addresses")
    assert "Billing address" in shown
    assert "Am Ring 3" in shown
    assert re.search(r"Delivery address\s+Kiel", shown)
    answer = post(client, path(desk) + "/edit", version=before, billing_city="Ulm", **{"was billing_city": HOSTILE})
    assert answer.status_code == 409
    assert "The billing address was changed meanwhile" in answer.text
    assert re.search(r'<details class="p-kind" id="edit-billing" open>', answer.text), "what was typed is in sight"
    assert 'value="Ulm"' in answer.text
    both = {"city": "Ulm", "was city": "Berlin", "shipping_city": "Bonn", "was shipping_city": "Kiel"}
    answer = post(client, path(desk) + "/edit", **both)
    assert (answer.status_code, "Kiel" in client.get(path(desk)).text) == (409, True), "all or nothing"
    assert served.client("viewer").post(path(desk) + "/edit", data={"billing_city": "Ulm"}).status_code == 403
    assert sync(store, Boutique("main", [shop_says(6)])).status == "ok"  # now the shop has one of each kind
    assert desk.profile("A", "main")["addresses"][0]["kind"] == "billing"
    assert re.search(r'id="f-billing_city" readonly', client.get(path(desk)).text)
    served.configure(OVERLAY)
    assert post(client, path(desk) + "/pin", field="billing_city", value="Bonn").status_code == 303
    assert "Bonn" in part(seen(client, path(desk)), "addresses")
    assert post(client, path(desk) + "/unpin", field="billing_city").status_code == 303
    assert "Bonn" not in part(seen(client, path(desk)), "addresses")


@pytest.mark.parametrize("also", [{}, {"company": "Neu", "was company": "Ahorn KG"}])
def test_T40_S22_an_email_is_changed_by_no_form(served: Served, store: Store, also: dict[str, str]) -> None:
    desk = mixed(store)
    client = served.client("editor")
    assert 'id="f-email" readonly' in client.get(path(desk)).text
    answer = post(client, path(desk) + "/edit", email="new@x.de", **also)
    assert answer.status_code == 409
    assert "changes only by the sync of its own source" in answer.text
    row = desk.row("A", "main")
    assert (row["email"], row["company"]) == ("anna@x.de", "Ahorn KG")


def test_T38_under_overlay_a_value_is_laid_over_and_taken_off(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    assert "Lay a value over it" not in client.get(path(desk)).text, "only where the policy says so"
    assert post(client, path(desk) + "/pin", field="phone", value="+49 30 999888").status_code == 409
    served.configure(OVERLAY)
    assert "Lay a value over it" in client.get(path(desk)).text
    assert post(client, path(desk) + "/pin", field="phone", value="+49 30 999888").status_code == 303
    assert sync(store, Boutique("main", [shop_says(6, phone="+49 30 333444")])).status == "ok"
    html = seen(client, path(desk))
    assert "+49 30 999888" in part(html, "contact")
    assert "beneath it: +49 30 333444 (Shopify: main)" in html
    assert post(client, path(desk) + "/unpin", field="phone").status_code == 303
    assert "+49 30 333444" in part(seen(client, path(desk)), "contact")


def test_R40b_who_saves_later_is_told_what_changed_and_may_save_again(served: Served, store: Store) -> None:
    desk = mixed(store)
    one = served.client("editor")
    before = version(one.get(path(desk)).text)
    correct.edit(store, "main/customer/A", {"company": "Theirs"}, actor="operator paula")
    fields = {"company": "Mine", "was company": "Ahorn KG", "birthday": "", "was birthday": ""}
    answer = post(one, path(desk) + "/edit", version=before, **fields)
    html = unescape(answer.text)
    assert answer.status_code == 409
    assert "Company changed: Ahorn KG → Theirs (operator paula" in html
    assert re.search(r'name="company" form="edit-form" value="Mine"', html), "what was typed is not lost"
    assert desk.row("A", "main")["company"] == "Theirs"
    again = {"company": "Mine", "was company": "Theirs", "version": version(html)}
    assert post(one, path(desk) + "/edit", **again).status_code == 303
    assert desk.row("A", "main")["company"] == "Mine"


def test_R40b_a_field_that_nobody_touched_follows_the_other(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    before = version(client.get(path(desk)).text)
    correct.edit(store, "main/customer/A", {"company": "Theirs", "birthday": "1980-12-31"})
    form = {"company": "Mine", "was company": "Ahorn KG", "birthday": "", "was birthday": ""}
    html = unescape(post(client, path(desk) + "/edit", version=before, **form).text)
    assert re.search(r'name="birthday" form="edit-form" value="1980-12-31"', html)


def test_a_value_that_is_none_is_told_beside_the_form(served: Served, store: Store) -> None:
    desk = mixed(store)
    answer = post(served.client("editor"), path(desk) + "/edit", birthday="yesterday", **{"was birthday": ""})
    assert answer.status_code == 400
    assert "'yesterday' is no date" in unescape(answer.text)
    assert 'value="yesterday"' in answer.text


def test_C22_C23_one_remark_in_the_place_of_the_one_before(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    for text in ("Reliable", "Prefers <b>letters</b>"):
        assert (
            post(client, path(desk) + "/remark", text=text, version=version(client.get(path(desk)).text)).status_code
            == 303
        )
    html = client.get(path(desk)).text
    assert "Prefers &lt;b&gt;letters&lt;/b&gt;</p>" in html
    assert "Reliable</p>" not in html[: html.index('aria-labelledby="activity"')].replace("Reliable → ", "")


def test_S23_S24_notes_with_files_within_limits(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    way = path(desk) + "/note"
    content = bytes(range(256)) * 40
    answer = client.post(
        way, data={"text": "Called back"}, files=[("file", ("../../plan.bin", content)), ("file", ("b.txt", b"b"))]
    )
    assert answer.status_code == 303
    assert post(client, way, text="Second").status_code == 303
    one, two = desk.profile("A", "main")["notes"]
    assert (one["text"], two["text"], [file["name"] for file in two["files"]]) == (
        "Second",
        "Called back",
        ["plan.bin", "b.txt"],
    )
    assert client.get(f"/files/{two['files'][0]['sha256']}").content == content
    assert re.search(
        r"Second operator editor 0, .* Called back plan.bin 10 KB b.txt", part(seen(client, path(desk)), "notes")
    )
    empty = post(client, way, text=" ")
    assert empty.status_code == 400
    assert "A note needs a text or a file" in empty.text
    many = [("file", (f"{n}.txt", b"x")) for n in range(21)]
    assert client.post(way, data={"text": "many"}, files=many).status_code in (400, 403)
    assert len(desk.profile("A", "main")["notes"]) == 2


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_S23_what_a_source_noted_stands_beside_the_notes(served: Served, store: Store) -> None:
    desk = mixed(store)
    assert sync(store, Boutique("main", [shop_says(version=6, note="likes green tea")])).status == "ok"
    assert "likes green tea" in part(seen(served.client("viewer"), path(desk)), "notes")
    assert post(served.client("editor"), f"{path(desk)}/note", text="Called back").status_code == 303
    told = part(seen(served.client("editor"), path(desk)), "notes")
    assert "Called back" in told
    assert "likes green tea" in told


def test_S21_a_picture_in_the_place_of_the_one_before(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    way = path(desk) + "/picture"
    assert "<img" not in client.get(path(desk)).text
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)
    for content in (png, b"RIFF1234WEBP" + bytes(64)):
        assert client.post(way, files={"file": ("me.svg", content)}).status_code == 303
        shown = re.search(r'<img class="ava big" src="(/files/[^"]+)"', client.get(path(desk)).text)
        assert shown is not None
        looked = client.get(shown[1])
        assert looked.content == content
    assert looked.headers["content-type"] == "image/webp", "its bytes tell what it is, not its name"
    for wrong in (HOSTILE.encode(), b"RIFF1234WAVE", png + bytes(2 * 2**20)):
        assert client.post(way, files={"file": ("me.png", wrong)}).status_code == 400
    assert client.post(way, files={"file": ("", b"")}).status_code == 400
    newest = desk.profile("A", "main")["notes"][0]
    assert (
        client.post(f"{path(desk)}/note", data={"text": "see"}, files={"file": ("other.png", png + b"1")}).status_code
        == 303
    )
    assert f'<img class="ava big" src="{shown[1]}"' in client.get(path(desk)).text, (
        "a file of a note is no picture of her"
    )
    decide.undo(store, newest["seq"])
    again = re.search(r'<img class="ava big" src="(/files/[^"]+)"', client.get(path(desk)).text)
    assert again is not None
    assert client.get(again[1]).content == png


def test_tags_of_ours_come_off_those_of_a_shop_do_not(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    assert post(client, path(desk) + "/tag", tag="tea lover").status_code == 303
    html = seen(client, path(desk))
    assert 'aria-label="Take off the tag tea lover"' in html
    assert 'aria-label="Take off the tag vip"' not in html
    assert post(client, path(desk) + "/untag", tag="vip").status_code == 409
    assert post(client, path(desk) + "/untag", tag="tea lover").status_code == 303
    assert desk.row("A", "main")["tags"] == ["vip"]
    assert post(client, path(desk) + "/tag", tag="a, b").status_code == 400


def test_S21_R43_R45_consents_with_evidence_and_history(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    answer = {"channel": "email", "purpose": "promotion", "state": "denied"}
    refused = post(client, path(desk) + "/consent", **answer, evidence=" ")
    assert refused.status_code == 400
    assert "A consent needs evidence" in refused.text
    assert post(client, path(desk) + "/consent", **answer, evidence="said so by phone").status_code == 303
    text = part(seen(client, path(desk)), "consents")
    assert "E-mail Denied Unknown Post Unknown Unknown" in text
    assert "Evidence: said so by phone" in text
    assert text.index("E-mail, promotion: Denied") < text.index("E-mail, promotion: Granted 1 Feb 2025")
    assert desk.row("A", "main")["consents"]["email"]["promotion"] == "denied"


def test_C24_R46_a_grant_that_does_not_suffice_says_why(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    assert "no contact all the same" not in client.get(path(desk)).text
    assert post(client, path(desk) + "/inactive").status_code == 303
    text = part(seen(client, path(desk)), "consents")
    assert "Granted no contact all the same: the customer is marked inactive, and gets no promotion" in text


def test_S26_S27_inactive_and_active_again_with_undo(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    answer = post(client, path(desk) + "/inactive")
    assert answer.status_code == 303
    assert "Anna Ahorn" not in client.get("/customers").text.replace('value="Anna', "")
    assert "Anna Ahorn" in client.get("/customers?segment=inactive").text
    html = seen(client, path(desk))
    assert '<span class="b bad">Inactive</span>' in html
    assert "Mark active" in html
    assert post(client, path(desk) + "/active").status_code == 303
    html = client.get(path(desk)).text
    assert "Anna Ahorn" in client.get("/customers").text
    seq = re.search(r'name="seq" value="(\d+)"><input type="hidden" name="to" value="[^"#]*"', html)
    assert seq is not None, "the sentence has a button that takes it back"
    assert post(client, "/undo", seq=seq[1], to=path(desk)).status_code == 303
    assert desk.profile("A", "main")["inactive"]


def test_a_viewer_sees_no_form_that_changes_anything(served: Served, store: Store) -> None:
    desk = everything(store)
    viewer = served.client("viewer")
    profile, why = viewer.get(path(desk)).text, viewer.get(path(desk) + "/why").text
    assert "/erase" not in profile
    assert "<form" not in the_main_part(profile)
    # Asking why a pair is not joined only looks (a form by GET); splitting the edge is not offered.
    assert 'name="other"' in the_main_part(why)
    assert not re.search(r"<form[^>]*method=.?post", the_main_part(why), re.I)
    assert re.search(
        r"<form[^>]*method=.?post", the_main_part(served.client("operator").get(path(desk) + "/why").text), re.I
    )
