"""The players: recorded frames, recorded tables or a simulated city, sent to a monitoring centre.

All log in as a platform (05) or as vehicles (01), send, and log out.
"""

from millbrain.run.play.cars import (
    Car,
    Reading,
    play_cars,
    read_cars,
    retime_cars,
    vin_of,
)
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
    "Car",
    "CityTempo",
    "Progress",
    "Reading",
    "Speed",
    "Summary",
    "city_register",
    "device_s",
    "play_cars",
    "play_city",
    "play_file",
    "read_cars",
    "read_frames",
    "read_plan",
    "retime_cars",
    "shift_times",
    "stream_city",
    "vin_of",
]
