"""The quarterly GameDay: scenario, calendar, session and its summary."""
