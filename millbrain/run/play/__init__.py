"""The players: recorded frames, recorded tables or a simulated city, sent to a monitoring centre.

All log in as a platform (05) or as vehicles (01), send, and log out.
"""

from millbrain.run.play.city import (
    FLAT_START_S,
    CityTempo,
    city_register,
    play_city,
    read_plan,
    stream_city,
)
from millbrain.run.play.frames import device_s, play_file, read_frames, shift_times
from millbrain.run.play.sender import Progress, Speed, Summary

__all__ = [
    "FLAT_START_S",
    "CityTempo",
    "Progress",
    "Speed",
    "Summary",
    "city_register",
    "device_s",
    "play_city",
    "play_file",
    "read_frames",
    "read_plan",
    "shift_times",
    "stream_city",
]
