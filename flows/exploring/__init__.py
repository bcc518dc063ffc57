"""Exhausting a flow (G11): every state, step, undo, answer of the peer, crash and action of a person, by the engine."""

from flows.exploring.model import Bounds
from flows.exploring.search import CounterExample, Exploration, explore

__all__ = ["Bounds", "CounterExample", "Exploration", "explore"]
