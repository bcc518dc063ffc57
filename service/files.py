"""Files that visits name: invoices and plans. What they are is told by their content, never by their name (N80)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from adapters.equipment import FileMissing
from engine.environment import Environment
from engine.errors import BadInput, Oversize
from service.views import moment
from storage import Books, KeptFile

_FILE_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file that the centre takes (002, 4.18)."""

    media_type: str
    begins: tuple[bytes, ...]  #: what its first bytes are
    extensions: tuple[str, ...]  #: the first is what the centre calls it (4.18, invoiceType)


#: 4.18: "仅支持pdf,png,img,jpg,bmp,gif类型". "img" is no format: a picture of any kind may be called that.
KINDS = (
    FileKind("application/pdf", (b"%PDF-",), ("pdf",)),
    FileKind("image/png", (b"\x89PNG\r\n\x1a\n",), ("png", "img")),
    FileKind("image/jpeg", (b"\xff\xd8\xff",), ("jpg", "jpeg", "img")),
    FileKind("image/bmp", (b"BM",), ("bmp", "img")),
    FileKind("image/gif", (b"GIF87a", b"GIF89a"), ("gif", "img")),
)
_UNTOLD = ("", "application/octet-stream", "application/x-www-form-urlencoded")
_ALIASES = {"image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp", "application/x-pdf": "application/pdf"}


def recognise(content: bytes) -> FileKind:
    """Return what ``content`` is. Raises BadInput: it is none of the kinds."""
    for kind in KINDS:
        if content.startswith(kind.begins):
            return kind
    names = ", ".join(kind.extensions[0] for kind in KINDS)
    raise BadInput(f"the content is none of {names}: export or scan it as PDF and hand that over", field="file")


def check(content: bytes, name: str, declared: str, limit: int) -> FileKind:
    """Return what ``content`` is, if it may be kept; ``declared`` is a media type, or nothing.

    Raises:
        Oversize: more than ``limit`` bytes.
        BadInput: empty, of no kind that the centre takes, or not what its name or media type says.
    """
    if not content:
        raise BadInput("the file is empty: 0 bytes came", field="file")
    if len(content) > limit:
        raise too_large(len(content), limit)
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"expected a file name of at most {_LONGEST_NAME} printable characters", field="name")
    kind = recognise(content)
    told = declared.partition(";")[0].strip().lower()
    if told not in _UNTOLD and _ALIASES.get(told, told) != kind.media_type:
        raise BadInput(f"declared as {told[:100]}, but the content is {kind.media_type}", field="content-type")
    extension = PurePosixPath(name.replace("\\", "/")).suffix.lstrip(".").lower()
    if extension and extension not in kind.extensions:
        expected = " or ".join(f".{each}" for each in kind.extensions)
        raise BadInput(f"the content is {kind.media_type}: expected a name that ends in {expected}", field="name")
    return kind


def too_large(size: int, limit: int) -> Oversize:
    """Return the error for a file of ``size`` bytes, which may be what has come so far."""
    return Oversize(f"{size} bytes or more; a file may have {limit} (VISITFLOW_FILE_MAX_BYTES)", field="file")


async def keep(
    books: Books, environment: Environment, content: bytes, name: str, declared: str, limit: int
) -> tuple[KeptFile, bool]:
    """Check a file and keep it; return what is kept, and whether it is new. Raises BadInput, Oversize, StoreError."""
    kind = check(content, name, declared, limit)
    return await books.files.add(content, kind.media_type, name, environment.now())


def checked_id(text: str) -> str:
    """Return a file id as it is kept. Raises FileMissing: it is none."""
    found = text.strip().lower()
    if not _FILE_ID.fullmatch(found):
        raise FileMissing("expected a file id: the SHA-256 of the file, 64 characters 0-9 a-f", field="file")
    return found


def file_view(kept: KeptFile) -> dict[str, Any]:
    """Return what is known of a file, as programs read it."""
    return {
        "file": kept.file_id,
        "kind": kept.kind,
        "size": kept.size,
        "name": kept.name,
        "added_at": moment(kept.added_at),
    }
