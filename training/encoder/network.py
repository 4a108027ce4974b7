"""The encoder with its heads: one transformer, mean pooling, one linear layer a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.errors import FenboError, MissingExtra


class Network(nn.Module):
    """Transformer → mean over real tokens → heads.

    ``heads`` maps a name to its number of classes.
    """

    def __init__(self, backbone: Any, heads: dict[str, int], *, dropout: float = 0.1) -> None:
        super().__init__()
        self.backbone = backbone
        width = int(backbone.config.hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(width, classes) for name, classes in heads.items()})

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Mean of the last layer over the tokens where ``mask`` is 1. (N, T) → (N, width), float32."""
        hidden = self.backbone(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        mean: Tensor = (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return mean

    def forward(self, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Logits of every head."""
        pooled = self.dropout(self.pooled(tokens, mask))
        return {name: head(pooled) for name, head in self.heads.items()}


def load_backbone(source: str | Path, *, layers: int | None = None) -> Any:
    """A Hugging Face encoder by folder or name, cut to its lower ``layers``.

    Attention is the plain one and the transformer's own dropout is off: on a CPU both together make a
    training step almost twice as fast (0.28 s against 0.47 s for 32 letters of 72 tokens, 6 layers);
    random masking of tokens and dropout of the pooled vector regularise instead.

    Raises:
        FenboError: there is no such model, or it has fewer layers than asked for.
    """
    try:
        from transformers import AutoModel
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers types it not
    try:
        backbone = AutoModel.from_pretrained(
            str(source),
            dtype=torch.float32,
            attn_implementation="eager",
            add_pooling_layer=False,
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FenboError(
            f"encoder: {source!s} cannot be loaded ({reason}); give a folder or a model name"
        ) from error
    stack = backbone.encoder.layer
    if layers is not None:
        if not 1 <= layers <= len(stack):
            raise FenboError(
                f"layers: {layers} asked for, but {source!s} has {len(stack)}; allowed: 1 to {len(stack)}"
            )
        backbone.encoder.layer = stack[:layers]
        backbone.config.num_hidden_layers = layers
    return backbone
