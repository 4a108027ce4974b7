"""Profiles as bytes and JSON, the way a store keeps them. No pickle."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np

from .bearing import SKETCHED
from .grams import Grams
from .profile import Profile


def facts_text(profile: Profile) -> str:
    """All of a profile but its vector and n-grams, as JSON."""
    return json.dumps(
        {
            "text": profile.text,
            "area": profile.area,
            "street": profile.street,
            "names": profile.names,
            "organisations": profile.organisations,
            "numbers": profile.numbers,
            "question": profile.question,
            "created_at": profile.created_at.timestamp() if profile.created_at else None,
            "kind": profile.kind,
            "department": profile.department,
            "reporter": profile.reporter,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def vector_bytes(profile: Profile) -> bytes:
    """The vector and the sketch of names in half precision: two bytes a component, cosines right to 0.0005."""
    return np.concatenate([profile.vector, profile.named]).astype("<f2").tobytes()


def grams_bytes(profile: Profile) -> bytes:
    """Four counts (the last of the words of the head), buckets, weights in half precision, runs, words."""
    grams = profile.grams
    parts = (
        np.array([len(grams.keys), len(grams.runs), len(profile.words), profile.head], dtype="<u4"),
        grams.keys.astype("<u4"),
        grams.weights.astype("<f2"),
        grams.runs.astype("<u4"),
        profile.words.astype("<u2"),
    )
    return b"".join(part.tobytes() for part in parts)


def profile_of(facts: str, vector: bytes, grams: bytes) -> Profile:
    """The profile that the three parts were made of, to the precision kept."""
    data = json.loads(facts)
    buckets, runs, words, head = np.frombuffer(grams, dtype="<u4", count=4).tolist()
    at_runs = 16 + 6 * buckets
    at_words = at_runs + 4 * runs
    created = data["created_at"]
    both = np.frombuffer(vector, dtype="<f2").astype(np.float32)
    return Profile(
        text=data["text"],
        vector=both[:-SKETCHED],
        named=both[-SKETCHED:],
        grams=Grams(
            np.frombuffer(grams, dtype="<u4", count=buckets, offset=16),
            np.frombuffer(grams, dtype="<f2", count=buckets, offset=16 + 4 * buckets).astype(np.float32),
            np.frombuffer(grams, dtype="<u4", count=runs, offset=at_runs),
        ),
        words=np.frombuffer(grams, dtype="<u2", count=words, offset=at_words),
        head=head,
        area=data["area"],
        street=data["street"],
        names=tuple(data["names"]),
        organisations=tuple(data["organisations"]),
        numbers=tuple(data["numbers"]),
        question=data["question"],
        created_at=None if created is None else datetime.fromtimestamp(created, tz=UTC),
        kind=data["kind"],
        department=data["department"],
        reporter=data["reporter"],
    )
