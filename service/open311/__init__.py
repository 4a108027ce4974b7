"""Open311 GeoReport v2 (http://wiki.open311.org/GeoReport_v2): a front for civic tools that speak it already."""
