"""The published contract: true, complete, in Chinese, and kept under malformed requests by the thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from model.prediction import Prediction
from model.text.mask import mask
from service.descriptions import FIELDS
from service.examples import ANSWER, EXAMPLES
from service.security.roles import OPEN, PERMISSIONS, Role
from tests.service.conftest import behind_socket
from tests.service.fixture_router import FixtureRouter


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


@pytest.fixture(scope="module")
def published() -> Iterator[Any]:
    """The contract of a service behind a socket, as schemathesis reads it."""
    with behind_socket(FixtureRouter()) as running:
        yield schemathesis.openapi.from_url(f"{running.address}/openapi.json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/v1/predict", GenerationMode.POSITIVE),
        ("/v1/predict", GenerationMode.NEGATIVE),
        ("/v1/taxonomy", GenerationMode.POSITIVE),
        ("/health/live", GenerationMode.POSITIVE),
        ("/health/ready", GenerationMode.POSITIVE),
        ("/metrics", GenerationMode.POSITIVE),
    ],
)
def test_drawn_requests_are_answered_as_the_contract_says(
    published: Any, path: str, mode: GenerationMode
) -> None:
    operation = next(iter(published[path].values()))

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate()

    draw()


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
            response = running.client.post(
                "/v1/predict", content=bytes(body), headers={"Content-Type": "application/json"}
            )
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
    assert set(statuses) <= {200, 400, 422}
    assert statuses[400] > 1000
