/* Preloaded into a process (LD_PRELOAD), makes the disk full at the n-th call that would take space, in whatever process of a run that
   comes: writes to files, files made, flushed and renamed. The state is a file mapped by all of them, named by FULL_DISK_STATE. Nothing is
   counted unless FULL_DISK_ARMED is set when the process starts, or full_disk_arm() was called. Calls on standard input, output and error,
   on what is no plain file, and below /dev and /proc do not count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
    long calls;   /* counted so far */
    long first;   /* the call that fails first; 0: none */
    long last;    /* the call that fails last */
    long failed;  /* how many did */
    char what[480]; /* the first that failed: call and path */
};

static struct state *state;
static int armed;

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)

void full_disk_arm(void) {
    const char *path = getenv("FULL_DISK_STATE");
    REAL(open);
    int fd = path ? real(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *found = mmap(0, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED) return;
    state = found;
    armed = 1;
}

__attribute__((constructor)) static void start(void) {
    if (getenv("FULL_DISK_ARMED")) full_disk_arm();
}

static int full(const char *call, const char *path) {
    if (!armed) return 0;
    long at = __atomic_add_fetch(&state->calls, 1, __ATOMIC_SEQ_CST);
    if (state->first == 0 || at < state->first || at > state->last) return 0;
    if (__atomic_add_fetch(&state->failed, 1, __ATOMIC_SEQ_CST) == 1)
        snprintf(state->what, sizeof state->what, "%s %s", call, path ? path : "?");
    errno = ENOSPC;
    return 1;
}

static int counted_path(const char *path) {
    return armed && path && strncmp(path, "/dev/", 5) && strncmp(path, "/proc/", 6);
}

static int full_fd(const char *call, int fd) {
    struct stat found;
    char link[64], path[400];
    if (!armed || fd <= 2 || fstat(fd, &found) || !S_ISREG(found.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    return full(call, path);
}

/* Opening takes space when it makes a file; emptying one that is there gives some back. */
static int full_open(const char *path, int flags, int folder) {
    if (!(flags & O_CREAT) || !counted_path(path)) return 0;
    return faccessat(folder, path, F_OK, 0) ? full("open", path) : 0;
}

/* A function of this name and these parameters that fails when the expression holds, and is the real one otherwise. */
#define WRAP(type, name, parameters, arguments, fails) \
    type name parameters { REAL(name); return (fails) ? (type)-1 : real arguments; }
#define WRAP_OPEN(name, first, path_at, folder) \
    int name(first const char *path, int flags, ...) { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        REAL(name); \
        return full_open(path, flags, folder) ? -1 : real path_at; \
    }
#define FOLDER int folder,
#define NONE

WRAP_OPEN(open, NONE, (path, flags, mode), AT_FDCWD)
WRAP_OPEN(open64, NONE, (path, flags, mode), AT_FDCWD)
WRAP_OPEN(openat, FOLDER, (folder, path, flags, mode), folder)
WRAP_OPEN(openat64, FOLDER, (folder, path, flags, mode), folder)
WRAP(int, creat, (const char *path, mode_t mode), (path, mode), full_open(path, O_CREAT, AT_FDCWD))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), counted_path(path) && access(path, F_OK) && full("mkdir", path))
WRAP(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), counted_path(path) && full("mkdir", path))

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), full_fd("write", fd))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), full_fd("write", fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), full_fd("write", fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), full_fd("write", fd))
WRAP(ssize_t, sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size), full_fd("copy", to))
WRAP(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t size), (to, from, at, size), full_fd("copy", to))
WRAP(ssize_t, copy_file_range, (int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags),
     (from, a, to, b, size, flags), full_fd("copy", to))
WRAP(int, fsync, (int fd), (fd), full_fd("fsync", fd))
WRAP(int, fdatasync, (int fd), (fd), full_fd("fsync", fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), size && full_fd("ftruncate", fd))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), size && full_fd("ftruncate", fd))
int posix_fallocate(int fd, off_t at, off_t size) {
    REAL(posix_fallocate);
    return full_fd("fallocate", fd) ? ENOSPC : real(fd, at, size);
}

/* A folder may have to grow for another name. */
WRAP(int, rename, (const char *from, const char *to), (from, to), counted_path(to) && full("rename", to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), counted_path(to) && full("rename", to))
WRAP(int, link, (const char *from, const char *to), (from, to), counted_path(to) && full("link", to))
WRAP(int, symlink, (const char *from, const char *to), (from, to), counted_path(to) && full("symlink", to))

/* C's own streams write past the functions above. */
static int writes(const char *mode) { return mode && (mode[0] == 'w' || mode[0] == 'a' || strchr(mode, '+')); }
FILE *fopen(const char *path, const char *mode) {
    REAL(fopen); return writes(mode) && counted_path(path) && access(path, F_OK) && full("open", path) ? 0 : real(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64); return writes(mode) && counted_path(path) && access(path, F_OK) && full("open", path) ? 0 : real(path, mode);
}
size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    REAL(fwrite); return size && count && full_fd("write", fileno(stream)) ? 0 : real(data, size, count, stream);
}
