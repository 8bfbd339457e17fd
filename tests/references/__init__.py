"""What real transformers says: the oracle of the tests of `portwright run`."""
