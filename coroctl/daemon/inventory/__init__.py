"""The inventory on this node: its replica on the disk, its way to other nodes, the shell around the estate."""
