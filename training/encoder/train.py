"""Trains the encoder of a bundle and saves it for retraining: configuration, tokenizer, half-precision weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.encoder import Head, Heads, Tokeniser
from model.errors import FenboError
from model.ngrams import Document
from training.corpus import Corpus
from training.encoder.fit import Tokens, answers, fit_encoder, untouched_vectors
from training.encoder.network import Network, load_backbone
from training.encoder_settings import FitSettings

F32 = NDArray[np.float32]

COURTESIES = Path(__file__).parents[1] / "letters" / "courtesies.txt"
"""Polite phrases, one a line, that change nothing of what a letter asks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start from. ``initial`` is a folder or a hub name, ``layers`` 0 for all of its layers.

    ``soft`` holds a teacher's probabilities (N, K) for heads that the letters have no labels for, ``heads`` first
    weights by head name, where the classes are the same. For further passes alone: ``opinion``, given vectors of the
    untouched encoder, says what models that never saw a letter think its department is (N, K); ``refined_share`` is
    how much of the weights after the pass goes into the mean.
    """

    initial: str
    layers: int
    soft: dict[str, F32]
    heads: Heads | None
    opinion: Callable[[F32], F32] | None = None
    refined_share: float = 0.5


def device_name() -> str:
    """``cuda`` where there is one, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def train_encoder(
    corpus: Corpus,
    dev: Corpus,
    plan: Plan,
    *,
    settings: FitSettings,
    refine: Sequence[FitSettings] = (),
    work: Path,
    out: Path,
) -> Network:
    """Fit on ``corpus``, stop by the department accuracy on ``dev``, save into the folder ``out``.

    Each pass of ``refine`` goes over the letters again, with the plan's ``opinion`` beside their labels: what the
    first learned by heart is unlearned. The mean of the weights before and after a pass is better than either.
    ``work`` keeps the checkpoints, so that a second call after a crash goes on.
    """
    device = device_name()
    work.mkdir(parents=True, exist_ok=True)
    tokeniser = Tokeniser(_tokeniser_file(plan.initial))
    tokens = _tokens(corpus.documents, tokeniser)
    backbone = load_backbone(plan.initial, layers=plan.layers or None)
    network = Network(backbone, {head: mask.shape[1] for head, mask in corpus.allowed.items()})
    _start_heads(network, plan.heads)

    checked = dev.select(dev.labelled("department"))
    truth = checked.labels("department")
    dev_tokens = tokeniser([document.text for document in checked.documents])

    def validate(current: Network) -> float:
        found = answers(current, dev_tokens, tokeniser.padding, device=device)["department"]
        return float((found.argmax(axis=1) == truth).mean())

    def fit(soft: dict[str, F32], how: FitSettings, checkpoint: str) -> None:
        fit_encoder(
            network,
            corpus,
            tokens,
            soft=soft,
            settings=how,
            checkpoint=work / checkpoint,
            validate=validate,
            device=device,
        )

    fit(plan.soft, settings, "encoder.pt")
    soft = dict(plan.soft)
    if refine and plan.opinion is not None:
        soft["department"] = plan.opinion(_untouched(plan.initial, tokens, work, device))
    for number, how in enumerate(refine, start=1):
        before = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        fit(soft, how, f"refined-{number}.pt")
        network.load_state_dict(_mean(before, network.state_dict(), plan.refined_share))
    save_encoder(network, plan.initial, out)
    return network


def _mean(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights between two networks of one origin: ``share`` of ``after``."""
    return {
        name: torch.lerp(value, after[name].cpu(), share) if value.is_floating_point() else after[name].cpu()
        for name, value in before.items()
    }


def save_encoder(network: Network, initial: str, out: Path) -> None:
    """Write ``config.json``, ``tokenizer.json``, ``model.safetensors`` (fp16) and ``heads.npz`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    heads = {name: _head(module) for name, module in network.heads.items()}
    Heads(heads).save(out / "heads.npz")
    state = {
        name: value.detach().cpu().half().contiguous()
        for name, value in network.backbone.state_dict().items()
    }
    from safetensors.torch import save_file

    save_file(state, str(out / "model.safetensors"), metadata={"format": "pt"})
    network.backbone.config.save_pretrained(str(out))
    source = _tokeniser_file(initial)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (source.parent / name).exists():
            shutil.copyfile(source.parent / name, out / name)


def _head(module: torch.nn.Module) -> Head:
    assert isinstance(module, torch.nn.Linear)
    return Head(module.weight.detach().cpu().float().numpy(), module.bias.detach().cpu().float().numpy())


def _tokens(documents: Sequence[Document], tokeniser: Tokeniser) -> Tokens:
    prefix = len(tokeniser([""])[0]) - 1
    courtesies = COURTESIES.read_text(encoding="utf-8").split("\n")
    return Tokens(
        whole=tokeniser([document.text for document in documents]),
        untitled=tokeniser([document.content or document.title for document in documents]),
        courtesies=[ids[prefix:-1] for ids in tokeniser([phrase for phrase in courtesies if phrase])],
        prefix=prefix,
        padding=tokeniser.padding,
        masking=tokeniser.masking,
    )


def _untouched(initial: str, tokens: Tokens, work: Path, device: str) -> F32:
    """The untouched initial encoder's vectors, kept in ``work`` because they take minutes on a CPU."""
    path = work / "untouched.npy"
    if path.exists():
        vectors: F32 = np.load(path, allow_pickle=False)
        if len(vectors) == len(tokens.whole):
            return vectors
    vectors = untouched_vectors(load_backbone(initial), tokens.whole, tokens.padding, device=device)
    scratch = path.with_name("writing.npy")
    np.save(scratch, vectors, allow_pickle=False)
    scratch.replace(path)
    return vectors


def _start_heads(network: Network, heads: Heads | None) -> None:
    if heads is None:
        return
    for name, module in network.heads.items():
        known = heads.by_name.get(name)
        assert isinstance(module, torch.nn.Linear)
        if known is not None and known.weight.shape == tuple(module.weight.shape):
            with torch.no_grad():
                module.weight.copy_(torch.from_numpy(known.weight))
                module.bias.copy_(torch.from_numpy(known.bias))


def _tokeniser_file(initial: str) -> Path:
    folder = Path(initial)
    if folder.is_dir():
        path = folder / "tokenizer.json"
    else:
        from transformers.utils.hub import cached_file

        path = Path(cached_file(initial, "tokenizer.json") or "")
    if not path.is_file():
        raise FenboError(
            f"encoder: {initial} has no tokenizer.json; give a folder or model with a fast tokenizer"
        )
    return path
