"""Millbrain: an open industrial-internet platform, industry brain and future factory in one."""

__version__ = "0.1.0"
