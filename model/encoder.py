"""The encoder at serving time: tokens in, one vector a letter out, and linear heads on that vector.

It runs on ONNX Runtime and needs neither torch nor transformers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.calibration import softmax
from model.errors import FenboError

F32 = NDArray[np.float32]

LONGEST = 384
"""Tokens read in one pass. A longer letter is read in windows, whole."""

_SLOW_FUSION = "SkipLayerNormFusion"
"""The fused kernel takes a third to a half of a short letter's time on a CPU; the two plain ones next to none."""

_SHARPNESS = 4
"""Of 1, 2 and 4 the best where a story of 900 characters stands before the point (encoder 0.60 → 0.76 right)."""

PREFIX = "query: "
"""What the encoder was pre-trained to see before a text (Wang et al. 2024, multilingual E5)."""


def fitted(tokens: Sequence[int], longest: int) -> list[int]:
    """At most ``longest`` tokens: three quarters from the head, the rest from the tail, where the point often is."""
    if len(tokens) <= longest:
        return list(tokens)
    head = longest * 3 // 4
    return [*tokens[:head], *tokens[len(tokens) - (longest - head) :]]


def windows(tokens: Sequence[int], longest: int = LONGEST) -> list[list[int]]:
    """The whole letter as windows of equal size, each framed by the first and last token."""
    if len(tokens) <= longest:
        return [list(tokens)]
    first, *inner, last = tokens
    count = math.ceil(len(inner) / (longest - 2))
    size = math.ceil(len(inner) / count)
    return [[first, *inner[low : low + size], last] for low in range(0, len(inner), size)]


class Tokeniser:
    """Text to token ids. Wraps the Hugging Face tokenizer of a bundle."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise FenboError(f"{path}: not a tokenizer ({error}); export the bundle again") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.padding = self._special(path, "<pad>")
        self.masking = self._special(path, "<mask>")

    def _special(self, path: Path, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise FenboError(f"{path}: the tokenizer has no {token}; use one of the XLM-RoBERTa or E5 kind")
        return int(number)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, with the prefix and framing tokens, not cut."""
        batch = self._tokenizer.encode_batch_fast([PREFIX + text for text in texts])
        return [encoding.ids for encoding in batch]


@dataclass(frozen=True, slots=True)
class Head:
    """One linear layer: ``weight`` (K, width), ``bias`` (K,)."""

    weight: F32
    bias: F32

    def __call__(self, vectors: F32) -> F32:
        """(N, width) → (N, K)."""
        return vectors @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True)
class Heads:
    """All heads of a bundle by name."""

    by_name: dict[str, Head]

    @property
    def width(self) -> int:
        """Components of the vectors that they read."""
        return int(next(iter(self.by_name.values())).weight.shape[1])

    def save(self, path: Path) -> None:
        """Write as an npz of plain arrays."""
        arrays = {}
        for name, head in self.by_name.items():
            arrays[f"{name}.weight"], arrays[f"{name}.bias"] = head.weight, head.bias
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Heads:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            names = sorted(name.removesuffix(".weight") for name in arrays.files if name.endswith(".weight"))
            # Bundles of before 2026-11-24 hold a vector for duplicates, which nothing reads any more.
            names = [name for name in names if name != "embedding"]
            return cls({name: Head(arrays[f"{name}.weight"], arrays[f"{name}.bias"]) for name in names})


class Encoder:
    """Mean-pooled vectors of letters from an ONNX graph with inputs ``tokens``, ``mask`` and output ``pooled``."""

    def __init__(self, graph: Path, tokeniser: Tokeniser, heads: Heads, *, threads: int = 1) -> None:
        self.tokeniser = tokeniser
        self.heads = heads
        self.observe: Callable[[str, float], None] | None = None
        """Told the seconds of each stage, ``tokenise`` and ``infer``, from whichever thread runs it."""
        self._session = _session(graph, threads)

    def pooled(self, texts: Sequence[str]) -> F32:
        """One vector a text, (N, width), not of unit length."""
        start = time.perf_counter()
        tokens = self.tokeniser(texts)
        self._tell("tokenise", start)
        return self.pooled_tokens(tokens)

    def pooled_tokens(self, tokens: Sequence[Sequence[int]]) -> F32:
        """As :meth:`pooled`, for letters already turned into tokens.

        A long letter is the mean of its windows, by how much each says: what it is about may stand in one of them
        only, behind a long story.
        """
        if not tokens:
            return np.zeros((0, self.heads.width), dtype=np.float32)
        start = time.perf_counter()
        vectors = np.stack([self._letter(letter) for letter in tokens])
        self._tell("infer", start)
        return vectors

    def _tell(self, stage: str, start: float) -> None:
        if self.observe is not None:
            self.observe(stage, time.perf_counter() - start)

    def _letter(self, tokens: Sequence[int]) -> F32:
        # One window a run: int8 activations are scaled over all that runs together, so that in a batch a letter's
        # answer would depend on its neighbours. On a CPU a batch gains next to nothing besides.
        pieces = windows(tokens)
        vectors = np.stack([self._window(piece) for piece in pieces])
        if len(pieces) == 1:
            only: F32 = vectors[0]
            return only
        weight = np.array([len(piece) for piece in pieces], dtype=np.float32) * self._says(vectors)
        mean: F32 = np.average(vectors, axis=0, weights=weight).astype(np.float32)
        return mean

    def _window(self, tokens: Sequence[int]) -> F32:
        block = np.array([tokens], dtype=np.int64)
        (vectors,) = self._session.run(["pooled"], {"tokens": block, "mask": np.ones_like(block)})
        pooled: F32 = vectors[0]
        return pooled

    def _says(self, vectors: F32) -> F32:
        """How much each window (N, width) says of a department, in (0, 1]: near 0 when all are as likely."""
        head = self.heads.by_name.get("department")
        if head is None:
            return np.ones(len(vectors), dtype=np.float32)
        probabilities = softmax(head(vectors))
        entropy = -(probabilities * np.log(probabilities.clip(1e-9))).sum(axis=1)
        says: F32 = (1 - entropy / math.log(probabilities.shape[1])).clip(1e-3) ** _SHARPNESS
        return says


def _session(graph: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes a core from the other workers of a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"], disabled_optimizers=[_SLOW_FUSION]
        )
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise FenboError(f"{graph.name}: cannot be loaded ({error}); export the bundle again") from error
