"""Files scored in the background: read and masked when they arrive, answered chunk by chunk, fetched when done."""
