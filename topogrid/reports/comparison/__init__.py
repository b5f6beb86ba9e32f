"""Several runs compared by kind of network: statistics, text and page."""
