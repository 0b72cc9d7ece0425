"""The guest of a lab's machines: a program of some hundred bytes in the place of the firmware.

It counts twenty times a second and writes each count, eight hexadecimal digits and a newline, to its first serial
port; between two counts its processor is halted. So what a machine has written proves that *it* ran then: a paused one
is silent and goes on where it was, a started one begins with 1. It needs no disk, no BIOS and 2 MiB.
"""

from __future__ import annotations

PERIOD_US = 50_000
"""A running guest writes that often."""
LINE = 9
"""Bytes of each count."""

SOURCE = """\
    .code16
start:
    cli
    cld
    # A data segment of 4 GiB, to reach the local APIC.
    lgdtl %cs:table
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    movw $8, %cx
    movw %cx, %ds
    andb $0xfe, %al
    movl %eax, %cr0
    # APIC on; what the interrupt controller says passes it (LINT0: ExtINT).
    movl $0xfee00000, %edi
    movl $0x1ff, 0xf0(%edi)
    movl $0x700, 0x350(%edi)
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7000, %sp
    # The timer's interrupt is vector 8.
    movw $tick, 0x20
    movw $0xf000, 0x22
    # The interrupt controller: vectors from 8 on, and only the timer is let through.
    movb $0x11, %al
    outb %al, $0x20
    movb $0x08, %al
    outb %al, $0x21
    movb $0x04, %al
    outb %al, $0x21
    movb $0x01, %al
    outb %al, $0x21
    movb $0xfe, %al
    outb %al, $0x21
    # The timer: 1193182 Hz by 59659 is 50 ms.
    movb $0x34, %al
    outb %al, $0x43
    movb $0x0b, %al
    outb %al, $0x40
    movb $0xe9, %al
    outb %al, $0x40
    xorl %ebx, %ebx
again:
    sti
    hlt
    cli
    incl %ebx
    movl %ebx, %esi
    movw $8, %cx
digit:
    roll $4, %esi
    movl %esi, %eax
    andb $15, %al
    cmpb $10, %al
    jb decimal
    addb $39, %al
decimal:
    addb $48, %al
    call put
    loop digit
    movb $10, %al
    call put
    jmp again
put:
    movb %al, %ah
    movw $0x3fd, %dx
busy:
    inb %dx, %al
    testb $0x20, %al
    jz busy
    movb %ah, %al
    movw $0x3f8, %dx
    outb %al, %dx
    ret
tick:
    pushw %ax
    movb $0x20, %al
    outb %al, $0x20
    popw %ax
    iret
table:
    .word 15
    .long 0xf0000 + descriptors
descriptors:
    .quad 0
    .quad 0x00cf92000000ffff
    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
"""
"""For GNU as. A test assembles it and finds `rom`: a lab needs no assembler."""

_CODE = bytes.fromhex(
    "fafc2e660f0116b1000f20c00c010f22c0b908008ed924fe0f22c066bf0000e0fe6766c787f0000000ff0100006766c7"
    "87500300000007000031c08ed88ed0bc0070c7062000aa00c706220000f0b011e620b008e621b004e621b001e621b0fe"
    "e621b034e643b00be640b0e9e6406631dbfbf4fa66436689deb9080066c1c6046689f0240f3c0a720204270430e80900"
    "e2eab00ae80200ebd888c4bafd03eca82074fb88e0baf803eec350b020e62058cf0f00b7000f000000000000000000ff"
    "ff00000092cf"
)
_RESET = bytes.fromhex("ea000000f0")
_RESET_AT = 0xFFF0
_SIZE = 0x10000


def rom() -> bytes:
    """64 KiB, as qemu takes them for a BIOS."""
    return (_CODE.ljust(_RESET_AT, b"\0") + _RESET).ljust(_SIZE, b"\0")
