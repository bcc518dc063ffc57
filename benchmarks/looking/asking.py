"""A supervisor who reads pages one after another, signed in as a browser would be; nothing is kept."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from benchmarks.looking.filling import Hospital

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Look:
    """One page to read: which kind it is, and the form that is posted for it."""

    kind: str
    address: str
    form: dict[str, str] | None = None


def looks(hospital: Hospital) -> Iterator[Look]:
    """Return what is read, without end: each kind of page in turn, over different visits."""
    flow, whole = hospital.flow, itertools.cycle(hospital.whole)
    troubled, keys = itertools.cycle(hospital.troubled), itertools.cycle(hospital.keys)
    while True:
        yield Look("board", "/console")
        yield Look("list of all", "/console/visits")
        yield Look("list of all, further down", f"/console/visits?before={next(whole)}")
        yield Look("list of one flow", f"/console/visits?flow={flow}")
        yield Look("list of one flow and state", f"/console/visits?flow={flow}&state=settled")
        yield Look("list of one flow and a state of closed ones", f"/console/visits?flow={flow}&state=discharged")
        yield Look("list of what waits", "/console/visits?status=waiting")
        yield Look("list of what is closed", f"/console/visits?flow={flow}&status=closed")
        yield Look("search by the HIS's number", "/console/visits", {"number": next(keys)})
        yield Look("search by identity number", "/console/visits", {"number": hospital.patient})
        yield Look("search for nothing there is", "/console/visits", {"number": "nowhere"})
        yield Look("visit, closed", f"/console/visits/{next(whole)}")
        yield Look("visit, in trouble", f"/console/visits/{next(troubled)}")
        yield Look("flows", "/console/flows")
        yield Look("one flow", f"/console/flows/{flow}")
        yield Look("peers", "/console/peers")


def read(base: str, hospital: Hospital, name: str, password: str, rounds: int) -> dict[str, list[float]]:
    """Read every kind of page so many times; return the milliseconds of each, a search with the page it leads to.

    Raises RuntimeError where a page is not what was asked for.
    """
    kinds = len({each.kind for each in itertools.islice(looks(hospital), 100)})
    taken: dict[str, list[float]] = {}
    with httpx.Client(base_url=base, trust_env=False, timeout=60, follow_redirects=True) as client:
        csrf = _signed_in(client, name, password)
        for look in itertools.islice(looks(hospital), kinds * rounds):
            began = time.perf_counter()
            if look.form is None:
                answer = client.get(look.address)
            else:
                answer = client.post(look.address, data=look.form | {"csrf": csrf}, headers={"Origin": base})
            taken.setdefault(look.kind, []).append(1000 * (time.perf_counter() - began))
            if answer.status_code != 200 or "<h1>" not in answer.text:
                raise RuntimeError(f"{look}: {answer.status_code} {answer.text[:500]}")
    return taken


def _signed_in(client: httpx.Client, name: str, password: str) -> str:
    """Sign in and return the session's token for forms."""
    form = {"name": name, "password": password, "next": "/console/visits"}
    answer = client.post("/console/login", data=form, headers={"Origin": str(client.base_url).rstrip("/")})
    found = _CSRF.search(answer.text)
    if found is None:
        raise RuntimeError(f"nobody was let in: {answer.status_code} {answer.text[:500]}")
    return found[1]
