"""Who is meant by a method's name: the document's names, and the site's for interfaces that have none (P1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.platform.calling import HOSPITAL_METHODS, Method


class UnknownOperation(ValueError):
    """The site names an operation that the hospital does not serve."""


@dataclass(frozen=True, slots=True)
class Methods:
    """Every method of the hospital, by name in any letter case."""

    by_name: Mapping[str, Method]

    @classmethod
    def of(cls, names: Mapping[str, str]) -> Methods:
        """Make the list; ``names`` says other names by operation, which stand beside the document's.

        Raises:
            UnknownOperation: ``names`` speaks of an operation that there is not, or gives a name twice.
        """
        found = {str(each.name).casefold(): each for each in HOSPITAL_METHODS.values()}
        for operation, name in names.items():
            if operation not in HOSPITAL_METHODS:
                raise UnknownOperation(f"{operation} is no interface of the hospital")
            if found.get(name.casefold(), HOSPITAL_METHODS[operation]).operation != operation:
                raise UnknownOperation(f"{name} is the name of another interface")
            found[name.casefold()] = HOSPITAL_METHODS[operation]
        return cls(found)

    def find(self, name: str) -> Method | None:
        """Return what ``name`` stands for."""
        return self.by_name.get(name.strip().casefold())
