"""What a network's exits are worth: accuracy against cost, corruptions, attacks."""
