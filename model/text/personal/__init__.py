"""Finders of personal data, one file for each sort. All read the normal form that ``normalise`` makes.

A look-ahead such as ``(?=[0-9])`` at the head of a pattern lets the search skip what cannot begin a match:
where a look-behind or an option would come first, that is several times faster.
"""
