"""Measures of a prediction's quality, in numpy alone, so that the service can compute them on live
outcomes.
"""
