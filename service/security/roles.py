"""The roles and, in one table, what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What the holder of a key is to the service."""

    CALLER = "caller"
    """The ticket system: asks, stores, reports outcomes."""
    REVIEWER = "reviewer"
    """A person at the audit desk."""
    DATA_SCIENTIST = "data_scientist"
    """Tries bundles, reads what came of predictions."""
    ADMIN = "admin"
    """May do everything: keys, promotions, webhooks."""


Allowed = frozenset[Role]

_ALL: Final[Allowed] = frozenset(Role)
_CALLER: Final[Allowed] = frozenset({Role.CALLER, Role.ADMIN})
_DESK: Final[Allowed] = frozenset({Role.REVIEWER, Role.ADMIN})
_CALLER_OR_DESK: Final[Allowed] = _CALLER | _DESK
_SCIENCE: Final[Allowed] = frozenset({Role.DATA_SCIENTIST, Role.ADMIN})
_READING: Final[Allowed] = _DESK | _SCIENCE
_ADMIN: Final[Allowed] = frozenset({Role.ADMIN})

OPEN: Final = frozenset({"live", "ready", "home", "contract", "page", "part"})
"""Operations that need no key: health; the page's own files and the contract, which hold no data."""

ADMIT_THEMSELVES: Final = frozenset({"open311_create"})
"""Operations whose key may stand in the body: they ask the gate themselves."""

PERMISSIONS: Final[Mapping[str, Allowed]] = {
    # asking
    "predict": _ALL,
    "get_taxonomy": _ALL,
    # tickets
    "store_ticket": _CALLER,
    "list_tickets": _ALL,
    "get_ticket": _ALL,
    "record_outcome": _CALLER_OR_DESK,
    "review_ticket": _DESK,
    "list_reviews": _READING,
    "list_clusters": _ALL,
    "get_cluster": _ALL,
    "hot_topics": _ALL,
    "list_taxonomies": _ALL,
    "put_department": _ADMIN,
    "retire_department": _ADMIN,
    # bundles
    "list_bundles": _READING,
    "compare_bundles": _READING,
    "shadow_bundle": _SCIENCE,
    "end_shadow": _SCIENCE,
    "promote_bundle": _ADMIN,
    "roll_back_bundle": _ADMIN,
    # keys
    "list_keys": _ADMIN,
    "create_key": _ADMIN,
    "revoke_key": _ADMIN,
    # many at once
    "store_tickets": _CALLER,
    "create_job": _CALLER | _SCIENCE,
    "list_jobs": _CALLER | _SCIENCE,
    "get_job": _CALLER | _SCIENCE,
    "cancel_job": _CALLER | _SCIENCE,
    "get_job_result": _CALLER | _SCIENCE,
    # Open311
    "open311_services": _ALL,
    "open311_create": _CALLER,
    "open311_requests": _ALL,
    "open311_request": _ALL,
    # webhooks
    "list_webhooks": _ADMIN,
    "create_webhook": _ADMIN,
    "end_webhook": _ADMIN,
    "list_deliveries": _ADMIN,
    "redrive_webhook": _ADMIN,
    "redrive_delivery": _ADMIN,
    # running
    "metrics": _SCIENCE,
}
"""Operation → who may call it. An operation that is neither here nor in `OPEN` keeps the service from starting."""
