"""Layouts of exits side by side: what to compare, the rows, which rows no other row beats."""
