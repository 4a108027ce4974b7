"""GET /v1/taxonomy: what a caller caches."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from model.taxonomy import Taxonomy
from tests.service.conftest import in_process
from tests.service.fixture_router import FixtureRouter


def test_whole_taxonomy_is_answered(client: TestClient) -> None:
    answered = client.get("/v1/taxonomy").json()
    shipped = Taxonomy.shipped()
    assert (answered["name"], answered["version"], answered["city"]) == ("shenzhen", shipped.version, "深圳")
    assert [each["code"] for each in answered["departments"]] == [each.code for each in shipped.departments]
    in_force = {each["code"] for each in answered["departments"] if each["in_force"]}
    assert in_force == {each.code for each in shipped.live()}
    assert [each["code"] for each in answered["kinds"]] == list("CHTJSO")
    emergency = next(each for each in answered["urgency_levels"] if each["code"] == "emergency")
    assert emergency["response"] == {"unit": "hours", "amount": 2, "hand_over_now": True}


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_unchanged_taxonomy_is_not_sent_again(client: TestClient, form: str) -> None:
    etag = client.get("/v1/taxonomy").headers["etag"]
    response = client.get("/v1/taxonomy", headers={"If-None-Match": form.format(etag)})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)


def test_changed_taxonomy_has_another_etag() -> None:
    router = FixtureRouter()
    with in_process(router) as client:
        before = client.get("/v1/taxonomy")
        department = router.taxonomy.department("STJ")
        router.taxonomy = router.taxonomy.with_department(department)
        after = client.get("/v1/taxonomy", headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.json()["version"] != before.json()["version"]
