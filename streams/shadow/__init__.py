"""Shadow and switch: a build of new definitions beside the served one, its comparison, and the change of places."""
