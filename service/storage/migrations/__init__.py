"""How the tables came to be, step by step. Each step's number is its file's first four characters."""
