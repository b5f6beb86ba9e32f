"""Every number of a run, checked once: settings, presets and the command line that names them."""
