"""What the HTTP faces of stage identify share: who asks, what is wanted, values as JSON."""
