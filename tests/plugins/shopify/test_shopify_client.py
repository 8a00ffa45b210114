"""What the client does with every kind of answer: waits, asks for less, renews, gives up with a sentence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec import Struct
from shopify_helpers import Connect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.sandboxes import pages, records

from klientela.kit import Interrupted, KlientelaError, SourceBroken, SourceRefused
from klientela.testing import serve
from klientela_shopify.client import Admin, CursorExpired, TooExpensive
from klientela_shopify.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN, Sandbox
from klientela_shopify.settings import ShopifySettings

QUERY = "query Q($first: Int!) { shop { name } }"
OK: dict[str, Any] = {"data": {"shop": {"name": "x"}}}
DOCS = "https://shopify.dev/api/usage/rate-limits"


class Name(Struct):
    """`{"name": …}`."""

    name: str


def cost(requested: float, available: float, rate: float = 50.0, most: float = 1000.0) -> dict[str, Any]:
    throttle = {"maximumAvailable": most, "currentlyAvailable": available, "restoreRate": rate}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": throttle}}


def failed(code: str | None, message: str = "Oh", **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, "documentation": DOCS}}], **more}


class Script:
    """A shop that answers as it was told, one answer after the other; the last one for ever."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    async def answer(self, request: Request) -> Response:
        self.bodies.append(json.loads(await request.body()))
        self.tokens.append(request.headers["x-shopify-access-token"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/admin/api/2026-07/graphql.json", self.answer, methods=["POST"])])


Asking = Callable[..., tuple[Admin, Script]]


@pytest.fixture
def asking() -> Iterator[Asking]:
    """`asking(answer, …)`: a client of a scripted shop."""
    with ExitStack() as stack:

        def make(*answers: Any, stop: threading.Event | None = None) -> tuple[Admin, Script]:
            script = Script(answers)
            url = stack.enter_context(serve(script.app()))
            settings = ShopifySettings(type="shopify", base_url=url, access_token="shpat_canary")
            admin = Admin(settings, stop=stop)
            stack.callback(admin.close)
            return admin, script

        yield make


def ask(admin: Admin, first: int = 10) -> Any:
    return admin.ask(QUERY, {"first": first}, dict[str, Name])


def test_a_question_and_its_answer(asking: Asking) -> None:
    admin, script = asking(OK)
    assert ask(admin)["shop"].name == "x"
    assert script.bodies == [{"query": QUERY, "variables": {"first": 10}}]
    assert script.tokens == ["shpat_canary"]


# -- throttling --------------------------------------------------------------------------------------------------


def test_throttled_waits_as_long_as_the_purse_needs(asking: Asking, waits: list[float]) -> None:
    admin, script = asking(failed("THROTTLED", extensions=cost(752, 666)), OK)
    ask(admin)
    assert len(script.bodies) == 2
    assert sum(waits) == pytest.approx((752 - 666) / 50, abs=0.1)


@pytest.mark.parametrize("extensions", [cost(10, 666), cost(10, 0, rate=0), {}, {"cost": None}, {"cost": "lots"}, None])
def test_throttled_waits_at_least_half_a_second(asking: Asking, waits: list[float], extensions: Any) -> None:
    admin, _ = asking(failed("THROTTLED", extensions=extensions), OK)
    ask(admin)
    assert sum(waits) == pytest.approx(0.5, abs=0.1)


def test_throttled_for_ever_is_an_error_one_day(asking: Asking, waits: list[float]) -> None:
    admin, script = asking(failed("THROTTLED", extensions=cost(100, 0)))
    with pytest.raises(SourceBroken, match="throttles us") as caught:
        ask(admin)
    assert len(script.bodies) == 41
    assert caught.value.hint


def test_the_purse_is_watched_so_that_nothing_is_throttled(asking: Asking, waits: list[float]) -> None:
    admin, script = asking({**OK, "extensions": cost(500, 100)})
    ask(admin)
    assert waits == []
    ask(admin)
    assert sum(waits) == pytest.approx((500 - 100) / 50, abs=0.2)
    assert len(script.bodies) == 2


def test_another_question_of_unknown_cost_is_not_held_up(asking: Asking, waits: list[float]) -> None:
    admin, _ = asking({**OK, "extensions": cost(500, 100)})
    ask(admin)
    ask(admin, first=5)
    assert waits == []


def test_a_purse_that_never_holds_the_cost_does_not_stop_us(asking: Asking, waits: list[float]) -> None:
    admin, _ = asking({**OK, "extensions": cost(500, 100, most=200)})
    ask(admin)
    ask(admin)
    assert sum(waits) == pytest.approx((200 - 100) / 50, abs=0.2)


def test_waiting_ends_when_asked_to_stop(asking: Asking) -> None:
    stop = threading.Event()
    admin, _ = asking(failed("THROTTLED", extensions=cost(1000, 0, rate=10)), stop=stop)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Interrupted):
        ask(admin)


# -- errors ------------------------------------------------------------------------------------------------------


def test_too_expensive_never_waits(asking: Asking, waits: list[float]) -> None:
    admin, script = asking(failed("MAX_COST_EXCEEDED"))
    with pytest.raises(TooExpensive):
        ask(admin)
    assert (len(script.bodies), waits) == (1, [])


def test_an_internal_error_is_tried_again(asking: Asking, waits: list[float]) -> None:
    admin, script = asking(*[failed("INTERNAL_SERVER_ERROR")] * 3, OK)
    assert ask(admin)["shop"].name == "x"
    assert len(script.bodies) == 4
    assert sum(waits) == pytest.approx(1 + 2 + 4, abs=0.2)


def test_an_internal_error_that_stays(asking: Asking, waits: list[float]) -> None:
    admin, script = asking(failed("INTERNAL_SERVER_ERROR"))
    with pytest.raises(SourceBroken, match="internal error"):
        ask(admin)
    assert len(script.bodies) == 6


def test_data_beside_errors_is_no_data(asking: Asking) -> None:
    admin, _ = asking(failed("SOMETHING", **OK))
    with pytest.raises(SourceBroken):
        ask(admin)


def test_access_denied_names_the_scope(asking: Asking) -> None:
    said = "Access denied for orders field. Required access: `read_orders` access scope."
    admin, _ = asking(failed("ACCESS_DENIED", said))
    with pytest.raises(SourceRefused) as caught:
        ask(admin)
    assert "read_orders" in str(caught.value.hint)


def test_an_inactive_shop_is_refused(asking: Asking) -> None:
    admin, _ = asking(failed("SHOP_INACTIVE"))
    with pytest.raises(SourceRefused, match="inactive"):
        ask(admin)


def test_an_invalid_cursor_is_known(asking: Asking) -> None:
    admin, _ = asking(failed("BAD_REQUEST", "Invalid cursor for current pagination sort."))
    with pytest.raises(CursorExpired):
        ask(admin)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ("An unexpected error occurred", "An unexpected error occurred"),
        ({"query": "Required parameter missing or invalid"}, "query: Required parameter"),
        ([{"message": "Field 'x' doesn't exist on type 'Order'"}], "Field 'x' doesn't exist"),
        ([{"message": 7}], "7"),
        (["strange"], "strange"),
        (17, "17"),
    ],
)
def test_errors_come_in_every_form(asking: Asking, errors: Any, said: str) -> None:
    admin, _ = asking({"errors": errors})
    with pytest.raises(SourceBroken, match="answers with an error") as caught:
        ask(admin)
    assert said in caught.value.message


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": None, "errors": None}, {"data": {"shop": {"name": 7}}}])
def test_nothing_usable(asking: Asking, body: Any) -> None:
    admin, _ = asking(body)
    with pytest.raises(SourceBroken, match=r"without data|another shape"):
        ask(admin)


def test_errors_that_are_null_or_absent_are_none(asking: Asking) -> None:
    admin, _ = asking({**OK, "errors": None})
    assert ask(admin)["shop"].name == "x"


def test_words_of_the_shop_carry_neither_token_nor_person(asking: Asking) -> None:
    said = "shpat_canary may not see anna.canary@example.com or +4915112345678 " + "x" * 500
    admin, _ = asking(failed(None, said))
    with pytest.raises(SourceBroken) as caught:
        ask(admin)
    text = f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"
    assert "canary" not in text
    assert "15112345678" not in text
    assert len(caught.value.message) < 250


def test_a_wrong_shape_is_not_quoted(asking: Asking) -> None:
    admin, _ = asking({"data": {"shop": "anna.canary@example.com"}})
    with pytest.raises(SourceBroken) as caught:
        ask(admin)
    assert "canary" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


# -- tokens, versions, doors: with the pretend shop ---------------------------------------------------------------


def credentials() -> dict[str, Any]:
    return {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def token_calls(box: Sandbox) -> int:
    return box.faults.paths["/admin/oauth/access_token"]


def test_client_credentials_give_a_token_for_many_questions(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box, **credentials())
    source.check()
    assert len(records(source, "customers")) == 5
    assert token_calls(box) == 1


def test_an_expired_token_is_asked_for_once_more(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box, **credentials())
    source.check()
    box.advance_clock(days=2)
    assert len(records(source, "customers")) == 5
    assert token_calls(box) == 2


def test_a_token_is_renewed_before_it_ends(connect: Connect) -> None:
    box = Sandbox(customers=1)
    box.token_life = 1  # it says: valid for 0 seconds more
    source = connect(box, **credentials())
    source.check()
    source.check()
    assert token_calls(box) == 2
    assert box.faults.paths["/admin/api/2026-07/graphql.json"] == 2  # none was refused


def test_a_token_that_stays_refused_is_asked_for_only_once(connect: Connect) -> None:
    box = Sandbox(customers=1)
    box.token_life = -1  # dead on arrival
    source = connect(box, **credentials())
    with pytest.raises(SourceRefused, match="access token"):
        source.check()
    assert token_calls(box) == 2


def test_wrong_client_secret(connect: Connect) -> None:
    source = connect(Sandbox(), client_id=CLIENT_ID, client_secret="secret-canary")
    with pytest.raises(SourceRefused, match="invalid_client") as caught:
        source.check()
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_wrong_access_token_is_refused_at_once(connect: Connect) -> None:
    box = Sandbox()
    source = connect(box, access_token="shpat_canary")
    with pytest.raises(SourceRefused, match="access token") as caught:
        source.check()
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert box.faults.requests == 1


@pytest.mark.parametrize("status", [402, 403, 404, 423])
def test_closed_doors(connect: Connect, status: int) -> None:
    box = Sandbox()
    box.closed = status
    source = connect(box)
    with pytest.raises(SourceRefused, match=str(status)) as caught:
        source.check()
    assert caught.value.hint
    assert box.faults.requests == 1


def test_another_version_answers(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "klientela.shopify")  # whatever a test before this one made of the loggers
    box = Sandbox(customers=1)
    box.versions = ("2026-10", "2027-01")
    source = connect(box)
    notes = source.check().notes
    source.check()
    assert any("2026-10" in note and "2026-07" in note for note in notes)
    assert [record.levelname for record in caplog.records if record.name == "klientela.shopify"] == ["WARNING"]


def test_the_configured_version_answers_without_a_word(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    source = connect(Sandbox(customers=1), api_version="2026-10")
    assert source.check().notes == []
    assert caplog.records == []


def test_a_page_that_costs_too_much_is_halved_until_it_fits(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=60)
    box.purse.most = 100
    source = connect(box)
    assert len(records(source, "orders")) == len(box.orders)
    asked = [variables["first"] for name, variables in box.server.requests if name == "Orders"]
    assert asked[:3] == [50, 25, 12]
    assert waits == []
    box.server.requests.clear()
    assert len(records(source, "orders")) == len(box.orders)
    again = {variables["first"] for name, variables in box.server.requests if name == "Orders"}
    assert again == {asked[-1]}  # the size was remembered


def test_a_single_row_that_costs_too_much(connect: Connect) -> None:
    box = Sandbox(customers=3)
    box.purse.most = 3
    with pytest.raises(SourceBroken, match="costs more"):
        pages(connect(box), "orders")


def test_a_small_purse_is_never_overdrawn(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=40)
    box.purse.restore, box.purse.size = 1e6, 1000.0  # fills at once: what counts is that it is asked for politely
    source = connect(box)
    assert len(records(source, "orders")) == len(box.orders)
    box.fault("throttled", 1.0, times=3)
    assert len(records(source, "customers")) == 40
    assert sum(waits) == pytest.approx(3 * 0.5, abs=0.3)


def test_unreachable(waits: list[float]) -> None:
    with serve(Sandbox().app) as url:
        pass
    admin = Admin(ShopifySettings(type="shopify", base_url=url, access_token=TOKEN))
    with pytest.raises(KlientelaError, match="could not be reached"):
        ask(admin)
    admin.close()
