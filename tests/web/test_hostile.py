"""Stored values that mean harm: every page is walked, and each value is words there, in every file as well."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from zipfile import ZipFile

import httpx
import pytest
from python_calamine import CalamineWorkbook

from klientela.flow import consenting, correct, decide, remarks
from klientela.flow.crowd import Whom
from klientela.flow.sync import sync
from klientela.kit import (
    Address,
    Booking,
    Campaign,
    Checkout,
    Consent,
    File,
    Letter,
    Line,
    Message,
    Number,
    RecordRef,
    Rejected,
    Scan,
)
from klientela.settings.views import APPROXIMATE, COLUMNS
from klientela.store import Store, tokens, users
from klientela_web.pages import every_way
from tests.cases.seen import Desk, account, at, contact, order
from tests.shops import Shop, bring, use
from tests.web.conftest import CONFIG, PASSWORD, Served
from tests.web.someone import Boutique, List
from tests.web.test_roles import TAKES

EVERYTHING = f"[views.everything]\ncolumns = {json.dumps([one for one in COLUMNS if one not in APPROXIMATE])}\n"
MAIL = '[mail]\nport = 9\nhost = "127.0.0.1"\nsender = "Shop <shop@x.de>"\nsecurity = "none"\n'
LIST = '[sources.list]\ntype = "csv"\npath = "none.csv"\n'


def evil(field: str) -> str:
    """A value of a field: markup, an attribute's end, a formula, and the field's name so that it can be found again."""
    markup = f'<script>alert("{field}")</script><img src=x onerror=alert(1)>'
    return f"=cmd() {field}{markup}\" onmouseover=\"alert(1)' zz='{{{{7*7}}}}"


def link(field: str) -> str:
    """An address of a field that a browser must not follow."""
    return f"javascript:alert('{field}')"


FIELDS = (
    "first_name", "last_name", "company", "street", "house_number", "line2", "city", "region", "zip", "crm_id", "number", "tag",
    "module", "evidence", "order number", "order company", "order tag", "line title", "line sku", "cart title", "campaign title",
    "campaign note", "letter title", "letter error", "file name", "message subject", "message text", "message status",
    "message address", "booking title", "booking place", "booking note", "remark", "note", "own tag", "reason", "user",
    "token", "payload", "rejected", "edited", "order street",
)  # fmt: skip
"""Whose values must be shown somewhere, or the walk would prove nothing of them."""

ANNA = RecordRef("shop", "customer", "1")


@pytest.fixture
def harmful(served: Served, store: Store) -> Store:
    """A store in which every text that somebody else writes means harm."""
    use(store)
    served.configure(CONFIG + MAIL + LIST + EVERYTHING)
    home = Address(first_name=evil("first"), last_name=evil("last"), company=evil("at company"), street=evil("street"),
                   house_number=evil("house_number"), line2=evil("line2"), city=evil("city"), region=evil("region"),
                   zip=evil("zip"), country="DE", kind="billing")  # fmt: skip
    anna = account(
        "1", evil("first_name"), evil("last_name"), email="anna@x.de", company=evil("company"), addresses=[home],
        crm_id=evil("crm_id"), numbers=[Number(evil("number"))], tags=[evil("tag")], modules=[evil("module")],
        consents=[Consent(channel="email", purpose="promotion", state="granted", at=1, evidence=evil("evidence"))],
        created_at=1, phone="+49 30 9135728",
    )  # fmt: skip
    twin = account("2", evil("first_name"), evil("last_name"), email="other@x.de", phone="+49 30 9135728", created_at=2)
    lines = [Line(title=evil("line title"), sku=evil("line sku"), quantity=2, unit_price=500, total=1000)]
    bought = order("o1", 1000, customer="1", number=evil("order number"), first_name=evil("order first"),
                   tags=[evil("order tag")], company=evil("order company"), lines=lines,
                   addresses=[Address(street=evil("order street"))])  # fmt: skip
    cart = Checkout(external_id="c1", customer="1", at=at("2026-02-01 12:00"), value=500, currency="EUR",
                    lines=[Line(title=evil("cart title"), sku=evil("cart sku"), quantity=1)])  # fmt: skip
    assert sync(store, Boutique("shop", [anna, twin, bought, cart])).status == "ok"
    assert (
        sync(store, List("list", [contact("7", evil("first_name"), evil("last_name"), email="anna@x.de")])).status
        == "ok"
    )
    wrong = Rejected(reason=evil("rejected"), key=evil("key"), payload=evil("payload"))
    assert sync(store, Shop("bad", [wrong])).status == "ok"
    pdf = File(name=evil("file name")[:200], content=b"%PDF-1.4")
    bring(store, "push", [
        Campaign(external_id="spring", title=evil("campaign title"), note=evil("campaign note"), at=at("2026-01-01 12:00")),
        Letter(external_id="L1", customer=ANNA, campaign="spring", title=evil("letter title"), status="failed", file=pdf,
               error=evil("letter error"), url=link("letter url"), sent_at=at("2026-01-02 12:00")),
        Scan(external_id="s", letter="L1", at=at("2026-01-05 12:00"), url=link("scan url")),
        Message(external_id="m", customer=ANNA, by="email", direction="in", subject=evil("message subject"),
                text=evil("message text"), status=evil("message status"), address=evil("message address"), at=1),
        Booking(external_id="b", customer=ANNA, title=evil("booking title"), place=evil("booking place"),
                note=evil("booking note"), status="booked", starts_at=at("2026-01-05 12:00")),
    ])  # fmt: skip
    who = "shop/customer/1"
    remarks.remark(store, who, evil("remark"), actor=f"operator {evil('actor')}")
    file = File(type="text/html", name=evil("note file")[:200], content=evil("inside").encode())
    remarks.note(store, who, evil("note"), [file], actor="operator paula")
    remarks.tag(store, [who], evil("own tag").replace(",", ""), actor="operator paula")
    consenting.consent(
        store, Whom([who]), "post", "promotion", "granted", evidence=evil("said"), actor="operator paula"
    )
    decide.split(store, who, ["list/customer/7"], reason=evil("reason"), actor="operator paula")
    correct.edit(store, "list/customer/7", {"company": evil("edited")}, actor="operator paula")
    with store.step("test") as step:
        users.add(step, evil("user")[:100], PASSWORD, "viewer")
        tokens.new(step, evil("token")[:100], ["read"], None)
    return store


class Page(HTMLParser):
    """What a browser would make of a page: its elements' dangers, its links, what it says."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.links: list[str] = []
        self.says: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.wrong.append("a script")
        if tag in ("object", "embed", "base", "style"):
            self.wrong.append(tag)
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or name in ("style", "srcdoc", "zz"):
                self.wrong.append(f"{tag} {name}={value}")
            ours = text == "data:," or (text.startswith(("/", "#", "?")) and not text.startswith("//"))
            if name in ("href", "src", "action", "formaction", "data", "xlink:href") and not ours:
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("placeholder", "title", "alt", "value", "aria-label", "data-tip"):
                self.says.append(value or "")
        if tag in ("a", "iframe", "img", "link") and (href := given.get("href") or given.get("src")):
            self.links.append(href)

    def handle_data(self, data: str) -> None:
        self.says.append(data)


def walk(client: httpx.Client, *begin: str) -> Iterator[tuple[str, httpx.Response]]:
    """Every address that a page leads to, of the lists the first pages only."""
    waiting, seen = list(begin), set(begin)
    while waiting:
        path = waiting.pop(0)
        answer = client.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        yield path, answer
        if "text/html" not in answer.headers.get("content-type", "") or path.startswith(("/q/", "/files/")):
            continue
        for href in Page(answer.text).links:
            found = urljoin(path, href).partition("#")[0]
            # of the many neighbouring states of the list a few stand for all
            key = re.sub(r"(sort|page|size|period|by|from|to|what|country|status|consent)=[^&]*", r"\1=", found)
            if urlsplit(found).netloc or found.startswith("/static") or key in seen or len(seen) > 220:
                continue
            seen.add(key)
            waiting.append(found)


def begins(store: Store, client: httpx.Client) -> list[str]:
    """Where the walk begins: what no link leads to as well."""
    desk = Desk(store)
    one, two = desk.public("1", "shop"), desk.public("2", "shop")
    form = {"into": "list", "headers": "lenient"}
    brought = client.post("/imports/new", data=form, files={"file": (
        f"{evil('import file')}.csv", f"email,{evil('column')[:20]}\n=cmd()<script>,x\na@x.de,y\n".encode()
    )})  # fmt: skip
    place = brought.headers["location"]
    assert client.post(place, data={**form, "do": "write"}).status_code == 303
    code = re.search(r"/q/[0-9a-z-]+", client.get("/campaigns/push/campaign/spring").text)
    assert code is not None
    return [
        "/", code[0], "/customers?view=everything&size=100", "/customers?view=everything&show=filters", "/customers?view=site123",
        "/customers?view=ecdp", f"/customers?q={evil('search')[:150]}".replace("%", "%25").replace("#", "%23"),
        f"/customers/{one}?orders=all&activity=all", f"/customers/{one}?view=cockpit", f"/customers/{one}/why",
        f"/customers/{one}/message",
        f"/customers/{two}",
        f"/customers/{one}/erase", f"/persons/erase?id={one}&id={two}", f"/why/{one}?other=shop/customer/2", "/merges", "/audit",
        "/rules", "/runs", "/quarantine", "/sources", "/settings", "/orders", f"/orders/new?customer={one}", "/campaigns",
        "/campaigns/push/campaign/spring", "/campaigns/none", "/customers/new", "/imports", "/imports/new", place,
        f"{place}/report", f"{place}/fix", "/imports/sample", f"/customers/export?view=everything&id={one}",
        f"/orders?customer={evil('asked')[:100]}", f"/audit?customer={evil('asked')[:100]}", f"/sign-in?to={link('to')}",
        f"/imports/{evil('batch')[:20]}/undo", "/nowhere", "/_kit", "/find?q=cmd", "/find?q=script",
        f"/why/{evil('id')[:30]}", "/customers?view=%3Cscript%3E",
    ]  # fmt: skip


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_no_page_shows_a_stored_value_as_anything_but_words(served: Served, harmful: Store) -> None:
    client = served.client("admin")
    said: list[str] = []
    met: set[str] = set()
    patterns = {
        way.path: re.compile(re.sub(r"\\\{\w+(:path)?\\\}", lambda one: ".+" if one[1] else "[^/]+", re.escape(way.path)) + "$")
        for way in every_way() if way.method == "GET" and f"GET {way.path}" in TAKES
    }  # fmt: skip
    for path, answer in walk(client, *begins(harmful, client)):
        assert answer.status_code < 500, path
        plain = urlsplit(path).path
        met |= {way for way, pattern in patterns.items() if pattern.match(plain)}
        if plain.startswith("/files/") and answer.status_code == 200:  # what somebody sent, as it was sent
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            if not plain.endswith("/look"):
                assert answer.headers["content-disposition"].startswith("attachment")
        elif "text/html" in answer.headers.get("content-type", ""):
            page = Page(answer.text)
            assert page.wrong == [], path
            said += page.says
    assert patterns.keys() - met == {"/enter/{secret}", "/sources/progress", "/customers/bulk"}, "every page was walked"
    whole = "\n".join(said)
    assert [
        field for field in FIELDS if f'{field}<script>alert("{field}")' not in whole and f"=cmd() {field}" not in whole
    ] == []
    assert "49" not in re.findall(r"zz='(\S+?)\b", whole), "nobody calculated"


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_no_file_holds_a_formula_or_a_script(served: Served, harmful: Store) -> None:
    client = served.client("admin")
    place = next(one for one in begins(harmful, client) if one.startswith("/imports/files/"))
    for path in ("/customers/export?format=csv&view=everything", f"{place}/report"):
        text = client.get(path).content.decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == [], path
    assert "'=cmd() first_name" in client.get("/customers/export?format=csv&view=everything").text
    book = client.get("/customers/export?format=xlsx&view=everything").content
    cells = [
        str(cell)
        for row in CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
        for cell in row
    ]
    assert evil("last_name") in cells
    with ZipFile(io.BytesIO(book)) as parts:
        assert not [name for name in parts.namelist() if b"<f>" in parts.read(name) or b"hyperlink" in parts.read(name)]
    told = json.loads(client.get("/customers/export?format=json&view=everything").text)
    assert evil("company") in {one["company"] for one in told}
    answer = client.post(f"/customers/{Desk(harmful).public('1', 'shop')}/export", data={})
    with ZipFile(io.BytesIO(answer.content)) as archive:
        page = Page(archive.read("person.html").decode())
        assert [one for one in page.wrong if one != "style" and not one.startswith("a href=files/")] == []
        assert evil("remark") in "\n".join(page.says)
        assert all(not name.startswith("/") and ".." not in Path(name).parts for name in archive.namelist())


PARAMETERS = {
    "/customers": ("sort", "segment", "size", "page", "q", "country", "status", "tag", "consent", "module", "product", "scanned",
                   "sources", "view", "from", "to", "period", "by", "what", "show"),
    "/customers/export": ("sort", "segment", "q", "country", "tag", "consent", "view", "format", "id"),
    "/orders": ("customer", "state", "test", "after"), "/campaigns": ("after",), "/campaigns/none": ("after",),
    "/runs": ("source", "before", "after"), "/quarantine": ("source",), "/orders/new": ("customer",),
    "/audit": ("customer", "kind", "before", "after", "verify"), "/persons/erase": ("id",), "/sign-in": ("to",),
}  # fmt: skip
STINGS = (
    "'; DROP TABLE customer; -- \" OR 1=1 %_\\ {{7*7}} %(x)s ../../etc/passwd\r\nSet-Cookie: a=b",
    "id:asc --", "x\0y", "-1", "9" * 40,
    "\uffff" + "𝕏" * 300,
)  # fmt: skip


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_parameter_gets_further_than_it_may(served: Served, store: Store, path: str) -> None:
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de"), order("o1", customer="1")])
    before = {table: Desk(store).count(table) for table in ("customer", "record", "session", "audit")}
    client = served.client("admin")
    before["session"] += 1
    for name in PARAMETERS[path]:
        for sting in STINGS:
            answer = client.get(path, params={name: sting})
            assert answer.status_code in (200, 302, 303, 400, 404), (name, sting)
            assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"]
    after = {table: Desk(store).count(table) for table in before}
    assert {**after, "audit": 0} == {**before, "audit": 0}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "way", [one for one in every_way() if "{" in one.path and one.method == "GET"], ids=lambda one: one.path
)
def test_no_path_gets_further_than_it_may(served: Served, way: object) -> None:
    client = served.client("admin")
    for sting in (
        "%27",
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "%ff",
        "9" * 40,
        "x" * 5000,
        "%F0%9D%95%8F",
        "-1",
        "a/b/c",
        "S/customer/%27",
    ):
        path = re.sub(r"\{[^}]*\}", sting, getattr(way, "path", ""))
        if "progress" not in path:
            assert client.get(path).status_code in (200, 302, 303, 400, 404, 405), path


def test_no_form_gets_further_than_it_may(served: Served, store: Store) -> None:
    """PostgreSQL keeps no NUL: whatever a form brings it in is refused or kept without it."""
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de"), order("o1", customer="1")])
    client, public = served.client("admin"), Desk(store).public("1", "S")
    fields = dict.fromkeys(SENT, "x\0y") | {"was city": "\0", "was \0": "\0", "id": public, "text\0": "\0"}
    for way in every_way():
        if way.method == "POST" and "erase" not in way.path and way.path not in ("/sign-out", "/sign-in"):
            path = re.sub(r"\{id\}", public, way.path)
            for sent in (fields, {**fields, "customer": public, "one": public, "two": public}):
                answer = client.post(re.sub(r"\{[^}]*\}", "%00", path), data=sent)
                assert answer.status_code in (200, 302, 303, 400, 404, 409), (way.path, answer.text)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\0b.%s"\r\n\r\n%s\r\n--b\r\n'
    more = b'Content-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--b--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    for path, ending, content in (
        ("/imports/new", b"csv", b"Email\r\nb@x.de"), (f"/customers/{public}/note", b"txt", b"x\0"),
        (f"/customers/{public}/picture", b"png", b"\x89PNG\r\n\x1a\n\0"),
    ):  # fmt: skip
        answer = client.post(path, content=head % (ending, content) + more % (b"text", b"t\0"), headers=kind)
        assert answer.status_code in (200, 303), (path, answer.text)
        assert client.get(f"/customers/{public}").status_code == 200


SENT = (
    "to", "do", "tag", "reason", "evidence", "channel", "purpose", "state", "text", "name", "role", "password", "seq", "version",
    "first_name", "last_name", "company", "email", "phone", "city", "street", "field", "value", "one", "two", "item", "as_of",
    "record", "emails", "into", "subject", "language", "order", "message", "customer", "number", "title", "quantity", "price",
    "voucher", "discount", "source", "digest", "action", "key", "full", "decide", "of",
)  # fmt: skip
"""Names of fields that forms of the page have; what a form does not know it does not read."""
