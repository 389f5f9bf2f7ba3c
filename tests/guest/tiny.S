/* SPDX-License-Identifier: ISC */
/*
 * A guest of one page.  It counts fifty times a second, at TINY_COUNT in its
 * memory and on COM1 ("tick 0000002a"), and sleeps in between.  Words of its
 * command line:
 *   fill=N        first writes N MiB that do not compress, from 16 MiB on
 *   dirty=N       walks over N MiB from 16 MiB on (256 without it) ...
 *   rate=N        ... writing to N MB of pages a second
 *   exit=N        writes N to port 0xf4 at the tenth tick, where QEMU may have a
 *                 device that ends it
 *   power=ignore  does not turn itself off when the power button is pressed, or
 *                 Ctrl-Alt-Del where there is no such button
 * A byte that comes in on COM1 is answered with "key 61".  With VSOCK it has an
 * agent, too: vsock.c.
 *
 * It is entered by PVH (xen/include/public/arch-x86/hvm/start_info.h): 32 bits,
 * paging off, %ebx at the start info.
 */

#define TINY_COUNT 0x101000 /* lib.sh and the benchmarks read it there */
#define HZ 50
#define POOL 0x1000000
#define POOL_MIB_MAX 2016 /* a PC's low memory ends at 2 GiB at the latest */
#define DIRTY_MIB 256

#define COM1 0x3f8
#define LSR (COM1 + 5)
#define LSR_DATA 0x01
#define LSR_ROOM 0x20

#define APIC 0xfee00000 /* Intel SDM volume 3, chapter 10 */
#define APIC_EOI (APIC + 0xb0)
#define APIC_SPURIOUS (APIC + 0xf0)
#define APIC_LVT_TIMER (APIC + 0x320)
#define APIC_INITIAL (APIC + 0x380)
#define APIC_DIVIDE (APIC + 0x3e0)
#define APIC_HZ 1000000000 /* QEMU's and KVM's */
#define VECTOR 0x20

/* ICH9's power management: datasheet, 13.1.13 (PMBASE) and 13.8.3. */
#define ICH9_LPC 0x8000f800
#define ICH9_ID 0x29188086
#define PMBASE 0x40
#define PM1_BUTTON 0x100
#define PM1_OFF 0x2000

#define KBD 0x60 /* an i8042's data, and its status and commands */
#define KBD_COMMAND 0x64
#define KBD_DATA 0x01
#define KBD_RESET 0xfe
#define KEY_DEL 0x71 /* in scan code set 2, behind 0xe0 */

/* Calls what vsock.c has, on its own stack. */
#ifdef VSOCK
#define CALL_C(f) movl $vsock_stack_top, %ebp; xchgl %esp, %ebp; call f; \
	movl %ebp, %esp
#else
#define CALL_C(f)
#endif

	.section .note, "a", @note
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	movl $stack_top, %esp
	lgdt gdt_pointer
	ljmp $8, $1f
1:	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl 24(%ebx), %eax
	movl %eax, cmdline
	movl $text_boot, %esi
	call puts
	call setup_dirty
	call fill
	call find_button
	CALL_C(vsock_setup)
	call setup_timer
	movl $0, TINY_COUNT
	movl $text_up, %esi
	call puts

	/* A wake is a tick: nothing else interrupts. */
loop:
	sti
	hlt
woken:	cli
	incl TINY_COUNT
	movl $text_tick, %esi
	movl TINY_COUNT, %eax
	movl $8, %ecx
	call put_line
	call dirty
	call leave
	call answer
	call button
	CALL_C(vsock_poll)
	jmp loop

/*
 * It comes at the hlt alone, so what was interrupted is known; an iret is more
 * than a KVM without VMX or SVM (kvm-pvm) does for a guest without paging.
 */
interrupt:
	movl $0, APIC_EOI
	addl $12, %esp
	jmp woken

/* The decimal number behind the word %edi, in %eax; carry: no such word. */
number:
	movl cmdline, %esi
	testl %esi, %esi
	jz 5f
1:	movl %edi, %edx
2:	movb (%edx), %al
	testb %al, %al
	jz 4f
	cmpb %al, (%esi)
	jne 3f
	incl %esi
	incl %edx
	jmp 2b
3:	movb (%esi), %al /* to the next word */
	testb %al, %al
	jz 5f
	incl %esi
	cmpb $0x20, %al
	jne 3b
	jmp 1b
4:	xorl %eax, %eax
6:	movzbl (%esi), %ecx
	subl $0x30, %ecx
	cmpl $9, %ecx
	ja 7f
	imull $10, %eax
	addl %ecx, %eax
	incl %esi
	jmp 6b
7:	clc
	ret
5:	xorl %eax, %eax
	stc
	ret

/* As number(), but a count of MiB that the pool has. */
number_mib:
	call number
	cmpl $POOL_MIB_MAX, %eax
	jbe 1f
	movl $POOL_MIB_MAX, %eax
1:	ret

setup_dirty:
	movl $word_dirty, %edi
	call number_mib
	testl %eax, %eax
	jnz 1f
	movl $DIRTY_MIB, %eax
1:	shll $20, %eax
	addl $POOL, %eax
	movl %eax, dirty_end
	movl $POOL, dirty_next
	movl $word_rate, %edi
	call number
	/* Pages a tick: rate * 1000000 / 4096 / HZ. */
	imull $625, %eax
	shrl $7, %eax
	movl %eax, dirty_pages
	ret

/* Writes to the next pages of the walk. */
dirty:
	movl dirty_next, %edi
	movl dirty_pages, %ecx
	movl TINY_COUNT, %eax
1:	decl %ecx
	js 3f
	movl %eax, (%edi)
	addl $4096, %edi
	cmpl dirty_end, %edi
	jb 1b
	movl $POOL, %edi
	jmp 1b
3:	movl %edi, dirty_next
	ret

/* Fills the pool with the numbers of a linear congruential generator. */
fill:
	movl $word_fill, %edi
	call number_mib
	shll $18, %eax
	movl %eax, %ecx
	movl $POOL, %edi
	movl $1, %eax
1:	jecxz 2f
	imull $1664525, %eax
	addl $1013904223, %eax
	stosl
	decl %ecx
	jmp 1b
2:	ret

/* Ends QEMU with a number, if it was told to. */
leave:
	cmpl $10, TINY_COUNT
	jne 1f
	movl $word_exit, %edi
	call number
	jc 1f
	outl %eax, $0xf4
1:	ret

/* Register %eax of ICH9's LPC bridge, into %eax. */
lpc:
	addl $ICH9_LPC, %eax
	movl $0xcf8, %edx
	outl %eax, %dx
	movl $0xcfc, %edx
	inl %dx, %eax
	ret

/* On a q35, enables the power button and remembers where it is. */
find_button:
	movl $word_ignore, %edi
	call number
	jnc 1f
	movl $1, keys
	xorl %eax, %eax
	call lpc
	cmpl $ICH9_ID, %eax
	jne 1f
	movl $0, keys
	movl $PMBASE, %eax
	call lpc
	andl $0xff80, %eax
	jz 1f
	movl %eax, pm1
	leal 2(%eax), %edx
	movl $PM1_BUTTON, %eax
	outw %ax, %dx
1:	ret

/* Its last key, as Firecracker's keyboard tells it, resets the machine. */
keyboard:
	cmpl $0, keys
	je 2f
1:	inb $KBD_COMMAND, %al
	cmpb $0xff, %al /* nothing is there */
	je 2f
	testb $KBD_DATA, %al
	jz 2f
	inb $KBD, %al
	cmpb $KEY_DEL, %al
	jne 1b
	movl $text_off, %esi
	call puts
	movb $KBD_RESET, %al
	outb %al, $KBD_COMMAND
2:	ret

button:
	call keyboard
	movl pm1, %edx
	testl %edx, %edx
	jz 1f
	inw %dx, %ax
	testl $PM1_BUTTON, %eax
	jz 1f
	movl $text_off, %esi
	call puts
	movl pm1, %edx
	addl $4, %edx
	movl $PM1_OFF, %eax
	outw %ax, %dx
1:	ret

answer:
	movl $LSR, %edx
	inb %dx, %al
	testb $LSR_DATA, %al
	jz 1f
	movl $COM1, %edx
	inb %dx, %al
	shll $24, %eax
	movl $text_key, %esi
	movl $2, %ecx
	call put_line
1:	ret

setup_timer:
	movl $interrupt, %eax
	movw %ax, idt + VECTOR * 8
	movw $8, idt + VECTOR * 8 + 2
	movw $0x8e00, idt + VECTOR * 8 + 4
	shrl $16, %eax
	movw %ax, idt + VECTOR * 8 + 6
	lidt idt_pointer
	movb $0xff, %al /* nothing from the PICs */
	outb %al, $0x21
	outb %al, $0xa1
	movl $0x1ff, APIC_SPURIOUS
	movl $0x0b, APIC_DIVIDE
	movl $(0x20000 | VECTOR), APIC_LVT_TIMER
	movl $(APIC_HZ / HZ), APIC_INITIAL
	ret

/* Sends %al; a console that does not take it loses it. */
putc:
	pushl %eax
	pushl %ecx
	movl $LSR, %edx
	movl $100000, %ecx
1:	inb %dx, %al
	testb $LSR_ROOM, %al
	loopz 1b
	popl %ecx
	popl %eax
	movl $COM1, %edx
	outb %al, %dx
	ret

/* The text at %esi. */
puts:
	lodsb
	testb %al, %al
	jz 1f
	call putc
	jmp puts
1:	ret

/* The text at %esi, the %ecx highest hex digits of %eax, and a newline. */
put_line:
	movl %eax, %ebx
	call puts
1:	roll $4, %ebx
	movl %ebx, %eax
	andl $15, %eax
	movb digits(%eax), %al
	call putc
	loop 1b
	movb $10, %al
	jmp putc

	.data
digits:	.ascii "0123456789abcdef"
text_boot:	.asciz "tiny boot\n"
text_up:	.asciz "tiny up\n"
text_off:	.asciz "tiny off\n"
text_tick:	.asciz "tick "
text_key:	.asciz "key "
word_fill:	.asciz "fill="
word_dirty:	.asciz "dirty="
word_rate:	.asciz "rate="
word_exit:	.asciz "exit="
word_ignore:	.asciz "power=ignore"
	.align 8
gdt:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt
idt_pointer:
	.word (VECTOR + 1) * 8 - 1
	.long idt
cmdline:	.long 0
dirty_next:	.long 0
dirty_end:	.long 0
dirty_pages:	.long 0
pm1:	.long 0
keys:	.long 0

	.bss
	.align 16
idt:	.skip (VECTOR + 1) * 8
	.skip 512
stack_top:
#ifdef VSOCK
	.section .bss.vsock, "aw", @nobits
	.skip 4096
vsock_stack_top:
#endif

	.section .note.GNU-stack, "", @progbits
