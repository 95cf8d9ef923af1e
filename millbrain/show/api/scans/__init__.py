"""Scans over the API: the scan itself, and the recipes and stations that it is checked against."""
