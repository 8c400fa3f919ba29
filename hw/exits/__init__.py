"""What happens at an exit: scores, decision, router, gate, merge, and the tokens that carry a sample's identity."""
