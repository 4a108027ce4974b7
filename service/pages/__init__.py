"""The files of the service's own page."""
