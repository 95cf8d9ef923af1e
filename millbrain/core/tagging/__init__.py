"""What tags and connections may look like, and how a browsed tree becomes tags."""
