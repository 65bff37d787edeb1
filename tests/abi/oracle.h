/*
 * What the rows of oracle.def are written with. Memory comes from an arena at a low address, where
 * a 32-bit call can reach it; everything is called in the forked child that will make the call.
 */
#ifndef TESTS_ABI_ORACLE_H
#define TESTS_ABI_ORACLE_H

#include "abi/abi.h"

#define ARENA_ADDR 0x20000000UL
#define ARENA_SIZE (64 * 4096UL)

extern enum abi_arch arch; /* of the case being prepared */

/* A new piece of the arena, with canaries on both sides. */
uint64_t buf(size_t n);
/* The last `n` bytes of the arena: behind them nothing is mapped. */
uint64_t edge(size_t n);
/* Input: a string; data; arrays of integers, of the architecture's word size or a given one. */
uint64_t str(const char *s);
uint64_t data(const void *p, size_t n);
uint64_t numbers(unsigned int size, size_t count, const uint64_t *v);
#define NUMBERS(size, ...) \
	numbers(size, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})
#define WORDS(...) NUMBERS(arch == ARCH_I386 ? 4 : 8, __VA_ARGS__)
#define U64S(...)  NUMBERS(8, __VA_ARGS__)
#define U32S(...)  NUMBERS(4, __VA_ARGS__)
#define U16S(...)  NUMBERS(2, __VA_ARGS__)
/* iovec of one or two buffers; a message to receive into. */
uint64_t iov(size_t a, size_t b);
uint64_t msghdr(uint64_t name, uint64_t namelen, uint64_t control, uint64_t controllen);

/* File descriptors. */
int dev(const char *path); /* opened for reading and writing, or only reading */
int dir(const char *path);
int file(const char *content);	      /* a memfd at offset 0 */
int pipe_with(const char *content);   /* the reading end */
int pipe_to(void);		      /* the writing end */
int stream_pair(const char *content); /* AF_UNIX, to be read */
int dgram_pair(const char *content);
int fd_passer(void); /* a socket with a message that carries a descriptor */
int udp_with(const char *content, int count); /* messages from a bound sender */
int tcp_listener(void);			      /* with a connection waiting */
int tcp_connected(void);
int unix_named(void); /* bound to an abstract name */
int netlink(void);
/* Set by what makes arguments when the machine does not have the thing: the case is skipped. */
extern bool machine_lacks;
int pty_master(void);
int pty_slave(void);
int epoll_ready(void);
int inotify_event(void);
int signalfd_event(void);
int timerfd_expired(void);
int eventfd_of(unsigned int value);
int mqueue(const char *content); /* with a message, if any */
int xattr_file(void);		 /* has the attribute user.colour, or trusted.colour */
const char *xattr_name(void);
int tun(void);

/* Others. */
int exited_child(void);
int running_child(void); /* killed at the end */
int sem_set(int count);
int shm_segment(void);
int msg_queue(const char *content);
int posix_timer(void);
int key(const char *description, const char *payload);
int pidfd_self(void);
void *page(void);		    /* a mapped page below 4 GB, not in the arena */
uint64_t blocked_signal(int signo); /* pending; the address of a set with it */
/* A signal with a handler comes in a few milliseconds, and again; returns 0. */
int interrupt_soon(void);
uint64_t scratch_path(const char *name); /* a path in a directory that is removed at the end */
uint64_t scratch_file(const char *name); /* the same, of an existing file */
uint64_t unmapped(void);		 /* an address where nothing is */

/* Undo what outlives the process. */
void env_cleanup(void);

#endif
