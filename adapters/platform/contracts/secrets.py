"""Which values of a request or a reply point to a person, and so must not stand in logs and reasons (G10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.platform.contracts.members import spread
from adapters.platform.contracts.model import Field, Type
from adapters.platform.contracts.values import blank


def secrets_of(contract: Field, body: Any) -> Iterator[str]:
    """Return what ``adapters.discretion.discreet`` has to take out of words about ``body``: names, numbers, addresses.

    ``contract`` is an interface's ``request``, or a reply's ``data``. Works on what came as on what was read. Never
    raises; members that the contract does not know are not looked at.
    """
    for each in body if isinstance(body, list) else [body]:
        if not isinstance(each, Mapping):
            continue
        known, _ = spread(each, contract.fields)
        for name, value in known.items():
            member = contract.fields[name]
            if member.compound:
                yield from secrets_of(member, value)
            elif member.type is Type.PERSONAL and isinstance(value, str | int) and not blank(value):
                yield str(value)
