"""Open311 GeoReport v2, as a civic tool uses it: forms in, JSON out."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.security.keyring import OfflineKeyring
from service.security.roles import Role
from service.settings import Settings
from tests.service.conftest import behind_socket
from tests.service.fixture_router import FixtureRouter

FORM = {
    "service_code": "auto",
    "description": "公园的树倒了，我叫张三，电话 13800138000",
    "lat": "22.54",
    "long": "114.05",
    "address_string": "福田区莲花路",
    "first_name": "三",
    "last_name": "张",
    "email": "zhangsan@example.org",
    "phone": "13900139000",
}


def test_services_are_the_automatic_one_and_the_live_departments(client: TestClient) -> None:
    found = client.get("/open311/v2/services.json").json()
    assert found[0]["service_code"] == "auto"
    assert {each["service_code"] for each in found[1:]} == {
        each["code"] for each in client.get("/v1/taxonomy").json()["departments"] if each["in_force"]
    }
    assert all(each["type"] == "realtime" and each["metadata"] is False for each in found)


def test_posted_form_becomes_a_ticket_without_the_persons_data(client: TestClient) -> None:
    response = client.post("/open311/v2/requests.json?jurisdiction_id=sz", data=FORM)
    assert response.status_code == 201
    (created,) = response.json()
    assert created["service_notice"] == "市城市管理和综合执法局（自动分派）"
    name = created["service_request_id"]
    ticket = client.get(f"/v1/tickets/{name}")
    assert (ticket.json()["channel"], ticket.json()["location"]["longitude"]) == ("Open311", 114.05)
    (found,) = client.get(f"/open311/v2/requests/{name}.json").json()
    assert (found["service_code"], found["status"], found["lat"]) == ("CGJ", "open", 22.54)
    assert found["description"].startswith("公园的树倒了")
    for private in ("13800138000", "13900139000", "zhangsan"):
        assert private not in ticket.text + str(found)


def test_requests_are_found_by_name_code_time_and_page(client: TestClient) -> None:
    names = [
        client.post("/open311/v2/requests.json", data=FORM | {"description": text}).json()[0][
            "service_request_id"
        ]
        for text in ("公园的树倒了", "拖欠工资", "公园的树又倒了")
    ]

    def found(**query: str | int) -> list[str]:
        answered = client.get("/open311/v2/requests.json", params=query).json()
        return [each["service_request_id"] for each in answered]

    assert found() == names[::-1]
    assert found(service_code="RSJ") == [names[1]]
    assert found(service_request_id=f"{names[0]},{names[2]},none") == [names[0], names[2]]
    assert found(status="closed") == []
    assert found(status="open,closed") == names[::-1]
    assert found(start_date="2999-01-01T00:00:00Z") == []
    assert [found(page=page, page_size=2) for page in (1, 2, 3)] == [names[:0:-1], names[:1], []]
    assert client.get("/open311/v2/requests/none.json").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"description": ""}, "description"),
        ({"description": " "}, "description"),
        ({"service_code": "nonsense"}, "service_code"),
        ({"lat": "north"}, "lat"),
        ({"lat": "91"}, "lat"),
        ({"long": "nan"}, "long"),
        ({"address_string": "a" * 501}, "address_string"),
    ],
)
def test_wrong_field_is_named_as_the_form_names_it(
    client: TestClient, change: dict[str, str], field: str
) -> None:
    response = client.post("/open311/v2/requests.json", data=FORM | change)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_other_types_and_broken_forms_are_refused(client: TestClient) -> None:
    assert client.post("/open311/v2/requests.json", json=FORM).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/open311/v2/requests.json", content=b"\xff\xfe", headers=form).status_code == 422
    assert client.post("/open311/v2/requests.json", content=b"a=1&" * 300, headers=form).status_code == 422
    assert (
        client.post("/open311/v2/requests.json", content=b"a=" + b"x" * (2 << 20), headers=form).status_code
        == 413
    )


def test_key_may_stand_in_the_form(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", duplicates=False)
    keyring = OfflineKeyring(settings)
    caller, reviewer = (
        keyring.make(name=role.value, role=role, per_second=None, by="test").text
        for role in (Role.CALLER, Role.REVIEWER)
    )
    keyring.close()
    with behind_socket(FixtureRouter(), settings, dev=False) as running:
        address = "/open311/v2/requests.json"
        assert running.client.post(address, data=FORM).status_code == 401
        assert running.client.post(address).status_code == 401
        assert running.client.post(address, data=FORM | {"api_key": "x"}).status_code == 401
        assert running.client.post(address, data=FORM | {"api_key": reviewer}).status_code == 403
        assert running.client.post(address, data=FORM | {"api_key": caller}).status_code == 201
        header = {"Authorization": f"Bearer {caller}"}
        assert running.client.post(address, data=FORM, headers=header).status_code == 201
