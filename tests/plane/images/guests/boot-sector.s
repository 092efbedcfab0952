# A whole guest in one sector: says on the first serial port that it runs, every five seconds, and
# sleeps in between. For tests that need a guest, but nothing from it.
.code16
.globl start
start:
  xor %ax, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov $0x7c00, %sp
  cld
  sti

say:
  mov $line, %si
next:
  lodsb
  test %al, %al
  jz rest
  mov %al, %ah
wait:                           # for the transmitter to be empty
  mov $0x3fd, %dx
  in %dx, %al
  test $0x20, %al
  jz wait
  mov %ah, %al
  mov $0x3f8, %dx
  out %al, %dx
  jmp next

rest:                           # the timer wakes the processor 18 times a second
  mov $91, %cx
again:
  hlt
  loop again
  jmp say

line:
  .asciz "vmberth-guest: boot sector up\r\n"

.org 510
  .word 0xaa55
