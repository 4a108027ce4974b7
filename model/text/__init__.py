"""Text as citizens write it: one form for the model, and personal data out before anything is stored."""
