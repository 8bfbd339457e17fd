"""What the machine's caller asks of a definition: opening it, computing with it, looking at it."""
