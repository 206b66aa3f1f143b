"""The tree of a vault: nodes, their values, and the pages that they are cut into."""
