"""The plain way to serve the starter's encoder: FastAPI and a transformers pipeline, torch fp32, one thread."""

from __future__ import annotations

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from model.bundle import STARTER

DEPARTMENTS = 36


class Letter(BaseModel):
    """What is posted."""

    content: str
    title: str = ""


def classifier() -> object:
    """A pipeline of the starter's encoder with a head of the right size; its weights do not change its speed."""
    torch.set_num_threads(1)
    folder = STARTER / "encoder"
    network = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=DEPARTMENTS, dtype=torch.float32
    )
    return pipeline(
        "text-classification", model=network, tokenizer=AutoTokenizer.from_pretrained(folder), top_k=5
    )


def app() -> FastAPI:
    """One route."""
    served = FastAPI()
    classify = classifier()

    @served.post("/v1/predict")
    def predict(letter: Letter) -> object:
        return classify(f"{letter.title} {letter.content}", truncation=True, max_length=384)  # type: ignore[operator]

    @served.get("/health/ready")
    def ready() -> str:
        return "ready"

    return served


if __name__ == "__main__":
    uvicorn.run(app(), port=int(sys.argv[1]), log_level="warning")
