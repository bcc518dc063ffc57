"""How a request stands in HTTP: where `message` is, and the form of 4.18. N40."""

from __future__ import annotations

import email.parser
import email.policy
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from simulators.common.http import Request


@dataclass(frozen=True)
class Form:
    """The form of 4.18."""

    members: dict[str, str] = field(default_factory=dict)
    file: bytes | None = None


def message(request: Request, carrier: str) -> str:
    """Return the text of `message`, empty when it is not where ``carrier`` says (``any``: wherever it is)."""
    places = {"query": _query, "form": _form, "json": _json, "raw": _raw}
    for name, place in places.items():
        if carrier in ("any", name) and (found := place(request)):
            return found
    return ""


def _query(request: Request) -> str:
    return request.target[1].get("message", "")


def _form(request: Request) -> str:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return form(request).members.get("message", "")
    if not kind.startswith("application/x-www-form-urlencoded"):
        return ""
    return dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)).get("message", "")


def _json(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return ""
    try:
        body = json.loads(request.body)
    except ValueError:
        return ""
    found = body.get("message") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""


def _raw(request: Request) -> str:
    if request.headers.get("content-type", "text/plain").startswith(("application/x-www", "application/json", "multi")):
        return ""
    return request.body.decode("utf-8", "replace").strip()


def form(request: Request) -> Form:
    """Return a multipart form; what is none has no members."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return Form()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    parsed = parser.parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + request.body)
    members, file = {}, None
    for part in parsed.iter_parts() if parsed.is_multipart() else ():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if name == "file":
            file = content
        else:
            members[name] = content.decode("utf-8", "replace")
    return Form(members, file)
