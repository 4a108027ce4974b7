"""Keys: who may do what, and that nothing but health is open without one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.command import run
from service.security.keyring import OfflineKeyring
from service.security.rates import OwnRates, Rates, SharedRates
from service.security.roles import OPEN, PERMISSIONS, Role
from service.security.secrets import digest_of, is_secret_of, new_key, taken_apart
from service.settings import Settings
from tests.service.conftest import wait_until
from tests.service.fixture_router import FixtureRouter

LETTER = {"content": "树倒了"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service that is not open."""
    return Settings(data_dir=tmp_path / "data", registry=tmp_path / "bundles", queue_wait_ms=60_000)


@pytest.fixture
def keys(settings: Settings) -> dict[str, str]:
    """One key of each role."""
    keyring = OfflineKeyring(settings)
    try:
        return {
            role.value: keyring.make(name=role.value, role=role, per_second=None, by="test").text
            for role in Role
        }
    finally:
        keyring.close()


@pytest.fixture
def closed(settings: Settings, keys: dict[str, str]) -> Iterator[TestClient]:
    """The service as it runs without ``--dev``."""
    assert keys
    with TestClient(create_app(settings, FixtureRouter()), raise_server_exceptions=False) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def operations(client: TestClient) -> Iterator[tuple[str, str, str]]:
    """Every operation of the contract: its name, method and an address of it."""
    for path, verbs in client.get("/openapi.json").json()["paths"].items():
        for verb, operation in verbs.items():
            yield operation["operationId"], verb, re.sub(r"\{\w+\}", "x", path)


def test_nothing_but_health_and_the_page_is_open(closed: TestClient) -> None:
    for name, verb, address in operations(closed):
        response = closed.request(verb, address)
        if name in OPEN:
            assert response.status_code == 200, name
        else:
            assert response.status_code == 401, name
            assert response.json()["type"] == "urn:fenbo:problem:unauthenticated"
            assert response.headers["www-authenticate"] == "Bearer"
    for address in ("/", "/docs", "/docs/docs.js", "/openapi.json"):
        assert closed.get(address).status_code == 200


def test_each_role_may_do_what_the_table_says_and_no_more(closed: TestClient, keys: dict[str, str]) -> None:
    for name, verb, address in operations(closed):
        for role, key in keys.items():
            status = closed.request(verb, address, headers=bearer(key)).status_code
            allowed = name in OPEN or role in PERMISSIONS[name]
            assert (status != 403) == allowed, (name, role, status)
            assert status != 401


def test_body_of_a_stranger_is_not_read(closed: TestClient) -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    assert closed.post("/v1/predict", content=b"x" * (2 << 20)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer fenbo_",
        "Bearer 张三",
        "Bearer x y",
        "Bearer " + "a" * 5000,
    ],
)
def test_what_is_no_key_is_refused(closed: TestClient, header: str) -> None:
    response = closed.post("/v1/predict", json=LETTER, headers={b"Authorization": header.encode()})
    assert response.status_code == 401


def test_wrong_secret_of_a_known_key_is_refused(closed: TestClient, keys: dict[str, str]) -> None:
    key = keys["caller"]
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert closed.post("/v1/predict", json=LETTER, headers=bearer(key)).status_code == 200
    assert closed.post("/v1/predict", json=LETTER, headers=bearer(wrong)).status_code == 401


def test_key_is_made_used_listed_and_revoked(closed: TestClient, keys: dict[str, str]) -> None:
    admin = bearer(keys["admin"])
    made = closed.post("/v1/keys", json={"name": "工单系统", "role": "caller"}, headers=admin)
    assert made.status_code == 201
    key, about = made.json()["key"], made.json()["about"]
    assert (about["name"], about["role"], about["created_by"]) == ("工单系统", "caller", "admin")
    assert closed.post("/v1/predict", json=LETTER, headers=bearer(key)).status_code == 200
    listed = closed.get("/v1/keys", headers=admin)
    assert about in listed.json()["keys"]
    assert key not in listed.text
    revoked = closed.delete(f"/v1/keys/{about['key_id']}", headers=admin)
    assert revoked.json()["revoked_by"] == "admin"
    assert closed.post("/v1/predict", json=LETTER, headers=bearer(key)).status_code == 401


def test_last_admin_key_is_not_revoked_by_the_api(closed: TestClient, keys: dict[str, str]) -> None:
    admin = bearer(keys["admin"])
    key_id = keys["admin"].split("_")[1]
    response = closed.delete(f"/v1/keys/{key_id}", headers=admin)
    assert (response.status_code, response.json()["type"]) == (409, "urn:fenbo:problem:last-admin-key")
    assert closed.delete("/v1/keys/000000000000", headers=admin).status_code == 404


def test_rate_of_a_key_is_kept_and_the_other_keys_go_on(closed: TestClient, keys: dict[str, str]) -> None:
    made = closed.post(
        "/v1/keys", json={"name": "慢", "role": "caller", "per_second": 0.5}, headers=bearer(keys["admin"])
    )
    slow = bearer(made.json()["key"])
    assert closed.post("/v1/predict", json=LETTER, headers=slow).status_code == 200
    response = closed.post("/v1/predict", json=LETTER, headers=slow)
    assert response.status_code == 429
    assert response.json()["type"] == "urn:fenbo:problem:rate-limited"
    assert 1 <= int(response.headers["retry-after"]) <= 2
    assert closed.post("/v1/predict", json=LETTER, headers=bearer(keys["caller"])).status_code == 200


def test_scraper_reads_metrics_with_its_token_and_nothing_else(settings: Settings) -> None:
    with_token = Settings.read(**settings.model_dump() | {"metrics_token": "scrape-me"})
    with TestClient(create_app(with_token, FixtureRouter())) as client:
        assert client.get("/metrics", headers=bearer("scrape-me")).status_code == 200
        assert client.get("/metrics", headers=bearer("scrape-you")).status_code == 401
        assert client.get("/v1/bundles", headers=bearer("scrape-me")).status_code == 401


def test_secret_is_nowhere_on_the_disk_nor_in_the_log(
    closed: TestClient, settings: Settings, keys: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    closed.post("/v1/predict", json=LETTER, headers=bearer(keys["caller"]))
    secrets = [key.split("_", 2)[2] for key in keys.values()]
    printed = capsys.readouterr()
    for file in settings.data_dir.iterdir():
        content = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, file
            assert secret not in printed.out + printed.err


def test_keys_are_in_the_audit_log(settings: Settings, keys: dict[str, str]) -> None:
    assert len(keys) == 4
    with sqlite3.connect(settings.data_dir / "fenbo.db") as database:
        found = database.execute("SELECT actor, action FROM audit").fetchall()
    assert found.count(("test", "key.created")) == 4


def test_command_makes_lists_and_revokes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FENBO_DATA_DIR", str(tmp_path / "data"))
    assert run(["keys", "create", "工单系统", "--role", "caller"]) == 0
    key = capsys.readouterr().out.strip()
    parts = taken_apart(key)
    assert parts is not None
    assert run(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert parts[0] in listed
    assert parts[1] not in listed
    assert run(["keys", "revoke", parts[0]]) == 0
    assert run(["keys", "list"]) == 0
    assert "吊销" in capsys.readouterr().out
    assert run(["keys", "revoke", "000000000000"]) == 1
    assert run(["keys", "create", "x", "--role", "boss"]) == 2


def test_first_key_is_made_once(settings: Settings) -> None:
    keyring = OfflineKeyring(settings)
    first: Any = keyring.make_first()
    assert first.row.role is Role.ADMIN
    assert keyring.make_first() is None
    keyring.close()


def test_key_is_taken_apart_as_it_was_made() -> None:
    made = new_key()
    parts = taken_apart(made.text)
    assert parts is not None
    assert parts[0] == made.key_id
    assert is_secret_of(parts[1], made.digest)
    assert made.digest == digest_of(parts[1])
    assert made.text not in repr(made)
    assert len({new_key().text for _ in range(50)}) == 50


@pytest.mark.parametrize("shared", [False, True])
def test_bucket_fills_at_its_rate(shared: bool, tmp_path: Path) -> None:
    now = 0.0
    rates: Rates = (
        SharedRates(tmp_path / "rates", clock=lambda: now) if shared else OwnRates(clock=lambda: now)
    )
    assert [rates.wait("a", per_second=2, burst=3) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait("b", per_second=2, burst=3) == 0
    now = 0.5
    assert [rates.wait("a", per_second=2, burst=3) for _ in range(2)] == [0, 0.5]
    now = 100.0
    assert [rates.wait("a", per_second=2, burst=3) for _ in range(4)] == [0, 0, 0, 0.5]


def test_workers_share_a_key_s_bucket(tmp_path: Path) -> None:
    now = 0.0
    one, other = (SharedRates(tmp_path / "rates", clock=lambda: now) for _ in range(2))
    waits = [each.wait("a", per_second=2, burst=3) for each in (one, other, one, other)]
    assert waits == [0, 0, 0, 0.5]
    now = 0.5
    assert other.wait("a", per_second=2, burst=3) == 0
    assert one.wait("a", per_second=2, burst=3) == 0.5


def test_more_keys_than_places_are_never_refused_for_another(tmp_path: Path) -> None:
    shared = SharedRates(tmp_path / "rates", clock=lambda: 1.0)
    assert not any(shared.wait(f"key {number}", per_second=1, burst=1) for number in range(30_000))
    assert shared.wait("key 29999", per_second=1, burst=1) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_a_clock_that_goes_back_gives_and_takes_nothing(shared: bool, tmp_path: Path) -> None:
    now = 1000.0
    rates: Rates = (
        SharedRates(tmp_path / "rates", clock=lambda: now) if shared else OwnRates(clock=lambda: now)
    )
    assert rates.wait("a", per_second=1, burst=1) == 0
    now = 10.0
    assert rates.wait("a", per_second=1, burst=1) == 1
    now = 11.0
    assert rates.wait("a", per_second=1, burst=1) == 0
