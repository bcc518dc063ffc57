"""Forms of the console: read once, never more than allowed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

from engine.errors import BadInput, Oversize

TYPE = "application/x-www-form-urlencoded"
_MOST_BYTES, _MOST_FIELDS = 256_000, 500


def is_form(request: Request) -> bool:
    """Tell whether a request brings a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == TYPE


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last of a name; of what is no form, nothing. Raises BadInput, Oversize."""
    if not is_form(request):
        return {}
    found: dict[str, str] | None = getattr(request.state, "form", None)
    if found is None:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise Oversize(f"more than {_MOST_BYTES} bytes, which a form may hold", field="body")
        try:
            fields = (
                parse_qsl(
                    body.decode(),
                    keep_blank_values=True,
                    errors="strict",
                    max_num_fields=_MOST_FIELDS,
                    strict_parsing=True,
                )
                if body
                else []
            )
        except ValueError:
            raise BadInput("the body is not a form", field="body") from None
        found = dict(fields)
        request.state.form = found
    return found


def short(form: dict[str, str], name: str, longest: int) -> str:
    """Return a field, empty where it is missing. Raises BadInput where it is too long."""
    text = form.get(name, "")
    if len(text) > longest:
        raise BadInput(f"at most {longest} characters", field=name)
    return text
