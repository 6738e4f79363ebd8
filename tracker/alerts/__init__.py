"""Alerts: their rules, the thresholds of journey files, and both tried on recorded history."""
