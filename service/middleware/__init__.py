"""What stands around every request, in this order: its id, its log line, a fence for errors, headers."""
