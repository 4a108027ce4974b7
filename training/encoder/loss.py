"""What the encoder is taught: heads with full, partial or soft labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (the name everyone knows it by)
from torch import Tensor


def allowed_loss(logits: Tensor, allowed: Tensor, weight: Tensor, smoothing: float) -> Tensor:
    """Negative log of the probability given to the allowed answers, summed over rows.

    ``logits`` and ``allowed`` are (B, K), ``weight`` (B,). With one allowed answer this is cross entropy,
    with several the partial-label loss of Jin and Ghahramani 2002; rows without any count nothing. Label
    smoothing (Szegedy et al. 2016) applies to full labels only.
    """
    log_probability = F.log_softmax(logits.float(), dim=1)
    count = allowed.sum(dim=1)
    inside = log_probability.masked_fill(~allowed, -torch.inf).logsumexp(dim=1)
    inside = torch.where(count > 0, inside, torch.zeros_like(inside))
    full = (count == 1).float() * smoothing
    uniform = log_probability.mean(dim=1)
    loss = -((1 - full) * inside + full * uniform)
    return (torch.where(count > 0, loss, torch.zeros_like(loss)) * weight).sum()


def soft_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy against given probabilities (B, K), summed; rows of zeros count nothing (Hinton et al. 2015)."""
    return -((target * F.log_softmax(logits.float(), dim=1)).sum(dim=1) * weight).sum()
