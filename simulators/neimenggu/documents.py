"""Invoices and other material: what a file is, which invoice numbers are used, what they sum up to. N53."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from decimal import Decimal

from simulators.neimenggu.centre import Centre, Document
from simulators.neimenggu.ledger import Invoice, Stay

#: What 4.18 and 350029 list.
KINDS = ("pdf", "png", "img", "jpg", "bmp", "gif")
INVOICE = "01"  #: FILETYPE
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)
_MAGIC = {b"%PDF-": "pdf", b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"BM": "bmp", b"GIF8": "gif"}


def document(content: bytes) -> Document:
    """Return what a file is; a kind that nobody knows is ``img``."""
    kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), "img")
    return Document(hashlib.sha256(content).hexdigest(), len(content), kind)


def decoded(body: str) -> bytes | None:
    """Return URL-safe base64 as bytes; ``+`` and ``/`` are not of it."""
    if not _URL_SAFE.fullmatch(body):
        return None
    try:
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4) if "=" not in body else body)
    except (binascii.Error, ValueError):
        return None


def money(invoices: list[Invoice]) -> Decimal:
    """Return what the invoices among the material sum up to."""
    return sum((each.money for each in invoices if each.filetype == INVOICE), Decimal(0))


def attach(centre: Centre, stay: Stay, invoices: list[Invoice]) -> None:
    """Give material to a stay; the numbers are used from now on."""
    stay.invoices.extend(invoices)
    centre.ledger.invoices.update({each.number: stay.number for each in invoices})


def detach(centre: Centre, stay: Stay) -> None:
    """What an undo of leaving does to the material (switch ``invoices_after_undo``)."""
    wanted = centre.switches.invoices_after_undo
    if wanted == "kept":
        return
    if wanted == "released":
        for each in stay.invoices:
            centre.ledger.invoices.pop(each.number, None)
    stay.invoices.clear()
