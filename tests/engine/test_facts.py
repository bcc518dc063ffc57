"""Patches of a visit's data: RFC 7396, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.facts import merged, patch_between

#: Documents without null: in a merge patch null means "take away", so no document can hold it.
DOCUMENTS: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers(0, 2) | st.text(max_size=1) | st.lists(st.integers(0, 2), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


@pytest.mark.parametrize(  # the appendix of RFC 7396, as far as both sides are objects
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": 1}, {"a": 1}, {"e": 1, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_leads_there_and_its_opposite_back(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, patch_between(old, new)) == new
    assert merged(new, patch_between(new, old)) == old


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_that_was_handed_over_is_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr(old), repr(new)
    result = merged(merged(old, new), {"a": {"b": 1}})
    result.setdefault("a", {})["z"] = 1
    assert (repr(old), repr(new)) == before


def test_a_patch_between_the_same_is_empty() -> None:
    assert patch_between({"a": {"b": [1]}}, {"a": {"b": [1]}}) == {}
