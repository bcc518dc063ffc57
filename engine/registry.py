"""The flow versions of this process: the current one for new visits, older ones for those that began on them (G7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.environment import Environment
from engine.errors import FlowUnavailable, UnknownFlow
from engine.gate import Priority
from engine.machine import Flow
from engine.store import FlowRecord, Store


class Registry:
    """Compiled flows, each version once. Older versions are read back from the store when a visit needs them."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        environment: Environment,
        priorities: Mapping[str, Mapping[str, Priority]] | None = None,
    ) -> None:
        """Begin empty; :meth:`load` brings the flows that are on. ``priorities`` are a site's, by flow and trigger."""
        self._priorities = priorities or {}
        self._store = store
        self._catalogue = catalogue
        self._environment = environment
        self._versions: dict[str, Flow] = {}
        self._current: dict[str, Flow] = {}

    async def load(self, definitions: Iterable[FlowDefinition]) -> None:
        """Compile the flows that are on and keep their definitions in the store, before any visit uses them.

        Raises:
            FlowUnavailable: a name in a flow stands for nothing that is installed.
        """
        for definition in definitions:
            flow = self._compiled(definition)
            await self._store.save_flow(
                FlowRecord(
                    version=flow.version,
                    flow=flow.name,
                    number=definition.version,
                    definition=definition.canonical(),
                    first_seen=self._environment.now(),
                )
            )
            self._versions[flow.version] = self._current[flow.name] = flow

    @property
    def names(self) -> list[str]:
        """Return the names of the flows that are on."""
        return sorted(self._current)

    def current(self, name: str) -> Flow:
        """Return the version that new visits begin on. Raises UnknownFlow."""
        try:
            return self._current[name]
        except KeyError:
            known = ", ".join(self.names) or "none"
            raise UnknownFlow(f"no flow is called {name}; flows that are on: {known}", field="flow") from None

    async def version(self, version: str) -> Flow:
        """Return one version by its content hash. Raises FlowUnavailable."""
        if (flow := self._versions.get(version)) is not None:
            return flow
        record = await self._store.flow(version)
        if record is None:
            raise FlowUnavailable(f"flow version {version} is not in the store")
        try:
            flow = self._compiled(FlowDefinition.model_validate_json(record.definition))
        except ValueError as error:
            raise FlowUnavailable(
                f"{record.flow} v{record.number} ({version}) cannot be read any more: {error}"
            ) from error
        if flow.version != version:
            # The models have gained a default since: the definition is the same, its text is not. Keep its old name.
            flow.version = version
        self._versions[version] = flow
        return flow

    def _compiled(self, definition: FlowDefinition) -> Flow:
        return Flow(definition, self._catalogue, self._priorities.get(definition.flow))
