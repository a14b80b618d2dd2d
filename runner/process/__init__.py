"""Child processes of a run: started, listened to, found again and ended. Knows no fault system and no Chaos Toolkit."""
