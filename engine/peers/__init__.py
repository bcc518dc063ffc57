"""Limits and pauses of peers: how many calls at once and a second, and what happens while a peer does not answer.

``settings`` says what may be declared, ``breaker`` when a peer is left alone, ``turnstile`` who goes next, ``sharing``
how the processes on one store divide a limit, ``board`` what they tell each other, ``peers`` puts it together as the
gate.
"""

from __future__ import annotations

from engine.peers.board import Board, Hold, PeerRow
from engine.peers.peers import Peer, Peers, Standing
from engine.peers.settings import BreakerSettings, Limits, PeerLimits, Weights

__all__ = [
    "Board",
    "BreakerSettings",
    "Hold",
    "Limits",
    "Peer",
    "PeerLimits",
    "PeerRow",
    "Peers",
    "Standing",
    "Weights",
]
