"""Messages that are sent from here (S17, R46): over a real socket to a mail server of our own, on both stores."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict, KlientelaError, Misconfigured, UnknownThing
from klientela.flow import decide, disclose, sending
from klientela.flow.crowd import Whom
from klientela.flow.erase import erase
from klientela.flow.inactive import deactivate
from klientela.flow.rebuild import rebuild
from klientela.kit import Consent, Message, Person
from klientela.mail import carrier, hand_over
from klientela.settings.model import Mail
from klientela.store import Store, operation
from tests.canaries import scan
from tests.cases.seen import Desk, account, at, contact, guest_order, order, view
from tests.postman import Postman, certificate, postman
from tests.shops import bring

WHO = "S/customer/1"
SUBJECT, TEXT = "Grüße vom Teehaus – neue Ernte", "Hallo Anna,\n\n.der neue Tee ist da. Łąka & Söhne\n"
GRANTED = Consent(channel="email", purpose="promotion", state="granted", at=at("2026-01-05 12:00"))
ONCE = "0123456789abcdef" * 2


def anna(**more: Any) -> Person:
    return account("1", "Anna", "Ahorn", **{"email": "anna@x.de", "consents": [GRANTED], "created_at": 1, **more})


@pytest.fixture
def post() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture
def shop(store: Store) -> Store:
    bring(store, "S", [anna(), order("o1", customer="1", number="1001"), order("t1", customer="1", test=True)])
    return store


def mail(post: Postman, **more: Any) -> Mail:
    security = "none" if post.context is None else "tls" if post.at_once else "starttls"
    said = {
        "host": "127.0.0.1",
        "port": post.port,
        "sender": "Teehaus Ähre <post@teehaus.example>",
        "security": security,
    }
    return Mail.model_validate({**said, **more})


def write(store: Store, post: Postman, who: str = WHO, **more: Any) -> sending.Sent:
    said: dict[str, Any] = {
        "subject": SUBJECT,
        "text": TEXT,
        "purpose": "promotion",
        "language": "de",
        "mail": mail(post),
    }
    return sending.send(store, who, **{**said, **more})


def thread(store: Store, ext: str = "1") -> list[dict[str, Any]]:
    return [one for one in Desk(store).profile(ext)["messages"] if one["source"] == "manual"]


def words_of(came: EmailMessage) -> str:
    return str(came.get_content()).replace("\r\n", "\n").strip()


def refused(kind: type[KlientelaError], store: Store, post: Postman, words: str, who: str = WHO, **more: Any) -> None:
    """One sentence, nothing sent, nothing kept."""
    before = Desk(store).count("record")
    with pytest.raises(kind) as told:
        write(store, post, who, **more)
    assert words in told.value.message
    assert (post.heard, Desk(store).count("record")) == ([], before)


# -- what goes out ---------------------------------------------------------------------------------------------------------


def test_S17_a_message_is_sent_kept_and_told(shop: Store, post: Postman) -> None:
    made = write(shop, post, actor="operator paula")
    assert (made.state, made.error, post.boxes) == ("sent", None, ["anna@x.de"])
    (came,) = post.mails()
    assert (came["Subject"], came["To"], came["From"]) == (SUBJECT, "anna@x.de", "Teehaus Ähre <post@teehaus.example>")
    assert came["Message-ID"] == f"<{(made.key or '').rpartition('/')[2]}@teehaus.example>"
    assert came["Date"].datetime is not None
    assert came.get_content_type() == "text/plain"
    said = words_of(came)
    assert said.startswith(TEXT.strip())
    assert "antwortet" in said
    assert came["List-Unsubscribe"] == "<mailto:post@teehaus.example?subject=unsubscribe>"
    assert all(line.isascii() and len(line) < 999 for line in post.took[0].splitlines())
    assert "Subject: " in post.took[0].decode("ascii"), "nothing but ASCII goes over the line"
    (kept,) = thread(shop)
    assert (kept["status"], kept["direction"], kept["by"], kept["address"]) == ("sent", "out", "email", "anna@x.de")
    assert (kept["subject"], kept["text"], kept["purpose"]) == (SUBJECT, said, "promotion")
    lines = Desk(shop).kinds("messaged")
    assert [line["detail"]["state"] for line in lines] == ["queued", "sent"]
    assert {line["actor"] for line in lines} == {"operator paula"}
    assert not any("Ernte" in str(line) or "anna@x.de" in str(line) for line in lines), "that, and not what"
    assert rebuild(shop, check=True).differences == []


def test_R46_a_contract_needs_no_consent_and_no_list_unsubscribe(store: Store, post: Postman) -> None:
    bring(store, "S", [anna(consents=[]), order("o1", customer="1", number="1001")])
    made = write(store, post, purpose="contract", order="1001")
    assert made.state == "sent"
    (came,) = post.mails()
    assert (came["List-Unsubscribe"], words_of(came)) == (None, TEXT.strip())
    (kept,) = thread(store)
    assert kept["order"] is not None


def test_the_place_to_unsubscribe_may_be_a_page(shop: Store, post: Postman) -> None:
    write(shop, post, mail=mail(post, unsubscribe="https://teehaus.example/weg"), language="pl")
    (came,) = post.mails()
    assert came["List-Unsubscribe"] == "<https://teehaus.example/weg>"
    assert "https://teehaus.example/weg" in words_of(came)
    assert came["Content-Language"] == "pl"


def test_a_dry_run_says_to_whom_and_sends_nothing(shop: Store, post: Postman) -> None:
    before = Desk(shop).everything()
    made = write(shop, post, dry_run=True)
    assert made.as_dict()["message"]["to"] == "anna@x.de"
    assert "seq" not in made.as_dict()
    assert (post.heard, Desk(shop).everything()) == ([], before)


# -- who may not be written to -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"purpose": "system"}, "never allowed system by email"),
        ({"purpose": "contract", "order": "t1x"}, "none of this customer's"),
        ({"purpose": "contract", "order": "S/order/t1"}, "is no contract (test)"),
    ],
)
def test_R46_the_check_refuses_with_its_sentence(shop: Store, post: Postman, more: dict[str, Any], words: str) -> None:
    refused(Conflict, shop, post, words, **more)


@pytest.mark.parametrize(
    ("person", "words"),
    [
        (anna(consents=[Consent(channel="email", purpose="promotion", state="denied")]), "objects to promotion"),
        (anna(consents=[]), "never allowed promotion"),
        (anna(email=None, phone="+49 30 123456"), "no e-mail address of the customer is known"),
        (anna(email="änna@x.de"), "none that mail servers take"),
        (anna(email="x@marketplace.amazon.de"), ""),
    ],
)
def test_R46_nobody_is_written_to_without_consent_or_a_usable_address(
    store: Store, post: Postman, person: Person, words: str
) -> None:
    bring(store, "S", [person])
    refused(Conflict, store, post, words)


def test_R46_the_inactive_the_tests_and_who_objected_elsewhere_get_no_promotion(store: Store, post: Postman) -> None:
    bring(store, "S", [anna(), account("2", "Test", "Kauf", email="test@x.de", consents=[GRANTED]),
                       order("t1", customer="2", test=True)])  # fmt: skip
    refused(Conflict, store, post, "known by test orders only", "S/customer/2")
    deactivate(store, Whom((WHO,)))
    refused(Conflict, store, post, "is marked inactive")
    said = Consent(channel="email", purpose="promotion", state="denied", at=at("2026-02-01 12:00"), address="anna@x.de")
    bring(store, "L", [contact("9", "Anna", "Ulme", email="anna@x.de", consents=[said])])
    with store.reading() as db:
        assert sending.answers(db, store.key, WHO)[0]["promotion"].allowed is False


def test_who_was_erased_is_nobody(shop: Store, post: Postman) -> None:
    who = Desk(shop).public("1")
    erase(shop, who, reason="asked")
    refused(UnknownThing, shop, post, "was erased", who)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subject": "a\r\nBcc: all@x.de"}, "the subject is one line"),
        ({"subject": "a\u2028b"}, "the subject is one line"),
        ({"subject": " "}, "needs a subject"),
        ({"subject": "x" * 201}, "needs a subject"),
        ({"text": " \n"}, "needs a text"),
        ({"text": "a\x00b"}, "cannot be printed"),
        ({"text": "x" * 10_001}, "longer than"),
        ({"language": "fr"}, "no language of messages"),
        ({"purpose": "fun"}, "no purpose"),
        ({"once": "../x"}, "none of ours"),
        ({"mail": Mail()}, "no mail server is configured"),
    ],
)
def test_what_cannot_be_sent_is_told_and_kept_nowhere(
    shop: Store, post: Postman, more: dict[str, Any], words: str
) -> None:
    refused(Misconfigured, shop, post, words, **more)


# -- what the server says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        ({"refuse": {"RCPT": "550 5.1.1 <anna@x.de>: user anna unknown"}}, "failed", "550 5.1.1"),
        ({"refuse": {"MAIL": "530 5.7.0 sign in first"}}, "failed", "refused the sender: 530"),
        ({"refuse": {"DATA": "554 no"}}, "failed", "refused the message: 554 no"),
        ({"refuse": {"TEXT": "552 too spicy"}}, "failed", "552 too spicy"),
        ({"hang_up": "RCPT"}, "failed", "broke the line off"),
        ({"hang_up": "TEXT"}, "unknown", "broke the line off"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words_without_anybodys_data(
    shop: Store, post: Postman, told: dict[str, Any], state: str, words: str
) -> None:
    for name, value in told.items():
        setattr(post, name, value)
    made = write(shop, post)
    assert (made.state, words in (made.error or "")) == (state, True), made.error
    assert "anna" not in (made.error or "")
    (kept,) = thread(shop)
    assert (kept["status"], kept["error"]) == (state, made.error)
    assert rebuild(shop, check=True).differences == []


def test_a_server_that_is_not_there_or_never_answers(
    shop: Store, post: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postman() as gone:
        pass
    made = write(shop, gone)
    assert (made.state, made.error) == ("failed", "the mail server cannot be reached: connection refused")
    monkeypatch.setattr(carrier, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        post.port = deaf.getsockname()[1]
        assert write(shop, post).error == "the mail server did not answer in time"


@pytest.mark.parametrize("at_once", [False, True], ids=["starttls", "tls"])
def test_the_line_is_secured_and_the_password_goes_over_it_alone(
    shop: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    context, public = certificate(tmp_path)
    signed = {"user": "teehaus", "password": "geheim-99"}
    with postman(context=context, at_once=at_once, user=("teehaus", "geheim-99")) as post:
        told = write(shop, post, mail=mail(post, **signed))
        assert told.state == "failed", "who signed the certificate is nobody we know"
        assert "certificate" in (told.error or "")
        assert not any(line.upper().startswith(("AUTH", "MAIL")) for line in post.heard)
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert write(shop, post, mail=mail(post, **signed)).state == "sent"
        wrong = write(shop, post, mail=mail(post, user="teehaus", password="falsch-99"))
        assert (wrong.state, wrong.error) == ("failed", "the mail server refused user and password (535)")
        assert len(post.took) == 1


def test_a_server_without_starttls_gets_nothing(shop: Store, post: Postman) -> None:
    made = write(shop, post, mail=mail(post, security="starttls", user="teehaus", password="geheim-99"))
    assert (made.state, "offers no STARTTLS" in (made.error or "")) == ("failed", True)
    assert [line.partition(" ")[0].upper() for line in post.heard] == ["EHLO"]


# -- once, and again --------------------------------------------------------------------------------------------------------


def test_the_same_form_twice_sends_once(shop: Store, post: Postman) -> None:
    assert write(shop, post, once=ONCE).state == "sent"
    two = write(shop, post, once=ONCE)
    assert (two.state, two.again, two.seq) == ("sent", True, None)
    with pytest.raises(Conflict, match="has sent another message already"):
        write(shop, post, once=ONCE, text="Something else")
    assert (len(post.took), len(thread(shop))) == (1, 1)


def test_a_person_tries_again_and_each_try_counts_once(shop: Store, post: Postman) -> None:
    post.refuse = {"RCPT": "451 later"}
    first = write(shop, post)
    assert first.key is not None
    (kept,) = thread(shop)
    post.refuse = {}
    assert sending.again(shop, WHO, first.key, at=kept["at"], mail=mail(post)).state == "sent"
    with pytest.raises(Conflict, match="was sent already"):
        sending.again(shop, WHO, first.key, at=kept["at"], mail=mail(post))
    (came,) = post.mails()
    assert came["Message-ID"].startswith(f"<{first.key.rpartition('/')[2]}@"), "so that a reader knows it again"
    (now,) = thread(shop)
    assert (now["status"], now["error"], now["subject"]) == ("sent", None, SUBJECT)
    assert [line["detail"]["state"] for line in Desk(shop).kinds("messaged")] == ["queued", "failed", "queued", "sent"]


def test_a_try_that_somebody_made_meanwhile_is_not_made_twice(shop: Store, post: Postman) -> None:
    post.refuse = {"RCPT": "451 later"}
    key = write(shop, post).key
    assert key is not None
    (kept,) = thread(shop)
    sending.again(shop, WHO, key, at=kept["at"], mail=mail(post))
    with pytest.raises(Conflict, match="tried this message again meanwhile"):
        sending.again(shop, WHO, key, at=kept["at"], mail=mail(post))
    bring(shop, "S", [anna(consents=[GRANTED, Consent(channel="email", purpose="promotion", state="denied")])])
    with pytest.raises(Conflict, match="nothing may be sent"):
        sending.again(shop, WHO, key, mail=mail(post))


def test_messages_that_others_sent_are_not_sent_again(shop: Store, post: Postman) -> None:
    bring(shop, "S2", [Message(external_id="m1", customer="1", status="failed")])
    bring(shop, "S", [account("2", "Ben", "Buche", email="ben@x.de")])
    key = write(shop, post).key
    for who, record in ((WHO, "S2/message/m1"), (WHO, "manual/message/none"), ("S/customer/2", str(key))):
        with pytest.raises(UnknownThing, match="no such message"):
            sending.again(shop, who, record, mail=mail(post))


DIES = """
import sys
from pathlib import Path
from klientela.flow import sending
from klientela.settings.model import Mail
from klientela.store import open_store
url, key, tombs, port, once = sys.argv[1:]
with open_store(url, key_file=Path(key), tombstones=Path(tombs)) as store:
    sending.send(store, "S/customer/1", subject="Tea", text="Tea", purpose="promotion", once=once,
                 mail=Mail(host="127.0.0.1", port=int(port), sender="post@teehaus.example", security="none"))
"""


@pytest.mark.parametrize(("point", "taken"), [("message.queued", 0), ("message.handed", 1)])
def test_a_crash_between_leaves_it_open_and_nothing_is_sent_by_itself(
    shop: Store, store_url: str, tmp_path: Path, post: Postman, point: str, taken: int
) -> None:
    keys = (str(tmp_path / "klientela.key"), str(tmp_path / "klientela.tombstones"))
    environ = {**os.environ, "KLIENTELA_FAILPOINT": f"{point}:1"}
    run = [sys.executable, "-c", DIES, store_url, *keys, str(post.port), ONCE]
    assert subprocess.run(run, env=environ, timeout=60, check=False).returncode == -signal.SIGKILL
    (kept,) = thread(shop)
    now = operation.now()
    assert (kept["status"], len(post.took)) == ("queued", taken)
    assert sending.state_of(kept, now) == "queued", "another process may be at it"
    assert sending.state_of(kept, now + sending.DOUBT + 1) == "unknown"
    assert write(shop, post, subject="Tea", text="Tea", language="en", once=ONCE).again, (
        "the same form sends nothing more"
    )
    assert len(post.took) == taken
    with pytest.raises(Conflict, match="is just being sent"):
        sending.again(shop, WHO, f"manual/message/{ONCE}", mail=mail(post))


def test_a_person_decides_about_one_that_nobody_knows_of(shop: Store, post: Postman) -> None:
    post.hang_up = "TEXT"
    key = write(shop, post).key
    post.hang_up = ""
    assert sending.again(shop, WHO, str(key), mail=mail(post)).state == "sent"
    assert len(post.took) == 1


# -- with the records --------------------------------------------------------------------------------------------------------


def test_a_message_follows_its_record_through_join_and_split(store: Store, post: Postman) -> None:
    bring(store, "S", [anna(), account("2", "Anna", "Birke", email="birke@x.de", created_at=2)])
    write(store, post)
    seq = decide.merge(store, WHO, "S/customer/2", reason="married").seq
    assert len(thread(store, "2")) == 1
    assert seq is not None
    decide.undo(store, seq)
    assert (len(thread(store, "1")), len(thread(store, "2"))) == (1, 0)
    assert rebuild(store, check=True).differences == []


def test_R58_the_person_gets_it_and_R56_an_erasure_empties_it(shop: Store, post: Postman) -> None:
    words = ["Wollgrasernte", "Sumpfdotterblume"]
    write(shop, post, subject=words[0], text=words[1])
    who = Desk(shop).public("1")
    with shop.reading() as db:
        document = disclose.disclose(db, shop, who, view())
    assert all(word in str(document) for word in words)
    before = scan(shop, words)
    assert set(words) == set().union(*before.values())
    assert "audit" not in before
    erase(shop, who, reason="asked")
    assert scan(shop, words) == {}
    assert rebuild(shop, check=True).differences == []


def test_an_erasure_while_it_is_being_sent_keeps_nothing(
    shop: Store, post: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Desk(shop).public("1")
    right = hand_over

    def meanwhile(*args: Any) -> Any:
        erase(shop, who, reason="asked")
        return right(*args)

    monkeypatch.setattr(sending, "hand_over", meanwhile)
    assert write(shop, post, subject="Wollgrasernte").state == "sent"
    assert scan(shop, ["Wollgrasernte", "anna@x.de"]) == {}
    assert rebuild(shop, check=True).differences == []


def test_a_guest_row_is_written_to_about_its_order(store: Store, post: Postman) -> None:
    bring(store, "S", [guest_order("g1", "gast@x.de", number="77")])
    made = write(store, post, "S/guest_order/g1", purpose="contract", order="77")
    assert (made.state, post.boxes) == ("sent", ["gast@x.de"])
    assert len(Desk(store).profile("g1", entity="guest_order")["messages"]) == 1
