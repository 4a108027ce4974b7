"""Telling other systems what happened: signed, tried again until it arrives, never into networks that are closed."""
