"""`millbrain edge`: the connect rooms beside the machines, with a buffer that survives outages."""
