"""Every struct and constant of the bindings against the C compiler's view of the real headers.

A wrong size in hand-written bindings reads and writes beside the value, and nothing else notices.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.corosync import cfg, cmap, corotypes, cpg, quorum, votequorum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import IntEnum, IntFlag
    from pathlib import Path

LIBRARIES = ("corotypes", "cmap", "quorum", "votequorum", "cfg", "cpg")
HEADERS = ("stdio.h", "stddef.h", "sys/uio.h", *(f"corosync/{name}.h" for name in LIBRARIES))
PACKAGES = "gcc libcorosync-common-dev libcmap-dev libcpg-dev libquorum-dev libvotequorum-dev libcfg-dev"

STRUCTS: Mapping[str, type[ctypes.Structure]] = {
    "struct cmap_notify_value": cmap.NotifyValue,
    "struct quorum_ring_id": corotypes.RingIdStruct,
    "votequorum_ring_id_t": corotypes.RingIdStruct,
    "struct cpg_ring_id": corotypes.RingIdStruct,
    "quorum_model_v1_data_t": quorum.ModelV1Data,
    "struct votequorum_info": votequorum.InfoStruct,
    "votequorum_node_t": votequorum.NodeStruct,
    "votequorum_callbacks_t": votequorum.Callbacks,
    "corosync_cfg_callbacks_t": cfg.Callbacks,
    "corosync_cfg_node_address_t": cfg.NodeAddressStruct,
    "struct corosync_knet_link_status_v1": cfg.LinkStatusStruct,
    "struct corosync_cfg_node_status_v1": cfg.NodeStatusStruct,
    "struct cpg_name": cpg.NameStruct,
    "struct cpg_address": cpg.AddressStruct,
    "struct cpg_iteration_description_t": cpg.DescriptionStruct,
    "cpg_model_v1_data_t": cpg.ModelV1Data,
    "struct iovec": cpg.IovecStruct,
}

SCALARS = {
    "cs_error_t": ctypes.c_int,
    "cs_dispatch_flags_t": ctypes.c_int,
    "cmap_handle_t": ctypes.c_uint64,
    "cmap_iter_handle_t": ctypes.c_uint64,
    "cmap_track_handle_t": ctypes.c_uint64,
    "cmap_value_types_t": ctypes.c_int,
    "cmap_map_t": ctypes.c_int,
    "quorum_handle_t": ctypes.c_uint64,
    "quorum_model_t": ctypes.c_int,
    "votequorum_handle_t": ctypes.c_uint64,
    "corosync_cfg_handle_t": ctypes.c_uint64,
    "corosync_cfg_shutdown_flags_t": ctypes.c_int,
    "corosync_cfg_shutdown_reply_flags_t": ctypes.c_int,
    "corosync_cfg_node_status_version_t": ctypes.c_int,
    "cpg_handle_t": ctypes.c_uint64,
    "cpg_iteration_handle_t": ctypes.c_uint64,
    "cpg_guarantee_t": ctypes.c_int,
    "cpg_flow_control_state_t": ctypes.c_int,
    "cpg_iteration_type_t": ctypes.c_int,
    "cpg_model_t": ctypes.c_int,
}

ENUMS: Mapping[str, type[IntEnum | IntFlag]] = {
    "CS_DISPATCH_": corotypes.Dispatch,
    "CS_TRACK_": corotypes.Track,
    "CMAP_MAP_": cmap.Map,
    "CMAP_VALUETYPE_": cmap.ValueType,
    "CMAP_TRACK_": cmap.TrackType,
    "QUORUM_": quorum.QuorumType,
    "QUORUM_MODEL_": quorum.Model,
    "VOTEQUORUM_NODESTATE_": votequorum.NodeState,
    "VOTEQUORUM_INFO_": votequorum.InfoFlags,
    "COROSYNC_CFG_SHUTDOWN_FLAG_": cfg.ShutdownFlags,
    "CFG_NODE_STATUS_": cfg.NodeStatusVersion,
    "CPG_TYPE_": cpg.Guarantee,
    "CPG_FLOW_CONTROL_": cpg.FlowControlState,
    "CPG_REASON_": cpg.Reason,
    "CPG_ITERATION_": cpg.IterationType,
    "CPG_MODEL_": cpg.Model,
}

CONSTANTS = {
    "CMAP_KEYNAME_MAXLEN": cmap.KEYNAME_MAXLEN,
    "VOTEQUORUM_QDEVICE_NODEID": votequorum.QDEVICE_NODEID,
    "VOTEQUORUM_QDEVICE_MAX_NAME_LEN": votequorum.QDEVICE_MAX_NAME_LEN,
    "CFG_MAX_HOST_LEN": cfg.MAX_HOST_LEN,
    "CFG_MAX_LINKS": cfg.MAX_LINKS,
    "CPG_MAX_NAME_LENGTH": cpg.MAX_NAME_LENGTH,
    "CPG_MEMBERS_MAX": cpg.MEMBERS_MAX,
    "CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF": cpg.DELIVER_INITIAL_TOTEM_CONF,
}


def expected() -> dict[str, int]:
    """C expressions, and what the bindings take them to be."""
    known = dict(CONSTANTS)
    known |= {f"sizeof({name})": ctypes.sizeof(kind) for name, kind in STRUCTS.items()}
    known |= {f"sizeof({name})": ctypes.sizeof(kind) for name, kind in SCALARS.items()}
    for name, kind in STRUCTS.items():
        for field, field_type, *_ in kind._fields_:
            known[f"offsetof({name}, {field})"] = getattr(kind, field).offset
            known[f"sizeof((({name} *) 0)->{field})"] = ctypes.sizeof(field_type)
    for status in corotypes.Status:
        known["CS_OK" if status is corotypes.Status.OK else f"CS_ERR_{status.name}"] = status.value
    for prefix, enumeration in ENUMS.items():
        members: Iterable[IntEnum | IntFlag] = enumeration
        known |= {f"{prefix}{member.name}": member.value for member in members}
    del known["VOTEQUORUM_NODESTATE_UNKNOWN"]  # ours, for numbers that the header does not name
    return known


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The same expressions as the compiler evaluates them."""
    assert shutil.which("gcc"), f"gcc is not installed; this test needs the Debian packages {PACKAGES}"
    directory = tmp_path_factory.mktemp("layout")
    source, program = directory / "probe.c", directory / "probe"
    source.write_text(probe(list(expected())))
    compile_probe(source, program)
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return {expression: int(number) for expression, _, number in (line.rpartition(" = ") for line in lines)}


def probe(expressions: list[str]) -> str:
    """A C program that prints each expression with its value."""
    includes = "".join(f"#include <{header}>\n" for header in HEADERS)
    prints = "".join(f'printf("%s = %lld\\n", "{text}", (long long) ({text}));\n' for text in expressions)
    return f"{includes}int main(void) {{\n{prints}return 0;\n}}\n"


def compile_probe(source: Path, program: Path) -> None:
    """Compile, or fail with what to install."""
    done = subprocess.run(["gcc", "-o", program, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test needs the Debian packages {PACKAGES}\n{done.stderr}"


@pytest.mark.parametrize("expression", expected())
def test_layout(expression: str, measured: dict[str, int]) -> None:
    assert expected()[expression] == measured[expression]


def test_every_struct_of_the_bindings_is_measured() -> None:
    modules = (corotypes, cmap, quorum, votequorum, cfg, cpg)
    declared = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ctypes.Structure)
    }
    assert declared == set(STRUCTS.values())
