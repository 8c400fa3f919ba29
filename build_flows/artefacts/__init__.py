"""The types of what passes between steps, each with load and dump."""
