"""Makes the word table of the duplicate finder from an encoder's view of single words."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.duplicates.words import WordTable, quantised
from model.errors import MissingExtra
from model.text.normalise import normalised

F32 = NDArray[np.float32]

DIMENSIONS = 192
LEAST_LETTERS = 12
"""A word that fewer letters use is left to its parts."""
_READ = 600
_BATCH = 256
_PREFIX = "query: "
_SPELT = re.compile(r"[0-9a-z\u3400-\u9fff\U00020000-\U0003ffff]+")
_WORD = re.compile(r"[\u3400-\u9fff]{2,6}")


def word_table(encoder: Path, letters: Sequence[str], *, dimensions: int = DIMENSIONS) -> WordTable:
    """A table of the encoder's own pieces and of the words that ``letters`` use often.

    ``encoder``: folder of a Hugging Face encoder with its tokenizer; its last layer's mean over a word's pieces is
    the word's vector. About two minutes on one core for 23,000 words.

    Raises:
        MissingExtra: transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    texts = [normalised(letter) for letter in letters]
    tokenizer = AutoTokenizer.from_pretrained(str(encoder))
    backbone = AutoModel.from_pretrained(str(encoder), dtype=torch.float32).eval()
    words = _words(tokenizer.get_vocab(), texts)
    with torch.no_grad():
        vectors = _encoded(words, tokenizer, backbone)
    unweighed = WordTable(
        words,
        np.zeros((len(words), 1), dtype=np.int8),
        np.zeros(len(words), dtype=np.float32),
        np.zeros(1, dtype=np.float32),
    )
    cut = [unweighed.cut(text) for text in texts]
    tokens, documents = np.zeros(len(words)), np.zeros(len(words))
    for found in cut:
        np.add.at(tokens, found, 1)
        documents[np.unique(found)] += 1
    rarity = np.log((len(texts) + 1) / (documents + 1)).astype(np.float32)
    codes = quantised(_turned(vectors, tokens / max(tokens.sum(), 1.0), dimensions))
    table = WordTable(words, codes, rarity, np.zeros(codes.shape[1], dtype=np.float32))
    mean = np.mean([table.uncentred(text) for text in texts], axis=0).astype(np.float32)
    return WordTable(words, codes, rarity, mean)


def _words(vocabulary: dict[str, int], texts: Sequence[str]) -> tuple[str, ...]:
    import jieba

    jieba.setLogLevel(logging.WARNING)
    pieces = {piece.replace("▁", "").lower() for piece in vocabulary}
    spelt = {piece for piece in pieces if _SPELT.fullmatch(piece)}
    used = Counter(word for text in texts for word in set(jieba.lcut(text[:_READ])) if _WORD.fullmatch(word))
    often = sorted(word for word, count in used.items() if count >= LEAST_LETTERS and word not in spelt)
    return (*sorted(spelt), *often)


def _encoded(words: Sequence[str], tokenizer: Any, backbone: Any) -> F32:
    import torch

    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    prefix = tokenizer(_PREFIX, add_special_tokens=False)["input_ids"]
    pieces = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    vectors = np.zeros((len(words), backbone.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(words)), key=lambda number: len(pieces[number]))
    begin = 1 + len(prefix)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        width = max(len(pieces[row]) for row in rows) + begin + 1
        tokens = torch.full((len(rows), width), tokenizer.pad_token_id)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        inside = torch.zeros((len(rows), width, 1))
        for place, row in enumerate(rows):
            ids = [first, *prefix, *pieces[row], last]
            tokens[place, : len(ids)] = torch.tensor(ids)
            mask[place, : len(ids)] = 1
            inside[place, begin : begin + len(pieces[row])] = 1.0
        hidden = backbone(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        mean = (hidden * inside).sum(dim=1) / inside.sum(dim=1).clamp(min=1)
        vectors[rows] = mean.numpy()
    return vectors


def _turned(vectors: F32, share: NDArray[np.float64], dimensions: int) -> F32:
    """Vectors centred on running text, on its ``dimensions`` principal axes, at unit length."""
    centred = vectors - share @ vectors
    running = centred * np.sqrt(share + 1e-7)[:, None]
    _, axes = np.linalg.eigh(running.T @ running)
    turned = centred @ axes[:, ::-1][:, :dimensions]
    unit: F32 = (turned / np.linalg.norm(turned, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)
    return unit
