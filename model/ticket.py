"""What a citizen sends: one ticket, as the ticket system hands it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Location:
    """Where the matter is, as far as the channel already knows. Longitude and latitude in degrees (WGS 84)."""

    address: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    longitude: float | None = None
    latitude: float | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request. Only ``content`` is required; ``created_at`` carries its time zone when given."""

    content: str
    ticket_id: str = ""
    title: str = ""
    channel: str = ""
    created_at: datetime | None = None
    location: Location = field(default_factory=Location)
    reporter_hash: str = ""
    anonymous: bool = False
