"""The commands, one a module: each declares its arguments and runs."""
