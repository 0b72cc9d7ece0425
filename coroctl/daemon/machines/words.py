"""libvirt's errors in words that an operator can act on, and whether what was asked for is known not to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.daemon.machines.hypervisor import HypervisorError, HypervisorUnknown

if TYPE_CHECKING:
    from coroctl.errors import CoroctlError

# Numbers of libvirt/virterror.h, which never change: this module must do without the library.
_FROM_RPC = 7
_FROM_REMOTE = 13
_LOST = frozenset({_FROM_RPC, _FROM_REMOTE})
"""Error domains of the way to libvirtd, or from it to another one: what became of the call is not known."""
_SENTENCES = {
    9: "failed",  # VIR_ERR_OPERATION_FAILED
    27: "its definition is not valid",  # VIR_ERR_XML_ERROR
    28: "is defined already, with another UUID",  # VIR_ERR_DOM_EXIST
    35: "its definition is not valid XML",  # VIR_ERR_XML_DETAIL
    42: "is not defined here",  # VIR_ERR_NO_DOMAIN
    55: "is not in a state for that",  # VIR_ERR_OPERATION_INVALID
    68: "another operation on it is under way",  # VIR_ERR_OPERATION_TIMEOUT
    78: "was aborted",  # VIR_ERR_OPERATION_ABORTED
    84: "this hypervisor cannot do that",  # VIR_ERR_OPERATION_UNSUPPORTED
    87: "another operation on it is under way",  # VIR_ERR_RESOURCE_BUSY
}
_REFUSED = frozenset({29, 45, 79, 88, 94})
"""OPERATION_DENIED, AUTH_FAILED, AUTH_CANCELLED, ACCESS_DENIED, AUTH_UNAVAILABLE."""


def translate(error: Any, what: str) -> CoroctlError:
    """``error``: a libvirt.libvirtError; ``what`` was tried, such as "start vm1"."""
    said = one_line(error.get_error_message() or str(error))
    if error.get_error_domain() in _LOST:
        return HypervisorUnknown(f"{what}: the connection failed before an answer came ({said})")
    if error.get_error_code() in _REFUSED:
        return HypervisorError(f"{what}: libvirt does not let us ({said})")
    sentence = _SENTENCES.get(error.get_error_code())
    return HypervisorError(f"{what}: {sentence} ({said})" if sentence else f"{what}: {said}")


def away(error: Any, uri: str) -> str:
    """Why there is no connection."""
    said = one_line(error.get_error_message() or str(error))
    if "No such file" in said or "Connection refused" in said:
        return f"libvirtd does not run here ({said})"
    return f"no connection to {uri}: {said}"


def one_line(text: str) -> str:
    """The log has one line an event; qemu's last words may have many."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
