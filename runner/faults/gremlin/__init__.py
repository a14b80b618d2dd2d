"""Gremlin: attacks on Kubernetes objects by its REST API; a halt stops ours alone."""
