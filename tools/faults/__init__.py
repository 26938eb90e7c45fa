"""What the fault suite and the chaos run are made of: databases that can be stopped, programs, and what must hold."""
