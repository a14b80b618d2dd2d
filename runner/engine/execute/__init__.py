"""From the first change to the way back: the method, its controls, proof of effect, and the undo."""
