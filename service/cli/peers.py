"""``visitflow peers``: which peers are called, which are left alone, and a person's word over it."""

from __future__ import annotations

from typing import Annotated

import typer

from service.application import Application
from service.audit import Audit
from service.cli.console import By, Json, Reason, language, out, print_json, table
from service.cli.users import with_application
from service.limiting.standing import PeerStanding, decide, peer_standings
from service.views import moment, peer_view
from service.words import Topic, word

app = typer.Typer(no_args_is_help=True, help="Peers: called, left alone, stopped. 对方系统。")

Peer = Annotated[str, typer.Argument(help="The adapter's name in flows.yaml.")]


@app.command("list")
def list_peers(json: Json = False) -> None:
    """List peers as the running services see them. Example: `visitflow peers list`"""
    found: list[PeerStanding] = with_application(peer_standings)
    if json:
        print_json([peer_view(each) for each in found])
        return
    names = ("peer", "status", "since", "until", "waiting", "limits", "reason")
    rows = [
        (
            each.peer,
            word(Topic.PEER, each.state, language()),
            (moment(each.since) or "")[:19],
            (moment(each.until) or "")[:19],
            str(each.paused_visits),
            " ".join(
                [f"{each.concurrent}"] * (each.concurrent is not None) + [f"{each.rate:g}/s"] * (each.rate is not None)
            ),
            "" if each.hold is None else f"{each.hold.by}: {each.hold.reason}",
        )
        for each in found
    ]
    table(names, rows)


@app.command()
def hold(peer: Peer, reason: Reason, by: By) -> None:
    """Stop calling a peer in all processes; visits wait. Example: `visitflow peers hold his --by wang -r "update"`"""
    _decide(peer, reason, by, held=True)


@app.command()
def release(peer: Peer, reason: Reason, by: By) -> None:
    """Call a peer again; visits that wait for it are called back."""
    _decide(peer, reason, by, held=False)


def _decide(peer: str, reason: str, by: str, *, held: bool) -> None:
    async def work(wired: Application) -> None:
        await decide(wired, peer, held, by, reason)
        audit = Audit(wired.registers.audit, wired.environment)
        await audit.note("hold_peer" if held else "release_peer", peer, actor=by, reason=reason, origin="cli")

    with_application(work)
    out.print(f"{peer} {word(Topic.PEER, 'held' if held else 'closed', language())}", markup=False)
