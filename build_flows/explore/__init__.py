"""Where the exits should be: which, with what heads, policies, thresholds, bits and folding, for a board."""
