"""The astronomy of the demonstration: functions from arrays, images and tables to the same; no butler in sight."""
