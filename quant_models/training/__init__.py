"""The training loop, its schemes, and what they share."""
