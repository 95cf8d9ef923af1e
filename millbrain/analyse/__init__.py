"""Stage 4: what the facts say. Holds nothing but rooms; each answers one question."""
