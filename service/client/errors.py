"""What a call can end with besides its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.errors import FenboError


class Unreachable(FenboError):
    """No answer came: the service is not there, or the connection broke."""


class ApiProblem(FenboError):
    """The service answered with problem details (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.kind = str(body.get("type", "")).rpartition(":")[2]
        """What kind of problem: ``ticket-conflict``, ``queue-full`` …"""
        self.detail = str(body.get("detail", ""))
        self.errors: list[dict[str, str]] = list(body.get("errors", ()))
        self.request_id = str(body.get("request_id", ""))
        super().__init__(f"{status} {self.kind}: {self.detail} (request {self.request_id})")
