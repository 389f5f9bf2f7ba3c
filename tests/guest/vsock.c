/* SPDX-License-Identifier: ISC */
/*
 * What makes tiny.S a guest with an agent: a driver for a virtio socket device
 * that polls, and an agent behind port 1234 of it that knows guest-sync-delimited
 * and guest-ping, and runs whatever it is told with the output "tick" and status
 * 7.  It speaks to the device by MMIO where Firecracker has it, and by the
 * window in the PCI configuration where Cloud Hypervisor has it: what lies above
 * 4 GiB is out of reach of a guest without paging.  For 32 bits, without a
 * library: tests/guest/Makefile.
 *
 * Virtio 1.2: 4.1.4 (PCI), 4.2.2 (MMIO), 2.7 (split queues), 5.10 (sockets).
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define MMIO 0xc0001000u /* Firecracker's first device, then a page each */
#define MMIO_DEVICES 16
#define MAGIC 0x74726976
#define TYPE 19 /* a socket device */
#define PCI_ID (0x1af4u | (0x1040u + TYPE) << 16)
#define PCI_DEVICES 32
#define CAP_VENDOR 9

#define DRIVER_OK 0xf /* ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK */
#define RX 0
#define TX 1
#define EVENTS 2
#define QUEUES 3
#define SLOTS 8 /* of each queue */
#define F_WRITE 2

#define HOST 2 /* its context */
#define PORT 1234
#define REQUEST 1
#define RESPONSE 2
#define RST 3
#define SHUTDOWN 4
#define RW 5
#define CREDIT_UPDATE 6
#define CREDIT_REQUEST 7
#define STREAM 1
#define HEAD 44
#define DATA_MAX 2004
#define LINE_MAX 1000
#define CONNS 4

struct packet {
	u32 src_cid, src_cid_high, dst_cid, dst_cid_high;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
	char data[DATA_MAX];
};

struct queue {
	struct {
		u32 addr, addr_high, len;
		u16 flags, next;
	} desc[SLOTS];
	struct {
		u16 flags, idx, ring[SLOTS], event;
	} avail;
	struct {
		u16 flags, idx;
		struct {
			u32 id, len;
		} ring[SLOTS];
		u16 event;
	} used;
	u16 seen; /* of `used` */
} __attribute__((aligned(16)));

struct conn {
	u32 peer; /* its port; 0: none */
	u32 fwd, len;
	char line[LINE_MAX];
};

/* For tiny.S. */
void vsock_setup(void);
void vsock_poll(void);

static volatile struct queue queues[QUEUES];
static struct packet rx[SLOTS], tx[SLOTS];
static volatile u32 event[2];
static struct conn conns[CONNS];
static u32 mmio, window, common, notify, notify_step, config, cid;
static u32 is_ready, sent;

static void
out32(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "d"(port) : "memory");
}

static u32
in32(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "d"(port) : "memory");
	return v;
}

static u32
pci_get(u32 at)
{
	out32(0xcf8, at & ~3u);
	return in32(0xcfc);
}

static void
pci_set(u32 at, u32 v)
{
	out32(0xcf8, at);
	out32(0xcfc, v);
}

/* `bytes` at `off` of the device's BAR, by the window. */
static void
aim(u32 off, u32 bytes)
{
	pci_set(window + 8, off);
	pci_set(window + 12, bytes);
	out32(0xcf8, window + 16);
}

static u32
bar_get(u32 off)
{
	aim(off, 4);
	return in32(0xcfc);
}

static void
bar_set(u32 off, u32 bytes, u32 v)
{
	aim(off, bytes);
	if (bytes == 4)
		out32(0xcfc, v);
	else if (bytes == 2)
		__asm__ volatile("outw %w0, %w1"
				 :
				 : "a"(v), "d"(0xcfc)
				 : "memory");
	else
		__asm__ volatile("outb %b0, %w1"
				 :
				 : "a"(v), "d"(0xcfc)
				 : "memory");
}

static u32
mmio_get(u32 off)
{
	return *(volatile u32 *)(mmio + off);
}

static void
mmio_set(u32 off, u32 v)
{
	*(volatile u32 *)(mmio + off) = v;
}

/* Where the device's parts are in its BAR. */
static void
read_caps(u32 device)
{
	u32 at = pci_get(device + 0x34) & 0xfc, head;

	for (; at != 0; at = head >> 8 & 0xfc) {
		head = pci_get(device + at);
		if ((head & 0xff) != CAP_VENDOR)
			continue;
		switch (head >> 24) {
		case 1:
			common = pci_get(device + at + 8);
			break;
		case 2:
			notify = pci_get(device + at + 8);
			notify_step = pci_get(device + at + 16);
			break;
		case 4:
			config = pci_get(device + at + 8);
			break;
		case 5:
			window = device + at;
			break;
		}
	}
}

static u32
find(void)
{
	u32 i;

	for (i = 0; i < PCI_DEVICES; i++)
		if (pci_get(0x80000000u | i << 11) == PCI_ID)
			read_caps(0x80000000u | i << 11);
	for (i = 0; window == 0 && i < MMIO_DEVICES; i++) {
		mmio = MMIO + i * 4096;
		if (mmio_get(0) == MAGIC && mmio_get(8) == TYPE)
			return 1;
	}
	mmio = 0;
	return window != 0;
}

static void
set_status(u32 v)
{
	if (window == 0)
		mmio_set(0x70, v);
	else
		bar_set(common + 20, 1, v);
}

/* Of all that is offered VERSION_1 alone. */
static void
set_features(void)
{
	u32 i;

	for (i = 0; i < 2; i++)
		if (window == 0) {
			mmio_set(0x24, i);
			mmio_set(0x20, i);
		} else {
			bar_set(common + 8, 4, i);
			bar_set(common + 12, 4, i);
		}
}

static void
set_queue_mmio(u32 i, u32 desc, u32 avail, u32 used)
{
	mmio_set(0x30, i);
	mmio_set(0x38, SLOTS);
	mmio_set(0x80, desc);
	mmio_set(0x84, 0);
	mmio_set(0x90, avail);
	mmio_set(0x94, 0);
	mmio_set(0xa0, used);
	mmio_set(0xa4, 0);
	mmio_set(0x44, 1);
}

static void
set_queue_pci(u32 i, u32 desc, u32 avail, u32 used)
{
	bar_set(common + 22, 2, i);
	bar_set(common + 24, 2, SLOTS);
	bar_set(common + 32, 4, desc);
	bar_set(common + 36, 4, 0);
	bar_set(common + 40, 4, avail);
	bar_set(common + 44, 4, 0);
	bar_set(common + 48, 4, used);
	bar_set(common + 52, 4, 0);
	bar_set(common + 28, 2, 1);
}

static void
set_queue(u32 i)
{
	volatile struct queue *q = &queues[i];

	if (window == 0)
		set_queue_mmio(i, (u32)q->desc, (u32)&q->avail, (u32)&q->used);
	else
		set_queue_pci(i, (u32)q->desc, (u32)&q->avail, (u32)&q->used);
}

/* Each queue is a doorbell further. */
static void
ring(u32 i)
{
	if (window == 0)
		mmio_set(0x50, i);
	else
		bar_set(notify + i * notify_step, 2, i);
}

static void
offer(u32 queue, u32 slot, volatile void *buf, u32 len, u16 flags)
{
	volatile struct queue *q = &queues[queue];

	q->desc[slot].addr = (u32)buf;
	q->desc[slot].len = len;
	q->desc[slot].flags = flags;
	q->avail.ring[q->avail.idx % SLOTS] = (u16)slot;
	q->avail.idx++;
}

void
vsock_setup(void)
{
	u32 i;

	if (!find())
		return;
	set_status(0);
	set_status(1);
	set_status(3);
	set_features();
	set_status(0xb);
	for (i = 0; i < QUEUES; i++)
		set_queue(i);
	for (i = 0; i < SLOTS; i++)
		offer(RX, i, &rx[i], sizeof(rx[i]), F_WRITE);
	offer(EVENTS, 0, event, sizeof(event), F_WRITE);
	set_status(DRIVER_OK);
	cid = window == 0 ? mmio_get(0x100) : bar_get(config);
	is_ready = 1;
	ring(RX);
	ring(EVENTS);
}

/* Slots are used in turn: the device has long sent the one of eight before. */
static void
send(const struct packet *to, u16 op, u32 fwd, const char *text, u32 len)
{
	u32 slot = sent++ % SLOTS, i;
	struct packet *p = &tx[slot];

	p->src_cid = cid;
	p->dst_cid = HOST;
	p->src_port = to->dst_port;
	p->dst_port = to->src_port;
	p->len = len;
	p->type = STREAM;
	p->op = op;
	p->buf_alloc = 65536;
	p->fwd_cnt = fwd;
	for (i = 0; i < len; i++)
		p->data[i] = text[i];
	offer(TX, slot, p, HEAD + len, 0);
	ring(TX);
}

/* Behind `word` in the line, which has a NUL at its end; 0: it is not there. */
static const char *
behind(const char *line, const char *word)
{
	u32 n;

	for (; *line != '\0'; line++) {
		for (n = 0; word[n] != '\0' && line[n] == word[n]; n++)
			continue;
		if (word[n] == '\0')
			return line + n;
	}
	return 0;
}

static u32
append(char *out, u32 at, const char *text)
{
	while (*text != '\0')
		out[at++] = *text++;
	return at;
}

static void
answer(const struct packet *p, struct conn *c)
{
	char out[128];
	u32 n = 0;
	const char *id;

	if (behind(c->line, "\"guest-sync-delimited\"") != 0) {
		n = append(out, n, "\377{\"return\": ");
		id = behind(c->line, "\"id\":");
		while (id != 0 && (*id == ' ' || (*id >= '0' && *id <= '9')) &&
		    n < 100)
			out[n++] = *id++;
		n = append(out, n, "}\n");
	} else if (behind(c->line, "\"guest-ping\"") != 0)
		n = append(out, n, "{\"return\": {}}\n");
	else if (behind(c->line, "\"guest-exec\"") != 0)
		n = append(out, n, "{\"return\": {\"pid\": 1}}\n");
	else if (behind(c->line, "\"guest-exec-status\"") != 0)
		n = append(out, n,
		    "{\"return\": {\"exited\": true, "
		    "\"exitcode\": 7, \"out-data\": "
		    "\"dGljawo=\"}}\n");
	else
		n = append(out, n,
		    "{\"error\": {\"class\": "
		    "\"CommandNotFound\", \"desc\": "
		    "\"not known\"}}\n");
	send(p, RW, c->fwd, out, n);
}

static void
take(const struct packet *p, struct conn *c)
{
	u32 i;

	c->fwd += p->len;
	for (i = 0; i < p->len && i < DATA_MAX; i++)
		if (p->data[i] == '\n') {
			c->line[c->len] = '\0';
			answer(p, c);
			c->len = 0;
		} else if (c->len < LINE_MAX - 1)
			c->line[c->len++] = p->data[i];
}

static struct conn *
conn_of(u32 peer)
{
	u32 i;

	for (i = 0; i < CONNS; i++)
		if (conns[i].peer == peer)
			return &conns[i];
	return 0;
}

static void
handle(const struct packet *p)
{
	struct conn *c = conn_of(p->op == REQUEST ? 0 : p->src_port);

	if (p->op == REQUEST && p->dst_port == PORT && c != 0) {
		c->peer = p->src_port;
		c->fwd = c->len = 0;
		send(p, RESPONSE, 0, 0, 0);
	} else if (p->op == RST || p->op == CREDIT_UPDATE) {
		if (p->op == RST && c != 0)
			c->peer = 0;
	} else if (p->op == RW && c != 0) {
		take(p, c);
	} else if (p->op == CREDIT_REQUEST && c != 0) {
		send(p, CREDIT_UPDATE, c->fwd, 0, 0);
	} else {
		send(p, RST, 0, 0, 0);
		if (c != 0)
			c->peer = 0;
	}
}

/* The host is another, and knows of no connection: it waits for the doorbell. */
static void
look_at_events(void)
{
	volatile struct queue *q = &queues[EVENTS];
	u32 i;

	if (q->seen == q->used.idx)
		return;
	q->seen++;
	for (i = 0; i < CONNS; i++)
		conns[i].peer = 0;
	offer(EVENTS, 0, event, sizeof(event), F_WRITE);
	ring(EVENTS);
}

void
vsock_poll(void)
{
	volatile struct queue *q = &queues[RX];
	u32 slot, any = 0;

	if (!is_ready)
		return;
	look_at_events();
	for (; q->seen != q->used.idx; q->seen++, any = 1) {
		slot = q->used.ring[q->seen % SLOTS].id % SLOTS;
		handle(&rx[slot]);
		offer(RX, slot, &rx[slot], sizeof(rx[slot]), F_WRITE);
	}
	if (any)
		ring(RX);
}
