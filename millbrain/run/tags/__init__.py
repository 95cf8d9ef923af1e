"""What connections need besides the register: their secrets."""
