"""Rate maps and what is measured on each: scores, lattices, borders, information, and their null."""
