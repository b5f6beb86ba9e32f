"""The study: networks that differ in one cause at a time, over seeds, and what each says about tau and scale."""
