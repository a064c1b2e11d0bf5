// SPDX-License-Identifier: GPL-2.0
/*
 * All that runs in the virtual machine of tests/guest/run-vmm: a Multiboot kernel that has
 * one of the two devices that are passed through to it, QEMU's edu, write by DMA to the BAR
 * of the other, ivshmem, and looks whether it arrives.  It says so on the first serial port,
 * and ends the machine through isa-debug-exit at 0xf4.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define MULTIBOOT_MAGIC 0x1badb002
/* Say where memory is: it has to be there. */
#define MULTIBOOT_FLAGS 2

static const u32 multiboot[3] __attribute__((section(".multiboot"), used, aligned(4))) = {
	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS),
};

asm(".globl _start\n"
	"_start: mov $stack_top, %esp\n"
	"call run\n"
	"hlt\n"
	".bss\n"
	".balign 16\n"
	".skip 16384\n"
	"stack_top:\n"
	".text\n");

static void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static u32 in32(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void say(const char *text)
{
	while (*text)
		out8(0x3f8, *text++);
}

static void say_hex(u32 value)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		out8(0x3f8, "0123456789abcdef"[value >> shift & 15]);
}

static void __attribute__((noreturn)) end(const char *text)
{
	say(text);
	out32(0xf4, 0);
	for (;;)
		asm volatile("hlt");
}

/* PCI configuration space of bus 0 */
static u32 config_read(u32 device, u32 at)
{
	out32(0xcf8, 0x80000000 | device << 11 | at);
	return in32(0xcfc);
}

static void config_write(u32 device, u32 at, u32 value)
{
	out32(0xcf8, 0x80000000 | device << 11 | at);
	out32(0xcfc, value);
}

/* Where the BAR of the device is; turns memory decode and DMA on. */
static u32 find_bar(u32 id, u32 bar)
{
	for (u32 device = 0; device < 32; device++) {
		if (config_read(device, 0) != id)
			continue;
		config_write(device, 4, config_read(device, 4) | 6);
		return config_read(device, 0x10 + 4 * bar) & ~15u;
	}
	end("peer: a device is missing\n");
}

#define EDU_ID 0x11e81234
#define EDU_SRC 0x80
#define EDU_DST 0x88
#define EDU_COUNT 0x90
#define EDU_COMMAND 0x98
#define EDU_BUFFER 0x40000
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define IVSHMEM_ID 0x11101af4

static void edu_copy(volatile u8 *edu, u32 src, u32 dst, u32 command)
{
	volatile u32 *busy = (volatile u32 *)(edu + EDU_COMMAND);

	*(volatile u32 *)(edu + EDU_SRC) = src;
	*(volatile u32 *)(edu + EDU_DST) = dst;
	*(volatile u32 *)(edu + EDU_COUNT) = 8;
	*busy = command | EDU_START;
	while (*busy & EDU_START)
		;
}

static volatile u32 words[2] __attribute__((aligned(8))) = { 0x5a5a1234, 0xc3c35678 };

void __attribute__((used)) run(void)
{
	volatile u8 *edu = (volatile u8 *)find_bar(EDU_ID, 0);
	const u32 bar = find_bar(IVSHMEM_ID, 2) + 0x600800;
	volatile u32 *shown = (volatile u32 *)bar;

	say("peer: the BAR is at ");
	say_hex(bar);
	say("\n");
	shown[0] = 1;
	shown[1] = 2;
	edu_copy(edu, (u32)words, EDU_BUFFER, 0);
	edu_copy(edu, EDU_BUFFER, bar, EDU_TO_MEMORY);
	if (shown[0] == words[0] && shown[1] == words[1])
		end("peer: arrived\n");
	end(shown[0] == 1 && shown[1] == 2 ? "peer: lost\n" : "peer: wrong\n");
}
