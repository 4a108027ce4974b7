"""The training loop: resumable, with a progress bar, early stopping and fixed seeds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from training.corpus import Corpus
from training.encoder.batches import Block, block, in_order, length_buckets
from training.encoder.loss import allowed_loss, soft_loss
from training.encoder.network import Network
from training.encoder_settings import FitSettings

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of each letter with its title and without, and of polite phrases without the framing tokens.

    ``prefix`` is how many tokens stand before a letter's own; ``padding`` and ``masking`` are the tokenizer's.
    """

    whole: Sequence[Sequence[int]]
    untitled: Sequence[Sequence[int]]
    courtesies: Sequence[Sequence[int]]
    prefix: int
    padding: int
    masking: int

    def polite(self, letter: Sequence[int], generator: np.random.Generator) -> Sequence[int]:
        """The letter with one of the phrases before or behind it."""
        phrase = self.courtesies[int(generator.integers(len(self.courtesies)))]
        place = self.prefix if generator.random() < 0.5 else len(letter) - 1
        return [*letter[:place], *phrase, *letter[place:]]


def fit_encoder(
    network: Network,
    corpus: Corpus,
    tokens: Tokens,
    *,
    soft: dict[str, F32],
    settings: FitSettings,
    checkpoint: Path,
    validate: Callable[[Network], float],
    device: str,
) -> float:
    """Train ``network`` in place and leave it at its best epoch by ``validate`` (higher is better).

    ``soft`` are probabilities (N, K) per head to imitate; rows of zeros say nothing.
    After every epoch, and every 200 steps, the state is written to ``checkpoint``; a later call with the
    same letters, labels and settings goes on from there. Returns the best validation value.
    """
    torch.manual_seed(settings.seed)
    network.to(device)
    optimiser = torch.optim.AdamW(_parameter_groups(network, settings), fused=True)
    steps_per_epoch = math.ceil(len(corpus) / settings.batch)
    epochs = settings.epochs_for(len(corpus))
    patience = max(settings.patience, epochs // 3)
    total = steps_per_epoch * epochs
    warm = max(1, int(settings.warm_up * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: (step + 1) / warm if step < warm else max(0.0, (total - step) / max(1, total - warm)),
    )
    goal = _Goal(corpus, soft, settings, device)
    state = _State.resume(checkpoint, _identity(corpus, soft, settings), network, optimiser, schedule)
    lengths = [min(len(letter), settings.longest) for letter in tokens.whole]
    with tqdm(total=total, initial=state.step, desc="encoder", unit="step") as bar:
        for epoch in range(state.step // steps_per_epoch, epochs):
            generator = np.random.default_rng((settings.seed, epoch))
            groups = length_buckets(lengths, settings.batch, generator)
            for index, rows in enumerate(groups):
                if epoch * steps_per_epoch + index < state.step:
                    continue
                step_generator = np.random.default_rng((settings.seed, epoch, index))
                piece = _noisy_block(rows, tokens, settings, step_generator)
                value = _step(network, goal, piece, optimiser, schedule, device)
                state.step += 1
                bar.update()
                if index % 20 == 0:
                    bar.set_postfix(epoch=epoch + 1, loss=f"{value:.3f}")
                if state.step % 200 == 0:
                    state.save(checkpoint, network, optimiser, schedule)
            score = validate(network)
            bar.write(f"encoder: epoch {epoch + 1} of {epochs}, validation {score:.4f}")
            state.note(score, network)
            state.save(checkpoint, network, optimiser, schedule)
            if state.stale >= patience:
                bar.write(f"encoder: no better for {state.stale} epochs, stopping early")
                break
    if state.best_weights is not None:
        network.load_state_dict(state.best_weights)
    network.eval()
    return state.best


@torch.no_grad()
def answers(
    network: Network, tokens: Sequence[Sequence[int]], padding: int, *, device: str
) -> dict[str, F32]:
    """Every head's logits (N, K) of all letters, in order."""
    network.eval().to(device)
    results: dict[str, F32] = {}
    for piece in in_order(tokens, 32, 384, padding):
        with torch.autocast(device, torch.bfloat16):
            found = network(piece.tokens.to(device), piece.mask.to(device))
        for name, values in found.items():
            rows = values.float().cpu().numpy()
            results.setdefault(name, np.zeros((len(tokens), rows.shape[1]), dtype=np.float32))[
                piece.rows.numpy()
            ] = rows
    return results


@torch.no_grad()
def untouched_vectors(backbone: Any, tokens: Sequence[Sequence[int]], padding: int, *, device: str) -> F32:
    """Mean-pooled vectors (N, width) of an encoder as it came, centred on their mean, at unit length.

    Centring matters: raw cosines of random letters are about 0.88 (anisotropy; Mu and Viswanath 2018).
    """
    network = Network(backbone, {}).eval().to(device)
    vectors = np.zeros((len(tokens), int(backbone.config.hidden_size)), dtype=np.float32)
    blocks = in_order(tokens, 32, 128, padding)
    for piece in tqdm(blocks, total=math.ceil(len(tokens) / 32), desc="untouched", unit="block"):
        with torch.autocast(device, torch.bfloat16):
            pooled = network.pooled(piece.tokens.to(device), piece.mask.to(device))
        vectors[piece.rows.numpy()] = pooled.cpu().numpy()
    vectors -= vectors.mean(axis=0)
    unit: F32 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    return unit


class _Goal:
    """The loss of a block, from targets that lie ready on the device."""

    def __init__(self, corpus: Corpus, soft: dict[str, F32], settings: FitSettings, device: str) -> None:
        self.allowed = {head: torch.from_numpy(mask).to(device) for head, mask in corpus.allowed.items()}
        self.weights = {head: torch.from_numpy(weight).to(device) for head, weight in corpus.weights.items()}
        self.soft = {head: torch.from_numpy(target).to(device) for head, target in soft.items()}
        self.settings = settings

    def __call__(self, found: dict[str, Tensor], rows: Tensor) -> Tensor:
        settings = self.settings
        total = torch.zeros((), device=rows.device)
        for head, allowed in self.allowed.items():
            share = settings.head_weight.get(head, 1.0)
            weight = self.weights[head][rows]
            total = total + share * allowed_loss(found[head], allowed[rows], weight, settings.smoothing)
            if head in self.soft:
                total = total + settings.soft_weight * soft_loss(found[head], self.soft[head][rows], weight)
        return total / len(rows)


@dataclass(slots=True)
class _State:
    identity: str
    step: int = 0
    best: float = -math.inf
    stale: int = 0
    best_weights: dict[str, Tensor] | None = None

    @classmethod
    def resume(cls, path: Path, identity: str, network: Network, optimiser: Any, schedule: Any) -> _State:
        state = cls(identity)
        if path.exists():
            # weights_only keeps the unpickler to tensors and plain values.
            saved = torch.load(path, map_location="cpu", weights_only=True)
            if saved["identity"] == identity:
                network.load_state_dict(saved["network"])
                optimiser.load_state_dict(saved["optimiser"])
                schedule.load_state_dict(saved["schedule"])
                state.step, state.best, state.stale = saved["step"], saved["best"], saved["stale"]
                state.best_weights = saved["best_weights"]
        return state

    def note(self, score: float, network: Network) -> None:
        if score > self.best:
            self.best, self.stale = score, 0
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in network.state_dict().items()
            }
        else:
            self.stale += 1

    def save(self, path: Path, network: Network, optimiser: Any, schedule: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".writing")
        torch.save(
            {
                "identity": self.identity,
                "step": self.step,
                "best": self.best,
                "stale": self.stale,
                "best_weights": self.best_weights,
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            },
            scratch,
        )
        scratch.replace(path)


def _identity(corpus: Corpus, soft: dict[str, F32], settings: FitSettings) -> str:
    """Changes with the letters, what is taught of them, and how."""
    digest = hashlib.blake2b(digest_size=8)
    for arrays in (corpus.allowed, corpus.weights, soft):
        for name, values in sorted(arrays.items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    for document in corpus.documents:
        digest.update(document.text.encode("utf-8"))
    return json.dumps({"taught": digest.hexdigest(), "settings": asdict(settings)}, sort_keys=True)


def _noisy_block(
    rows: NDArray[np.int64], tokens: Tokens, settings: FitSettings, generator: np.random.Generator
) -> Block:
    """A block in which some titles are missing, some letters padded and some tokens masked, as in real channels."""
    drop = generator.random(len(rows)) < settings.title_dropout
    chosen = [
        tokens.untitled[row] if gone else tokens.whole[row] for row, gone in zip(rows, drop, strict=True)
    ]
    if settings.courtesy:
        polite = generator.random(len(rows)) < settings.courtesy
        chosen = [
            tokens.polite(letter, generator) if more else letter
            for letter, more in zip(chosen, polite, strict=True)
        ]
    piece = block(np.arange(len(rows)), chosen, settings.longest, tokens.padding)
    hidden = torch.from_numpy(generator.random(piece.tokens.shape) < settings.token_masking)
    hidden &= (piece.mask == 1) & (piece.tokens > 4)
    return Block(torch.from_numpy(rows), piece.tokens.masked_fill(hidden, tokens.masking), piece.mask)


def _step(network: Network, goal: _Goal, piece: Block, optimiser: Any, schedule: Any, device: str) -> float:
    network.train()
    with torch.autocast(device, torch.bfloat16):
        found = network(piece.tokens.to(device), piece.mask.to(device))
        loss = goal(found, piece.rows.to(device))
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    schedule.step()
    optimiser.zero_grad(set_to_none=True)
    return float(loss.detach())


def _parameter_groups(network: Network, settings: FitSettings) -> list[dict[str, Any]]:
    layers = network.backbone.encoder.layer
    stages = [(network.backbone.embeddings, settings.learning_rate * settings.layer_decay ** len(layers))]
    for index, layer in enumerate(layers):
        stages.append((layer, settings.learning_rate * settings.layer_decay ** (len(layers) - 1 - index)))
    stages.append((network.heads, settings.head_learning_rate))
    groups: list[dict[str, Any]] = []
    for module, rate in stages:
        matrices = [parameter for parameter in module.parameters() if parameter.ndim > 1]
        vectors = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
        groups.append({"params": matrices, "lr": rate, "weight_decay": settings.weight_decay})
        groups.append({"params": vectors, "lr": rate, "weight_decay": 0.0})
    return groups
