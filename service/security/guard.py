"""Stands before every route: before a byte of the body is read, it is known who asks and whether they may."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from service.security.gate import Gate
from service.security.principal import Principal
from service.security.roles import ADMIT_THEMSELVES, OPEN, PERMISSIONS, Allowed

_PRINCIPAL: Final = "principal"


class Guarded:
    """One route behind the gate."""

    def __init__(self, app: ASGIApp, gate: Gate, operation: str, allowed: Allowed) -> None:
        self._app = app
        self._gate = gate
        self._operation = operation
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. Raises `service.problems.Problem`."""
        scope.setdefault("state", {})[_PRINCIPAL] = await self._gate.admit(
            scope, self._allowed, operation=self._operation
        )
        await self._app(scope, receive, send)


def install(app: FastAPI, gate: Gate) -> None:
    """Put every route of ``app`` behind the gate but those that `service.security.roles.OPEN` names.

    Raises `RuntimeError` for a route that no table names: nothing is open by being forgotten.
    """
    for route in app.router.routes:
        if not isinstance(route, APIRoute):
            raise RuntimeError(f"{route!r} cannot be guarded; make it an APIRoute")
        operation = route.operation_id or route.name
        if operation in OPEN or operation in ADMIT_THEMSELVES:
            continue
        if operation not in PERMISSIONS:
            raise RuntimeError(f"operation {operation!r} is in no table of service/security/roles.py")
        route.app = Guarded(route.app, gate, operation, PERMISSIONS[operation])


def principal_of(scope: Scope) -> Principal:
    """Who asks, as the gate found. Only behind it."""
    principal: Principal = scope["state"][_PRINCIPAL]
    return principal
