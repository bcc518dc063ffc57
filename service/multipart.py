"""The one file of a ``multipart/form-data`` body (RFC 7578). The body is in memory and bounded before it comes here."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.policy import HTTP

from engine.errors import BadInput

_MARK = b"--"


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a form."""

    name: str
    content_type: str
    content: bytes


def is_multipart(content_type: str) -> bool:
    """Tell whether a body is a form with parts."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def the_file(content_type: str, body: bytes) -> Part:
    """Return the only file in a form; other fields are passed over.

    Raises:
        BadInput: not such a body, cut off, no file, or several.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary or not boundary.isascii():
        raise BadInput("the form names no boundary", field="content-type")
    mark = _MARK + boundary.encode()
    # Every part begins after a mark on a line of its own; what stands before the first is no part.
    first, *parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if first.strip() or not parts or not parts[-1].startswith(_MARK):
        raise BadInput("the form is cut off or has another boundary", field="body")
    files = [found for part in parts[:-1] if (found := _part(part)) is not None]
    if len(files) != 1:
        raise BadInput(f"expected one part with a filename, got {len(files)}", field="file")
    return files[0]


def _part(raw: bytes) -> Part | None:
    """Return a part that is a file. The rest of the mark's line may be blanks (RFC 2046)."""
    _, line_end, rest = raw.partition(b"\r\n")
    head, blank, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not line_end or not blank:
        raise BadInput("a part of the form has no end of its headers", field="body")
    headers = HeaderParser(policy=HTTP).parsestr(head.decode("utf-8", "replace").lstrip("\r\n"))
    name = headers.get_filename()
    return None if name is None else Part(name, str(headers.get("content-type", "")), content)
