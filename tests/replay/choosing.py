"""Which stories of a flow are kept: as few and as short as show everything."""

from __future__ import annotations

from collections.abc import Iterable

from engine.definitions import FlowDefinition
from tests.replay.features import Feature, engine_features, flow_features
from tests.replay.files import Recording, text_of
from tests.replay.flows import compiled
from tests.replay.scripts import scripts
from tests.replay.stage import NeverEnds, TooLong, play

#: Of toys it is only of interest what they make the engine do.
TOY = "toy."

Played = tuple[Recording, dict[str, str]]


def features(recording: Recording) -> set[Feature]:
    """Return all that a recording shows."""
    found = engine_features(recording)
    return found if recording.flow.startswith(TOY) else found | flow_features(recording)


async def everything(definition: FlowDefinition, release: str) -> dict[str, Played]:
    """Play every generic story of a flow, by name; stories that do not fit the flow are left out."""
    flow = compiled(definition, definition.content_hash(), model=True)
    played: dict[str, Played] = {}
    for script in scripts(flow):
        try:
            played[script.name] = await play(definition, script, release)
        except (NeverEnds, TooLong):  # for instance to cancel what the flow cannot undo
            continue
    return played


def chosen(played: dict[str, Played], known: Iterable[Feature]) -> dict[str, Played]:
    """Return stories that between them show whatever ``played`` shows and ``known`` does not; cheap ones first."""
    shown = {name: features(recording) for name, (recording, _) in played.items()}
    sizes = {name: len(text_of(recording)) for name, (recording, _) in played.items()}
    missing = set[Feature]().union(*shown.values()) - set(known)
    found: dict[str, Played] = {}
    while missing:
        best = max(sorted(shown), key=lambda name: len(shown[name] & missing) / sizes[name])
        missing -= shown[best]
        found[best] = played[best]
    return needed(found, shown, set(known))


def needed(found: dict[str, Played], shown: dict[str, set[Feature]], known: set[Feature]) -> dict[str, Played]:
    """Leave out stories that later ones made superfluous."""
    kept = dict(found)
    for name in found:
        others = set[Feature]().union(known, *(shown[other] for other in kept if other != name))
        if shown[name] <= others:
            del kept[name]
    return kept
