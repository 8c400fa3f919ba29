"""The Python door to offramp."""
