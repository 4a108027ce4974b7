"""The published contract: true, complete, in Chinese, and kept under malformed requests by the thousand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from model.prediction import Prediction
from model.text.mask import mask
from service.app import create_app
from service.descriptions import FIELDS
from service.examples import ANSWER, EXAMPLES
from service.security.keyring import OfflineKeyring
from service.security.roles import OPEN, PERMISSIONS, Role
from service.settings import Settings
from tests.service.conftest import behind_socket, opened
from tests.service.fixture_router import FixtureRouter

_EXAMPLES: Final = int(os.environ.get("FENBO_TEST_EXAMPLES", "25"))


# No schema can tell which cursors were given out, which fields go with which kind, what a file holds.
_BEYOND_A_SCHEMA: Final = frozenset(
    (
        "list_tickets", "list_reviews", "list_clusters", "get_cluster", "list_jobs", "list_deliveries",
        "record_outcome", "review_ticket", "open311_create", "create_job", "create_webhook",
    )
)  # fmt: skip
_LINES: Final = "store_tickets"
"""What is wrong with a line is told in the answer's line; the whole is 200."""
_LENIENT: Final = "open311_requests"
"""Tools that speak Open311 send parameters of their own, which the standard lets a server pass over."""

schemathesis.serializer.alias("application/x-ndjson", "text/plain")


@pytest.fixture
def contract(client: TestClient) -> dict[str, Any]:
    """The contract as it is published."""
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_contract_tells_of_every_operation_what_it_does_and_who_may(contract: dict[str, Any]) -> None:
    assert contract["openapi"].startswith("3.1")
    tags = {tag["name"] for tag in contract["tags"]}
    told = set()
    for path, verbs in contract["paths"].items():
        for verb, operation in verbs.items():
            name = operation["operationId"]
            told.add(name)
            assert set(operation["tags"]) <= tags, name
            assert operation["summary"], name
            assert operation["description"], name
            assert not operation["summary"].isascii(), f"{verb} {path} is described in Chinese"
            if name not in OPEN:
                assert operation["x-roles"] == [role for role in Role if role in PERMISSIONS[name]]
                assert {"401", "403", "429"} <= set(operation["responses"]), name
    assert told == set(PERMISSIONS) | {"live", "ready"}


def test_example_of_an_answer_is_one(contract: dict[str, Any]) -> None:
    answered = TypeAdapter(Prediction).validate_python(ANSWER)
    for span in answered.evidence.spans:
        text = getattr(answered.masked, span.field)
        assert text[span.start : span.end] == span.text
    assert mask(EXAMPLES[0].ticket["content"]).text == answered.masked.content
    operation = contract["paths"]["/v1/predict"]["post"]
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == ANSWER


def test_every_field_of_an_answer_is_described(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    reached: set[str] = set()

    def follow(name: str) -> None:
        if name in reached:
            return
        reached.add(name)
        assert set(schemas[name]["properties"]) == set(FIELDS[name]), name
        for part in str(schemas[name]).split("#/components/schemas/")[1:]:
            follow(part.split("'")[0])

    follow("Prediction")
    assert reached == set(FIELDS)


def test_every_error_is_documented_as_a_problem(contract: dict[str, Any]) -> None:
    responses = contract["paths"]["/v1/predict"]["post"]["responses"]
    assert {int(status) for status in responses} == {
        200, 400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504,
    }  # fmt: skip
    for status, response in responses.items():
        if status != "200":
            assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in contract["components"]["schemas"]
    assert "Retry-After" in responses["429"]["headers"]


def test_contract_is_not_sent_twice(client: TestClient) -> None:
    etag = client.get("/openapi.json").headers["etag"]
    assert client.get("/openapi.json", headers={"If-None-Match": etag}).status_code == 304


def _operations() -> list[tuple[str, str, str]]:
    """Name, path and method of every operation that is published."""
    paths = create_app(opened(None), FixtureRouter()).openapi()["paths"]
    return [
        (operation["operationId"], path, verb)
        for path, verbs in paths.items()
        for verb, operation in verbs.items()
    ]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """The contract of a closed service behind a socket, as schemathesis reads it, and an administrator's key."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        registry=tmp_path_factory.mktemp("bundles"),
        rate_per_second=1_000_000,
        queue_wait_ms=60_000,
    )
    keyring = OfflineKeyring(settings)
    key = keyring.make(name="schemathesis", role=Role.ADMIN, per_second=None, by="test").text
    keyring.close()
    with behind_socket(FixtureRouter(), settings, dev=False) as running:
        schema = schemathesis.openapi.from_url(f"{running.address}/openapi.json")
        yield schema, {"Authorization": f"Bearer {key}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
@pytest.mark.parametrize(("name", "path", "verb"), _operations(), ids=lambda given: str(given))
def test_drawn_requests_are_answered_as_the_contract_says(
    published: tuple[Any, dict[str, str]], name: str, path: str, verb: str, mode: GenerationMode
) -> None:
    schema, headers = published
    excluded = [positive_data_acceptance] if name in _BEYOND_A_SCHEMA else []
    if name in (_LINES, _LENIENT):
        excluded.append(negative_data_rejection)
    operation = schema[path][verb.upper()]
    if mode is GenerationMode.NEGATIVE and not (
        operation.body or operation.query or operation.path_parameters
    ):
        pytest.skip(f"{name} takes nothing that could be wrong")

    # The same requests every time, unless more are asked for: what lands is not to hang on luck.
    @settings(
        derandomize="FENBO_TEST_EXAMPLES" not in os.environ,
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    try:
        draw()
    except Unsatisfiable:
        pytest.skip(f"nothing of {name} can be made wrong in the drawn ways")


_TAKE_BODIES: Final = (
    ("/v1/predict", "application/json"),
    ("/v1/tickets", "application/json"),
    ("/v1/tickets:batch", "application/x-ndjson"),
    ("/v1/tickets/T1/outcome", "application/json"),
    ("/v1/tickets/T1/review", "application/json"),
    ("/v1/jobs", "text/csv"),
    ("/v1/jobs", "application/x-ndjson"),
    ("/v1/keys", "application/json"),
    ("/v1/webhooks", "application/json"),
    ("/v1/bundles/starter:shadow", "application/json"),
    ("/open311/v2/requests.json", "application/x-www-form-urlencoded"),
)


@pytest.mark.slow
def test_ten_thousand_malformed_bodies_are_never_a_server_error() -> None:
    import random

    chance = random.Random(7)
    seeds = [str(example.ticket).replace("'", '"').encode() for example in EXAMPLES]
    statuses: dict[int, int] = {}
    with behind_socket(FixtureRouter()) as running:
        for _ in range(10_000):
            body = bytearray(chance.choice(seeds))
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(body))
                choice = chance.randrange(4)
                if choice == 0:
                    body[place] = chance.randrange(256)
                elif choice == 1:
                    del body[place : place + chance.randint(1, 40)]
                elif choice == 2:
                    body[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
                else:
                    body[place:place] = chance.choice(
                        [b'"', b"{", b"[", b"\\u0000", b"null", b"1e999", b"\xff"]
                    )
            address, media_type = chance.choice(_TAKE_BODIES)
            response = running.client.post(address, content=bytes(body), headers={"Content-Type": media_type})
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
    assert max(statuses) < 500, statuses
    assert statuses[400] > 1000
