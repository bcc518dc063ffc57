"""The one table of who may what: ``matrix.yaml``, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from engine.tables import table

ANYONE: Final = "anyone"  #: without signing in
KNOWN: Final = "known"  #: anybody who has signed in


class MatrixError(Exception):
    """The table contradicts itself, or a route is missing in it."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Roles, permissions with the roles that have them, routes (``GET /path``) with the permission they need."""

    roles: tuple[str, ...]
    permissions: Mapping[str, frozenset[str]]
    routes: Mapping[str, str]

    def needed(self, method: str, path: str) -> str:
        """Return what a route needs. Raises MatrixError for a route without an entry."""
        try:
            return self.routes[f"{'GET' if method == 'HEAD' else method} {path}"]
        except KeyError:
            raise MatrixError(f"{method} {path} has no entry in service/access/matrix.yaml") from None

    def may(self, role: str, permission: str) -> bool:
        """Tell whether a role has a permission; nobody has one that does not exist."""
        return role in self.permissions.get(permission, ())


@cache
def matrix() -> Matrix:
    """Return the table. Raises MatrixError."""
    raw = table(__file__, "matrix.yaml")
    found = Matrix(
        tuple(raw["roles"]),
        {name: frozenset(roles) for name, roles in raw["permissions"].items()},
        dict(raw["routes"]),
    )
    for name, roles in found.permissions.items():
        if strangers := roles - set(found.roles):
            raise MatrixError(f"permission {name} is given to roles that do not exist: {', '.join(sorted(strangers))}")
    for route, permission in found.routes.items():
        if permission not in found.permissions and permission not in (ANYONE, KNOWN):
            raise MatrixError(f"{route} needs {permission}, which does not exist")
    return found
