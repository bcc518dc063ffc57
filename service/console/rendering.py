"""Pages from templates: language, words, who looks, and the headers that keep a page to itself."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.definitions import Text
from engine.environment import SECOND, Micros
from engine.tables import table
from service.access.principal import Principal
from service.words import Topic, word

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "visitflow_language"
LANGUAGES = ("zh", "en")
#: Where the top of each page leads: words, address, and the permission without which nobody is led there.
NAVIGATION = (
    ("nav_board", "/console", "visits.read"),
    ("nav_visits", "/console/visits", "visits.read"),
    ("nav_batches", "/console/batches", "batches.read"),
    ("nav_flows", "/console/flows", "visits.read"),
    ("nav_schedules", "/console/schedules", "visits.read"),
    ("nav_peers", "/console/peers", "visits.read"),
    ("nav_history", "/console/history", "history.read"),
)
#: Nothing from outside, nothing inline, no frames; a page of ours may name us as referrer only to ourselves.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Vary": "Cookie",
}


@cache
def _words() -> Mapping[str, tuple[str, str]]:
    raw = table(__file__, "words.yaml")
    return {key: (zh, en) for key, (zh, en) in raw.items()}


def say(language: str, key: str, /, **values: object) -> str:
    """Return the console's words for ``key``. Raises KeyError: a page must not name words that are not there."""
    chinese, english = _words()[key]
    text = english if language == "en" else chinese
    return text.format(**values) if values else text


def titled(text: Text, language: str, fallback: str) -> str:
    """Return a definition's title in a language, or what it is called there."""
    return " ".join((text.en if language == "en" else text.zh).split()) or fallback


def clock(at: Micros | None, form: str = "%m-%d %H:%M:%S") -> str:
    """Return a moment in the local zone, as pages show it."""
    if at is None:
        return "–"
    return datetime.datetime.fromtimestamp(at / SECOND, datetime.UTC).astimezone().strftime(form)


@cache
def assets() -> Mapping[str, tuple[bytes, str]]:
    """Return the static files by name, with their digests: all there is, so no path leads anywhere else."""
    files = {each.name: each.read_bytes() for each in sorted(STATIC.iterdir()) if each.is_file()}
    return {name: (body, hashlib.sha256(body).hexdigest()[:12]) for name, body in files.items()}


def asset(name: str) -> str:
    """Return the address of a static file; it changes with its contents."""
    return f"/console/static/{name}?v={assets()[name][1]}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"asset": asset, "clock": clock, "Topic": Topic, "NAVIGATION": NAVIGATION}
    return made


def language_of(request: Request) -> str:
    """Return the language that a browser has chosen, or the installation's."""
    told = request.cookies.get(LANGUAGE_COOKIE, "")
    default: str = request.app.state.desk.application.settings.language
    return told if told in LANGUAGES else default


def page(
    request: Request, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """Return a page or a part of one."""
    language = language_of(request)
    caller: Principal | None = getattr(request.state, "principal", None)
    known = caller if caller is not None and caller.role else None

    def t(key: str, /, **values: object) -> str:
        return say(language, key, **values)

    def w(topic: Topic, code: str) -> str:
        return word(topic, code, language)

    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    text = (
        _templates()
        .get_template(template)
        .render(language=language, t=t, w=w, person=known, here=here, path=request.url.path, **context)
    )
    return HTMLResponse(text, status_code=status, headers={**HEADERS, **(headers or {})})
