"""The main job on a real Kubernetes: what was there before is there after, and nothing else."""
