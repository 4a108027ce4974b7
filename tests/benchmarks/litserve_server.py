"""The starter's encoder behind LitServe, batched: eight letters together at most."""

from __future__ import annotations

import sys
from typing import Any

import litserve

from tests.benchmarks.pipeline_server import classifier


class Classifier(litserve.LitAPI):
    """LitServe's way of saying what a model does."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load once a worker."""
        self.classify: Any = classifier()

    def decode_request(self, request) -> str:  # type: ignore[no-untyped-def]
        """The letter's text."""
        return f"{request.get('title', '')} {request['content']}"

    def predict(self, texts: list[str]) -> Any:
        """A batch."""
        return self.classify(texts, truncation=True, max_length=384, batch_size=len(texts))

    def encode_response(self, output: Any) -> Any:
        """As it is."""
        return {"answer": output}


if __name__ == "__main__":
    api = Classifier(max_batch_size=8, batch_timeout=0.005, api_path="/v1/predict")
    litserve.LitServer(api, accelerator="cpu", healthcheck_path="/health/ready").run(
        port=int(sys.argv[1]), generate_client_file=False, log_level="warning", num_api_servers=1
    )
