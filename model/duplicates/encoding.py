"""Profiles as bytes and JSON, the way a store keeps them. No pickle."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np

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
    """The vector in half precision: two bytes a component, cosines right to 0.0005."""
    return profile.vector.astype("<f2").tobytes()


def grams_bytes(profile: Profile) -> bytes:
    """n-grams: their number, buckets, weights in half precision, then the runs."""
    grams = profile.grams
    count = np.array([len(grams.keys)], dtype="<u4")
    parts = (count, grams.keys.astype("<u4"), grams.weights.astype("<f2"), grams.runs.astype("<u4"))
    return b"".join(part.tobytes() for part in parts)


def profile_of(facts: str, vector: bytes, grams: bytes) -> Profile:
    """The profile that the three parts were made of, to the precision kept."""
    data = json.loads(facts)
    count = int(np.frombuffer(grams, dtype="<u4", count=1)[0])
    created = data["created_at"]
    return Profile(
        text=data["text"],
        vector=np.frombuffer(vector, dtype="<f2").astype(np.float32),
        grams=Grams(
            np.frombuffer(grams, dtype="<u4", count=count, offset=4),
            np.frombuffer(grams, dtype="<f2", count=count, offset=4 + 4 * count).astype(np.float32),
            np.frombuffer(grams[4 + 6 * count :], dtype="<u4"),
        ),
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
