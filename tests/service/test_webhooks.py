"""Webhooks: told once at least, signed, tried again, given up visibly, never into closed networks."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Connection
from starlette.testclient import TestClient

from service.settings import Settings
from service.storage import Storage, audit
from service.storage.webhooks import is_wanted
from service.webhooks.dispatcher import wait_before
from service.webhooks.signing import is_signed, signature
from service.webhooks.targets import TargetRefused, addresses_of, is_public, target_of
from tests.service.conftest import in_process, wait_until
from tests.service.fixture_router import FixtureRouter

OPEN_TO_LOCAL = Settings(
    webhook_private=True,
    webhook_poll_seconds=0.02,
    webhook_first_wait_seconds=0.02,
    webhook_attempts=3,
    webhook_timeout_seconds=5,
)


@dataclass
class Receiver:
    """Answers each request with the next of ``statuses``, then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """An HTTP server on this machine that keeps what it is sent."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((dict(self.headers), body))
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def client() -> Iterator[TestClient]:
    with in_process(FixtureRouter(), OPEN_TO_LOCAL) as found:
        yield found


def registered(client: TestClient, url: str, *events: str) -> dict[str, Any]:
    response = client.post("/v1/webhooks", json={"url": url, "events": list(events)})
    assert response.status_code == 201, response.text
    answered: dict[str, Any] = response.json()
    return answered


def happen(client: TestClient, name: str = "T1") -> None:
    """A row of the audit log, as the storing of a ticket writes it."""

    def write(connection: Connection, entries: Sequence[audit.Entry]) -> list[None]:
        audit.append(connection, entries)
        return [None] * len(entries)

    entry = audit.Entry("test", "ticket.stored", f"ticket:{name}", {"department": "CGJ"})
    storage: Storage = client.app.state.storage  # type: ignore[attr-defined]
    assert client.portal is not None
    client.portal.call(storage.write, write, entry)


def deliveries(client: TestClient, webhook: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/webhooks/{webhook}/deliveries{query}").json()["deliveries"]
    return found


def test_what_happens_is_told_and_signed(client: TestClient, receiver: Receiver) -> None:
    made = registered(client, receiver.url, "ticket.stored")
    happen(client, "T1")
    wait_until(lambda: len(receiver.got) == 1)
    headers, body = receiver.got[0]
    assert is_signed(headers["Fenbo-Signature"], made["secret"], body, now=time.time())
    told = json.loads(body)
    assert (told["event"], told["subject"]) == ("ticket.stored", {"kind": "ticket", "name": "T1"})
    assert told["id"].startswith("evt_")
    assert told["details"] == {"department": "CGJ"}
    webhook = made["about"]["webhook"]
    wait_until(lambda: deliveries(client, webhook)[0]["state"] == "delivered")
    assert made["secret"] not in client.get("/v1/webhooks").text


def test_only_what_was_asked_for_is_told(client: TestClient, receiver: Receiver) -> None:
    happen(client, "before")
    registered(client, receiver.url, "ticket.*")
    happen(client, "T1")
    happen(client, "T2")
    wait_until(lambda: len(receiver.got) == 2)
    assert {json.loads(body)["subject"]["name"] for _, body in receiver.got} == {"T1", "T2"}


def test_what_fails_is_tried_again_until_it_arrives(client: TestClient, receiver: Receiver) -> None:
    receiver.statuses = [500, 503]
    webhook = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    happen(client)
    wait_until(
        lambda: deliveries(client, webhook)[:1] and deliveries(client, webhook)[0]["state"] == "delivered"
    )
    assert deliveries(client, webhook)[0]["attempts"] == 3
    assert len({body for _, body in receiver.got}) == 1


def test_what_never_arrives_is_dead_visible_and_driven_again(client: TestClient, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 404]
    webhook = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    happen(client)
    wait_until(lambda: len(deliveries(client, webhook, "?state=dead")) == 1)
    dead = deliveries(client, webhook, "?state=dead")[0]
    assert (dead["attempts"], dead["status"], dead["failure"]) == (3, 404, "对方答 404")
    assert client.get("/v1/webhooks").json()["webhooks"][0]["dead"] == 1
    assert len(receiver.got) == 3, "a redirect is not followed"
    again = client.post(f"/v1/webhooks/{webhook}/deliveries/{dead['delivery']}:redrive")
    assert again.json() == {"count": 1}
    wait_until(lambda: deliveries(client, webhook)[0]["state"] == "delivered")
    assert client.post(f"/v1/webhooks/{webhook}:redrive").json() == {"count": 0}
    assert client.post(f"/v1/webhooks/{webhook}/deliveries/{dead['delivery']}:redrive").status_code == 404


def test_receiver_that_is_gone_is_not_bothered_again(client: TestClient, receiver: Receiver) -> None:
    receiver.statuses = [410]
    webhook = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    happen(client)
    wait_until(lambda: len(deliveries(client, webhook, "?state=dead")) == 1)
    assert len(receiver.got) == 1


def test_ended_webhook_is_told_nothing(client: TestClient, receiver: Receiver) -> None:
    webhook = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    assert client.delete(f"/v1/webhooks/{webhook}").status_code == 204
    assert client.delete(f"/v1/webhooks/{webhook}").status_code == 404
    other = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    happen(client)
    wait_until(lambda: len(receiver.got) == 1)
    assert [each["webhook"] for each in client.get("/v1/webhooks").json()["webhooks"]] == [other]


def test_what_happened_while_the_sender_was_away_is_told(receiver: Receiver, tmp_path: Any) -> None:
    away = OPEN_TO_LOCAL.model_copy(update={"data_dir": tmp_path, "webhook_poll_seconds": 3600.0})
    with in_process(FixtureRouter(), away) as client:
        registered(client, receiver.url, "ticket.stored")
        happen(client, "T1")
    with in_process(FixtureRouter(), away.model_copy(update={"webhook_poll_seconds": 0.02})):
        wait_until(lambda: receiver.events() == ["ticket.stored"])


def test_deliveries_are_paged(client: TestClient, receiver: Receiver) -> None:
    webhook = registered(client, receiver.url, "ticket.stored")["about"]["webhook"]
    for number in range(5):
        happen(client, f"T{number}")
    wait_until(lambda: len(receiver.got) == 5)
    seen: list[int] = []
    query = "?limit=2"
    while True:
        page = client.get(f"/v1/webhooks/{webhook}/deliveries{query}").json()
        seen += [each["delivery"] for each in page["deliveries"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    assert client.get(f"/v1/webhooks/{webhook}/deliveries?cursor=zzz").status_code == 422


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.8/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:pass@example.org/",
        "https://example.org/#x",
        "ftp://example.org/",
        "https:///nowhere",
        "https://example.org:99999/",
    ],
)
def test_closed_networks_and_odd_addresses_are_refused(url: str) -> None:
    with in_process(FixtureRouter()) as client:
        response = client.post("/v1/webhooks", json={"url": url, "events": ["ticket.stored"]})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "url"
        assert "pass" not in response.text


def test_name_that_leads_into_a_closed_network_is_refused_when_sending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda *_, **__: [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))],
    )
    with pytest.raises(TargetRefused):
        addresses_of(target_of("https://hooks.example.org/", private=False), private=False)


@pytest.mark.parametrize("events", [[], ["key.created"], ["ticket"], ["*"], ["ticket.stored; drop"]])
def test_events_are_checked(client: TestClient, events: list[str]) -> None:
    response = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/", "events": events})
    assert response.status_code == 422


def test_signature_holds_for_this_body_this_secret_and_this_hour() -> None:
    header = signature("s", b"body", at=1_000)
    assert is_signed(header, "s", b"body", now=1_200)
    assert not is_signed(header, "s", b"body!", now=1_200)
    assert not is_signed(header, "t", b"body", now=1_200)
    assert not is_signed(header, "s", b"body", now=1_400)
    assert not is_signed("t=x,v1=y", "s", b"body", now=1_000)
    assert not is_signed("", "s", b"body", now=1_000)


def test_waits_double_up_to_an_hour_and_are_spread() -> None:
    chance = random.Random(7)
    for attempt in range(1, 40):
        middle = min(3600.0, 5.0 * 2 ** (attempt - 1))
        waits = [wait_before(attempt, first=5.0, chance=chance) for _ in range(50)]
        assert all(middle / 2 <= wait <= middle * 1.5 for wait in waits)
        assert max(waits) > middle > min(waits)


def test_families_and_names_of_events() -> None:
    assert is_wanted("outcome.return", ["outcome.*"])
    assert is_wanted("outcome.return", ["outcome.return"])
    assert not is_wanted("outcome.return", ["outcome.final", "review.*"])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("2001:4860:4860::8888", True),
        ("fe80::1%eth0", False),
        ("::ffff:192.168.0.1", False),
        ("2002:0a00:0001::", False),
    ],
)
def test_open_internet(address: str, public: bool) -> None:
    assert is_public(address) is public
