/* The machine, as /proc shows it. */
#include "tools/ctl/findings.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOMAXCONN_LEAST 1024   /* a reconnect of everybody comes as a burst */
#define PORTS_LEAST 10000      /* for bench and proxies beside the gateway */
#define SPARE_DESCRIPTORS 100  /* listeners, Redis, log, admin connections */
#define CONNECTION_BYTES 65536 /* kernel memory of one client that reads slowly: its send buffer */
#define COMM_MAX 15

/* Up to three numbers of a small file; how many there were. */
static int read_numbers(const char *proc, const char *name, long long out[3])
{
	char path[512];
	FILE *file;
	int n;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	n = fscanf(file, "%lld %lld %lld", &out[0], &out[1], &out[2]);
	fclose(file);
	return n < 0 ? 0 : n;
}

static void check_backlog(struct findings *f, const char *proc)
{
	long long v[3];

	if (read_numbers(proc, "sys/net/core/somaxconn", v) < 1)
		found(f, LEVEL_WARN, "somaxconn", "cannot be read here");
	else if (v[0] < SOMAXCONN_LEAST)
		found(f, LEVEL_WARN, "somaxconn",
		      "%lld connections may wait to be accepted; when all clients come back at once that is "
		      "short: sysctl -w net.core.somaxconn=4096",
		      v[0]);
	else
		found(f, LEVEL_OK, "somaxconn", "%lld connections may wait to be accepted", v[0]);
}

static void check_ports(struct findings *f, const char *proc)
{
	long long v[3], n;

	if (read_numbers(proc, "sys/net/ipv4/ip_local_port_range", v) < 2) {
		found(f, LEVEL_WARN, "local ports", "cannot be read here");
		return;
	}
	n = v[1] - v[0] + 1;
	if (n < PORTS_LEAST)
		found(f, LEVEL_WARN, "local ports",
		      "%lld (%lld to %lld): a proxy here cannot have more connections to one gateway; "
		      "sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
		      n, v[0], v[1]);
	else
		found(f, LEVEL_OK, "local ports", "%lld for outgoing connections", n);
}

static void check_tcp_memory(struct findings *f, const char *proc, int64_t connections)
{
	long long v[3], page = sysconf(_SC_PAGESIZE);
	double least = (double)connections * CONNECTION_BYTES;

	if (read_numbers(proc, "sys/net/ipv4/tcp_mem", v) < 3)
		found(f, LEVEL_WARN, "tcp_mem", "cannot be read here");
	else if ((double)v[2] * (double)page < least)
		found(f, LEVEL_WARN, "tcp_mem",
		      "%.0f MiB for all TCP buffers; %lld clients that read slowly take %.0f: sysctl -w "
		      "net.ipv4.tcp_mem='%.0f %.0f %.0f', or lower socket_send_buffer",
		      (double)v[2] * (double)page / (1 << 20), (long long)connections,
		      least / (1 << 20), least / (double)page / 2, least / (double)page,
		      least / (double)page * 1.5);
	else
		found(f, LEVEL_OK, "tcp_mem",
		      "%.0f MiB for all TCP buffers, enough for %lld clients",
		      (double)v[2] * (double)page / (1 << 20), (long long)connections);
}

void check_kernel(struct findings *f, const char *proc, int64_t connections)
{
	check_backlog(f, proc);
	check_ports(f, proc);
	check_tcp_memory(f, proc, connections);
}

/* ---- processes ---- */

/* The inode of the socket that listens on the port; 0: none. */
static unsigned long listener(const char *proc, const char *table, uint16_t port)
{
	char path[512], line[512];
	unsigned long inode = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/net/%s", proc, table);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (inode == 0 && fgets(line, sizeof(line), file) != NULL) {
		unsigned local, state;
		unsigned long number;

		if (sscanf(line,
		           " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
		           &local, &state, &number) == 3 &&
		    local == port && state == 0x0a)
			inode = number;
	}
	fclose(file);
	return inode;
}

static bool holds(const char *proc, const char *pid, unsigned long inode)
{
	char path[512], link[1024], wanted[64], target[64];
	struct dirent *e;
	bool found_it = false;
	DIR *d;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
	d = opendir(path);
	if (d == NULL)
		return false;
	while (!found_it && (e = readdir(d)) != NULL) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", path, e->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		found_it = strcmp(target, wanted) == 0;
	}
	closedir(d);
	return found_it;
}

static bool is_named(const char *proc, const char *pid, const char *name)
{
	char path[512], comm[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/comm", proc, pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(comm, sizeof(comm), file) == NULL)
		comm[0] = '\0';
	fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	return strncmp(comm, name, COMM_MAX) == 0; /* the kernel keeps no more of a name */
}

/* The process of that name, and when `inode` is not 0 the one that holds that socket. */
static bool find_process(const char *proc, const char *name, unsigned long inode, char pid[32])
{
	DIR *d = opendir(proc);
	struct dirent *e;

	pid[0] = '\0';
	if (d == NULL)
		return false;
	while (pid[0] == '\0' && (e = readdir(d)) != NULL) {
		if (isdigit((unsigned char)e->d_name[0]) && is_named(proc, e->d_name, name) &&
		    (inode == 0 || holds(proc, e->d_name, inode)))
			snprintf(pid, 32, "%.31s", e->d_name);
	}
	closedir(d);
	return pid[0] != '\0';
}

/* -1: unlimited; 0: unknown. */
static long long open_files(const char *proc, const char *pid)
{
	char path[512], line[256], soft[64];
	long long limit = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/limits", proc, pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "Max open files %63s", soft) == 1)
			limit = strcmp(soft, "unlimited") == 0 ? -1 : atoll(soft);
	}
	fclose(file);
	return limit;
}

void check_descriptors(struct findings *f, const char *proc, uint16_t port, int64_t connections)
{
	unsigned long inode = listener(proc, "tcp", port);
	long long limit;
	char pid[32];

	if (inode == 0)
		inode = listener(proc, "tcp6", port);
	if (inode == 0 || !find_process(proc, "roomcast-gateway", inode, pid)) {
		found(f, LEVEL_WARN, "descriptors",
		      "the gateway's process cannot be seen from here (a container, another user): look there "
		      "for 'Max open files' in /proc/PID/limits; it needs max_connections and %d more",
		      SPARE_DESCRIPTORS);
		return;
	}
	limit = open_files(proc, pid);
	if (limit == 0)
		found(f, LEVEL_WARN, "descriptors", "the limits of process %s cannot be read", pid);
	else if (limit > 0 && limit < connections + SPARE_DESCRIPTORS)
		found(f, LEVEL_BAD, "descriptors",
		      "process %s may open %lld files and shall hold %lld clients: ulimit -n (LimitNOFILE= of "
		      "its unit) %lld or more, or lower max_connections",
		      pid, limit, (long long)connections,
		      (long long)connections + SPARE_DESCRIPTORS);
	else if (limit < 0)
		found(f, LEVEL_OK, "descriptors", "process %s has no limit", pid);
	else
		found(f, LEVEL_OK, "descriptors", "process %s may open %lld files for %lld clients",
		      pid, limit, (long long)connections);
}

void check_redis_host(struct findings *f, const char *proc)
{
	long long v[3];
	char pid[32];

	if (!find_process(proc, "redis-server", 0, pid) &&
	    !find_process(proc, "valkey-server", 0, pid))
		return;
	if (read_numbers(proc, "sys/vm/overcommit_memory", v) < 1)
		found(f, LEVEL_WARN, "overcommit", "cannot be read here");
	else if (v[0] != 1)
		found(f, LEVEL_WARN, "overcommit",
		      "is %lld, and a Redis runs here: its snapshots may fail for want of memory; sysctl -w "
		      "vm.overcommit_memory=1",
		      v[0]);
	else
		found(f, LEVEL_OK, "overcommit", "is 1, as the Redis on this machine wants it");
}
