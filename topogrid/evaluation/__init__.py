"""What a network is worth: held-out walks, rate maps and decoding, measures, claims, pictures, and their files."""
