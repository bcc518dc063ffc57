"""Raw exchanges with peers: listed, shown masked, and shown as they are to who may and says why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from engine.store import ExchangeRecord
from service.api.bodies import Reasoned, documented
from service.api.desk import Desk, caller_of, desk_of, read
from service.errors import UnknownThing
from service.masking import masked_text
from service.shapes import Exchange
from service.views import exchange_view

router = APIRouter(prefix="/api/v1/visits/{visit}/exchanges", tags=["exchanges"])


async def find(desk: Desk, visit: str, exchange: str) -> ExchangeRecord:
    """Return an exchange of a visit. Raises UnknownVisit, UnknownThing."""
    await desk.store.get(visit)
    for record in await desk.store.exchanges(visit):
        if record.exchange_id == exchange:
            return record
    raise UnknownThing(f"the visit has no exchange {exchange[:40]}", field="exchange")


@router.get("", responses={200: {"model": list[Exchange]}})
async def list_exchanges(request: Request, visit: str) -> list[dict[str, Any]]:
    """List a visit's exchanges, without their contents."""
    store = desk_of(request).store
    await store.get(visit)
    return [exchange_view(record, raw=False) for record in await store.exchanges(visit)]


@router.get("/{exchange}", responses={200: {"model": Exchange}})
async def show_exchange(request: Request, visit: str, exchange: str) -> dict[str, Any]:
    """Show an exchange, masked: what may say who somebody is, is replaced by its length."""
    record = await find(desk_of(request), visit, exchange)
    reply = None if record.reply is None else masked_text(record.reply)
    return exchange_view(record, raw=False) | {"request": masked_text(record.request), "reply": reply}


@router.post("/{exchange}/unmask", openapi_extra=documented(Reasoned), responses={200: {"model": Exchange}})
async def unmask(request: Request, visit: str, exchange: str) -> dict[str, Any]:
    """Show an exchange as it went over the wire. That somebody looked, and why, is durable before it is shown."""
    body, desk = await read(request, Reasoned), desk_of(request)
    record = await find(desk, visit, exchange)
    await desk.audit.by(caller_of(request), "unmask", f"{visit}/{exchange}", body.reason, told=body.by)
    return exchange_view(record, raw=True)
