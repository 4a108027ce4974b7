"""The shipped taxonomy and working calendar (YAML), and how such files are read, checked and written."""
