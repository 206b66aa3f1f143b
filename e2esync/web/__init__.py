"""The daemon's face: what it is asked and told over its socket."""
