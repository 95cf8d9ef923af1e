"""What the hands of rooms share: threads, loops and locks that would not be pure enough for `core`.

A room's heart computes and knows no clock; its hand runs it. How a hand follows the connections of
its room, does its steps and keeps its tags in memory is the same for all rooms.
"""
