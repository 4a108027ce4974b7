"""The page that shows what the API does and lets one try it. No other host is asked for any of it."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import RedirectResponse

from service import pages
from service.conditional import etag_of, is_known
from service.middleware.security_headers import PAGE_POLICY
from service.problems import NOT_FOUND, Problem

router = APIRouter(include_in_schema=False)

_PAGE: Final = "docs.html"
_TYPES: Final = {
    "docs.html": "text/html",
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}


@router.get("/")
async def home() -> RedirectResponse:
    """To the page, by a relative address: a proxy may serve this under a prefix."""
    return RedirectResponse("docs", status_code=307)


@router.get("/openapi.json")
async def contract(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """The API's contract."""
    content = json.dumps(request.app.openapi(), ensure_ascii=False).encode("utf-8")
    headers = {"ETag": etag_of(content), "Cache-Control": "no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


@router.get("/docs")
async def page(if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """The page itself."""
    return _file(_PAGE, if_none_match)


@router.get("/docs/{name}")
async def part(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Its style, its script, its mark."""
    if name not in _TYPES or name == _PAGE:
        raise Problem(NOT_FOUND, "请核对地址；全部接口见 /docs")
    return _file(name, if_none_match)


def _file(name: str, if_none_match: str | None) -> Response:
    content = _content(name)
    headers = {
        "ETag": etag_of(content),
        "Cache-Control": "no-cache",
        "Content-Security-Policy": PAGE_POLICY,
    }
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_TYPES[name], headers=headers)


@lru_cache(maxsize=len(_TYPES))
def _content(name: str) -> bytes:
    return files(pages).joinpath(name).read_bytes()
