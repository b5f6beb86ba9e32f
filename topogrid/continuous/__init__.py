"""One sheet without module borders, wired locally: whether a smooth gradient of tau breaks into modules by itself."""
