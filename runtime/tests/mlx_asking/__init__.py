"""One list of cases, and how the machine runs them."""
