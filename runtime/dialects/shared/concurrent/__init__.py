"""Work on other threads: there are none."""
