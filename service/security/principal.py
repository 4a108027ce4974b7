"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.security.roles import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key: the key's id, the name it was given, its role."""

    key_id: str
    name: str
    role: Role


DEVELOPER: Final = Principal(key_id="dev", name="dev", role=Role.ADMIN)
"""Everyone who reaches a service that runs with ``--dev``."""
