"""Whatever comes over the wire, reading it never raises; and what is taken can be sent on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.platform.contracts import INTERFACES, Answer, Misfit, dumps, read_reply, validate_request
from adapters.platform.contracts.model import Interface
from tests.adapters.platform import samples

INTERFACE = st.sampled_from(list(INTERFACES.values()))
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=20)
NAMES = st.sampled_from(["success", "code", "msg", "data", "message", "status", "hospitalId", " data "]) | st.text(
    max_size=5
)
ANYTHING = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def _bent(body: Any, change: Any) -> Any:
    """Return ``body`` with some members replaced, doubled in another case or left out."""
    if isinstance(body, dict):
        return {name: _bent(each, change) for name, each in body.items() if change() != 1}
    if isinstance(body, list):
        return [_bent(each, change) for each in body] * (2 if change() == 2 else 1)
    return change.anything() if change() == 3 else body


class _Change:
    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def __call__(self) -> int:
        return self.data.draw(st.integers(0, 12))

    def anything(self) -> Any:
        return self.data.draw(ANYTHING)


@given(interface=INTERFACE, body=ANYTHING)
def test_any_request_is_answered(interface: Interface, body: Any) -> None:
    _look(interface, body)


@given(interface=INTERFACE, data=st.data())
@settings(max_examples=200)
def test_any_request_that_nearly_fits_is_answered(interface: Interface, data: st.DataObject) -> None:
    _look(interface, _bent(samples.request(interface, full=True), _Change(data)))


def _look(interface: Interface, body: Any) -> None:
    checked = validate_request(interface, body)
    if isinstance(checked, Misfit):
        assert checked.problems
        assert {each.code for each in checked.problems} <= {"20001", "20002", "20003", "20004"}
        assert checked.message
    else:
        assert isinstance(checked, dict | list)


@given(interface=INTERFACE, body=ANYTHING)
def test_any_reply_is_read(interface: Interface, body: Any) -> None:
    assert isinstance(read_reply(interface, body), Answer)


@given(interface=INTERFACE, data=st.data())
@settings(max_examples=200)
def test_any_reply_that_nearly_fits_is_read(interface: Interface, data: st.DataObject) -> None:
    for name, reply in interface.replies.items():
        body = {"success": True, "code": "10001", "msg": "", "data": None}
        if reply.data is not None:
            body["data"] = samples.value(reply.data, full=True)
        assert isinstance(read_reply(interface, _bent(body, _Change(data)), name), Answer)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_is_written(value: Any) -> None:
    assert dumps(value)
