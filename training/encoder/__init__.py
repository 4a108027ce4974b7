"""Training of the encoder. The only files, with the export, that need torch."""
