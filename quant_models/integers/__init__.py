"""A trained network in exact integers, and its export."""
