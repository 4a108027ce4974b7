"""Partial, full and missing labels: what each teaches."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.encoder.loss import allowed_loss, soft_loss  # noqa: E402


def test_a_full_label_is_cross_entropy() -> None:
    logits = torch.randn(5, 4)
    truth = torch.tensor([0, 1, 2, 3, 0])
    allowed = torch.nn.functional.one_hot(truth, 4).bool()
    expected = torch.nn.functional.cross_entropy(logits, truth, reduction="sum", label_smoothing=0.1)
    assert allowed_loss(logits, allowed, torch.ones(5), 0.1).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_a_partial_label_teaches_nothing_about_which_of_the_allowed() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    allowed_loss(logits, torch.tensor([[True, True, False]]), torch.ones(1), 0.1).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].item() == pytest.approx(logits.grad[0, 1].item())
    assert logits.grad[0, 0].item() < 0 < logits.grad[0, 2].item()


def test_no_label_teaches_nothing() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = allowed_loss(logits, torch.zeros(2, 3, dtype=torch.bool), torch.ones(2), 0.1)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum().item() == 0


def test_weights_scale_and_unknown_teachers_are_left_out() -> None:
    logits, allowed = torch.randn(1, 3), torch.tensor([[True, False, False]])
    once = allowed_loss(logits, allowed, torch.ones(1), 0.0)
    assert allowed_loss(logits, allowed, torch.full((1,), 3.0), 0.0).item() == pytest.approx(3 * once.item())
    assert soft_loss(logits, torch.zeros(1, 3), torch.ones(1)).item() == 0
