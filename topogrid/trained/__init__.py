"""Trained networks opened again, from whatever file holds them."""
