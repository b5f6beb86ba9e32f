"""The command line: flags of training, and the commands that look at what was trained."""
