"""What the machine's caller asks: opening a model, computing with it, looking at it."""
