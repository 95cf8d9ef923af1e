"""The hand that plugs the stages together: settings, processes, wiring and the command line.

The only package that may import every other one; nothing imports it.
"""
