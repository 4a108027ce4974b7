"""Urgency by rules, beside the model: the higher of the two wins, and every raise names its words."""

from model.urgency.engine import Assessment, Assessor, assess
from model.urgency.rulebook import RuleBook

__all__ = ["Assessment", "Assessor", "RuleBook", "assess"]
