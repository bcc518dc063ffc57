"""Files in calls: requests name them by id; their bytes come from the shelf (002, 4.13, 4.18, 4.26)."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from typing import Any

from adapters.equipment import FileMissing, FileShelf
from adapters.neimenggu.wire import Upload
from engine.outcomes import Category, NotSent, Refused

#: Lists whose rows carry a file in ``body``: local and offsite discharge.
_LISTS = ("km12", "bskm12")
_BODY = "body"


class Attachments:
    """Fetches files. Without a shelf, a call that names a file is not sent."""

    def __init__(self) -> None:
        """Have no shelf yet."""
        self._shelf: FileShelf | None = None

    def equip(self, shelf: FileShelf) -> None:
        """Take the shelf."""
        self._shelf = shelf

    async def enclose(self, body: Any) -> Any:
        """Return ``body`` with Base64 in the place of file ids; its other members are the same objects.

        Raises what :meth:`fetch` raises.
        """
        if not isinstance(body, Mapping):
            return body
        found = dict(body)
        for name, value in body.items():
            if name in _LISTS and isinstance(value, list):
                found[name] = [await self._enclosed(row) for row in value]
            else:
                found[name] = await self.enclose(value)
        return found

    async def upload(self, fields: Mapping[str, Any]) -> Upload:
        """Return the file of a form (4.18). Raises what :meth:`fetch` raises."""
        file_id, ending = str(fields["file"]), str(fields["invoiceType"])
        kind = mimetypes.types_map.get(f".{ending}", "application/octet-stream")
        return Upload(f"{file_id[:16]}.{ending}", await self.fetch(file_id), kind)

    async def fetch(self, file_id: str) -> bytes:
        """Return a file's bytes. Raises FileMissing, or StoreError when the shelf does not answer."""
        if self._shelf is None:
            raise FileMissing("the adapter was given no shelf of files")
        return await self._shelf.read(file_id)

    async def _enclosed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        file_id = row.get(_BODY)
        return {**row, _BODY: url_safe(await self.fetch(str(file_id)))} if file_id else dict(row)


def url_safe(content: bytes) -> str:
    """Return Base64 with + as - and / as _ (002, 4.13); the padding stays, the document does not take it away."""
    return base64.urlsafe_b64encode(content).decode("ascii")


def unavailable(error: Exception) -> Refused | NotSent:
    """Return what a file that cannot be had makes of the call; nothing was sent."""
    if isinstance(error, FileMissing):
        return Refused("file", f"文件不存在 {error.message}", Category.DATA)
    return NotSent(f"the file could not be read: {type(error).__name__}")
