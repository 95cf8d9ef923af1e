"""The slower work of the battery room: charges and health, the fleet, the heat watch."""
