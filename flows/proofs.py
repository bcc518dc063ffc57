"""Which flows have been explored and found sound: the shipped ones by a list that the tests renew, others when loaded.

A proof is kept under the hash of what was explored: the definition without words, durations and larger counters.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.errors import InvalidFlow
from flows.exploring import Bounds, Exploration, explore
from flows.exploring.model import cut
from flows.source import read_yaml

SHIPPED = Path(__file__).parent / "proven.yaml"


class Proof(BaseModel):
    """One line of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: str
    situations: int


def proof_key(definition: FlowDefinition) -> str:
    """Return the name of the proof that covers a definition."""
    return cut(definition, Bounds()).content_hash()


def shipped_proofs(path: Path = SHIPPED) -> dict[str, Proof]:
    """Return the proofs that came with this release."""
    found = read_yaml(path, path.name).data or {}
    return {str(key): Proof.model_validate(value) for key, value in found.items()}


async def prove(definition: FlowDefinition, catalogue: Catalogue) -> Exploration | None:
    """Explore a definition unless a shipped proof covers it (then None).

    Raises:
        InvalidFlow: a guarantee does not hold; the message is the shortest counter-example.
    """
    if proof_key(definition) in shipped_proofs():
        return None
    found = await explore(definition, catalogue)
    if found.counter_example is not None:
        raise InvalidFlow("\n".join(story_lines(found)), field="flow")
    return found


def story_lines(found: Exploration) -> list[str]:
    """Return a counter-example as a person reads it, one line a step."""
    example = found.counter_example
    if example is None:
        return []
    lines = [f"{found.flow}: {example.guarantee} does not hold: {example.what}", "how it comes to that:"]
    lines += [f"{number:3}. {told.what}  →  {told.then}" for number, told in enumerate(example.story, 1)]
    return lines
