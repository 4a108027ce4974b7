"""Where a matter is: from text and given fields to district, street, community, estate, road, landmark."""

from .finder import PlaceFinder
from .gazetteer import Gazetteer, GazetteerError, load, shipped
from .place import FINE_LEVELS, LEVELS, Level, Place, PlaceName

__all__ = [
    "FINE_LEVELS",
    "LEVELS",
    "Gazetteer",
    "GazetteerError",
    "Level",
    "Place",
    "PlaceFinder",
    "PlaceName",
    "load",
    "shipped",
]
