"""Rates, people, fault rules and attendance that pay is computed from."""
