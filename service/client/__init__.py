"""A typed client of the API, waiting (`Fenbo`) or not (`AsyncFenbo`). Needs ``pip install 'fenbo[client]'``.

>>> with Fenbo("http://127.0.0.1:8000", key=os.environ["FENBO_KEY"]) as fenbo:
...     fenbo.predict(Ticket(content="小区楼下夜里施工到两点")).department.code
"""

from __future__ import annotations

from service.client.errors import ApiProblem, Unreachable
from service.client.retries import Retries

try:
    from service.client.clients import AsyncFenbo, Fenbo
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    from model.errors import MissingExtra

    raise MissingExtra("httpx", "client") from error

__all__ = ["ApiProblem", "AsyncFenbo", "Fenbo", "Retries", "Unreachable"]
