"""The API: what a city's ticket system talks to, and the ``fenbo`` command that joins the rooms."""
