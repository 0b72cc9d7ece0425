"""The virtual machines of this node, as its hypervisor has them.

`hypervisor` has the words, `driver` is libvirt's end of them on the loop, `session` one connection on its threads,
`words` turns libvirt's errors into ours, `processes` counts qemu without libvirt, `memory` what is free. None of them
knows the inventory, or who may run what; `orders` is where the estate's words become theirs.
"""
