"""What is watched while a run goes on: user traffic, the team's monitoring, alerts, guards."""
