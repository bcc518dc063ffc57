"""Peers: how each stands, and a person's word over it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from service.api.bodies import Reasoned, documented
from service.api.desk import caller_of, desk_of, read
from service.limiting.standing import decide, peer_standings
from service.shapes import PeerLine
from service.views import peer_view

router = APIRouter(prefix="/api/v1", tags=["peers"])


@router.get("/peers", responses={200: {"model": list[PeerLine]}})
async def list_peers(request: Request) -> list[dict[str, Any]]:
    """List peers: called, left alone or stopped, since when, and what waits for them."""
    return [peer_view(each) for each in await peer_standings(desk_of(request).application)]


@router.post("/peers/{peer}/hold", openapi_extra=documented(Reasoned), responses={200: {"model": list[PeerLine]}})
async def hold(request: Request, peer: str) -> list[dict[str, Any]]:
    """Stop calling a peer, in all processes, until somebody lets it go; visits wait in their rows."""
    return await _decided(request, peer, held=True)


@router.post("/peers/{peer}/release", openapi_extra=documented(Reasoned), responses={200: {"model": list[PeerLine]}})
async def release(request: Request, peer: str) -> list[dict[str, Any]]:
    """Call a peer again, whoever or whatever stopped it; visits that wait for it are called back."""
    return await _decided(request, peer, held=False)


async def _decided(request: Request, peer: str, *, held: bool) -> list[dict[str, Any]]:
    body, desk, caller = await read(request, Reasoned), desk_of(request), caller_of(request)
    application = desk.application
    await decide(application, peer, held, caller.acting_for(body.by) or "open", body.reason)
    await desk.audit.by(caller, "hold_peer" if held else "release_peer", peer, body.reason, told=body.by)
    return [peer_view(each) for each in await peer_standings(application) if each.peer == peer]
