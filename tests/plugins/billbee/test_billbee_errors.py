"""Every way an account can fail, over real HTTP: error codes inside a 200, statuses, limits, circles, stops."""

from __future__ import annotations

import threading

import pytest
from billbee_helpers import Connect, SmallPages, settings_of
from tests.sandboxes import records

from klientela.kit import (
    Interrupted,
    SourceBroken,
    SourceRefused,
)
from klientela.testing import serve
from klientela_billbee.sandbox import Sandbox
from klientela_billbee.source import BillbeeSource


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (1, SourceRefused, "switched off"),
        (10, SourceRefused, "shops asked for"),
        (16, SourceRefused, "not paid for"),
        (17, SourceRefused, "not booked"),
        (8, SourceBroken, "error code 8"),
        (11, SourceBroken, "error code 11"),
        (99, SourceBroken, "error code 99"),
    ],
)
def test_an_error_code_inside_a_200_is_an_error(
    connect: Connect, waits: list[float], code: int, kind: type[Exception], said: str
) -> None:
    box = Sandbox(customers=3)
    box.locked = code
    with pytest.raises(kind, match=said) as caught:
        connect(box).check()
    assert getattr(caught.value, "hint", None)
    assert len(box.server.requests) == (5 if code == 8 else 1)


@pytest.mark.parametrize("fault", ["internal", "message", "busy"])
def test_errors_that_pass_are_waited_for(connect: Connect, waits: list[float], fault: str) -> None:
    box = Sandbox(customers=10)
    box.fault(fault, times=3)
    assert len(records(connect(box), "customers")) == len(box.customers)
    assert sum(waits) > 1


def test_a_circle_ends_with_a_sentence(connect: Connect) -> None:
    box = Sandbox(customers=30)
    box.fault("loop")
    for stream in ("customers", "orders"):
        with pytest.raises(SourceBroken, match="in circles"):
            records(connect(box, SmallPages), stream)


def test_calls_keep_their_distance(connect: Connect, waits: list[float]) -> None:
    """Two calls a second: the default spacing is 0.55 s, whatever is asked for."""
    box = Sandbox(customers=3)
    source = connect(box, spacing=0.55)
    records(source, "customers")
    records(source, "orders")
    assert len(waits) >= len(box.server.requests) - 1
    assert all(0 < seconds <= 0.55 for seconds in waits)


def test_too_many_calls_are_told_to_wait_and_get_there(connect: Connect) -> None:
    """A limit that is really kept: with the spacing the account asks for nobody is ever told off."""
    box = Sandbox(customers=3, limit=50)
    records(connect(box, spacing=1.1 / 50), "customers")
    assert box.server.requests


@pytest.mark.parametrize("status", [400, 402, 403, 404])
def test_statuses_are_sentences(connect: Connect, status: int) -> None:
    box = Sandbox()
    box.faults.always(str(status))
    with pytest.raises(SourceRefused) as caught:
        connect(box).check()
    assert caught.value.hint


def test_wrong_credentials(connect: Connect) -> None:
    for wrong in ({"password": "x"}, {"user": "x@y.example"}, {"api_key": "x"}):
        with pytest.raises(SourceRefused, match="credentials") as caught:
            connect(Sandbox(), **wrong).check()
        assert "API password" in str(caught.value.hint)


def test_a_stop_ends_the_waiting() -> None:
    box = Sandbox(customers=3)
    box.locked = 8
    stop = threading.Event()
    with serve(box.app) as url:
        source = BillbeeSource("bb", settings_of(url), stop=stop)
        stop.set()
        with pytest.raises(Interrupted):
            source.check()
        source.close()
