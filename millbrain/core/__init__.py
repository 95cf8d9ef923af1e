"""The floor: words, units, tables, limits and interfaces that every stage shares.

Nothing here reads a socket, a file or a clock. Outside the standard library only NumPy, Arrow and
numba are imported, so any room can use any of it in any process.
"""
