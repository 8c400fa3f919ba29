"""Exit policies in real numbers and integers, and how their thresholds are found."""
