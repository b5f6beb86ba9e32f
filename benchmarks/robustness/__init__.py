"""What breaks: stops, settings, and the page in a browser."""
