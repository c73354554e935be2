"""Only the pages are tested, not the settings of the builder."""

collect_ignore = ["conf.py"]
