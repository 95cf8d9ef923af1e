"""The pure heart: constants, charts, rules, capability, and what they say of a characteristic."""
