"""Tickets that are the same matter: pair score, live index, clusters."""
