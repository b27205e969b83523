/*
 * A preloaded shim that records what a process does to the files below one folder: every write with its data, every
 * change of a size or a name, and the beginning and the end of every sync. The power-loss tests replay the trace and
 * build the folder as a disk could hold it when the power fails at any point of it.
 *
 *   POWER_LOSS_FOLDER        the folder to watch, an absolute path without symbolic links
 *   POWER_LOSS_TRACE         the file that records are appended to, outside the folder
 *   POWER_LOSS_IGNORE_SYNCS  optional: syncs of files below this path (relative to the folder) do nothing, and say that
 *                            they succeeded: the harness must then find what is lost
 *   POWER_LOSS_FAIL_SYNCS    optional, PATH:N: syncs of files below this path fail with EIO once N have succeeded
 *   POWER_LOSS_FAIL_WRITES   optional, PATH:N: the disk is full once N bytes have been written to files below this path:
 *                            the write that does not fit is cut short, and every one after it fails with ENOSPC
 *
 * The order of the trace is the order of the calls: a call that changes something and its record are made under one
 * lock. A sync is not, so that other threads write on while it runs; it leaves two records, and what was written before
 * the first is durable from the second on.
 *
 * The shim keeps no table of descriptors, allocates nothing, and makes its own calls directly, past libc, so that it
 * neither deadlocks nor records itself. Calls that it cannot follow into a watched file are either answered ENOSYS, which
 * makes callers fall back to write (copy_file_range, sendfile, splice), or recorded as UNSUPPORTED, at which the tests fail.
 * A program that makes system calls without libc passes it by: the tests compare a full replay with the real folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* The letters are read by tests/it/crash/trace.rs. */
enum operation {
    CREATE = 'C',      /* inode, from = path */
    MAKE_FOLDER = 'D', /* inode, from = path */
    WRITE = 'W',       /* inode, offset, length, data; flag 1: durable when the call returned */
    RESIZE = 'T',      /* inode, offset = new size */
    ZERO = 'Z',        /* inode, offset, length */
    RENAME = 'R',      /* from, to */
    LINK = 'L',        /* from, to */
    REMOVE = 'U',      /* from = path of a file or an empty folder */
    SYNC_BEGIN = 'B',  /* inode */
    SYNC_END = 'E',    /* inode, offset = place of its SYNC_BEGIN in the trace */
    SYNC_FAILED = 'F', /* inode; nothing was synced */
    UNSUPPORTED = '?', /* from = name of the call */
};

/* Followed by `from`, `to` and, for a write, `length` bytes of data. */
struct header {
    uint8_t operation;
    uint8_t flags;
    uint16_t from_length;
    uint16_t to_length;
    uint16_t reserved;
    uint64_t inode;
    uint64_t offset;
    uint64_t length;
};

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length; /* 0: nothing is watched */
static char ignored[PATH_MAX];
static size_t ignored_length;
static int trace = -1;

/* A fault that strikes below a path once what it counts is used up. */
struct fault {
    char path[PATH_MAX];
    size_t length; /* 0: there is no such fault */
    uint64_t left;
};
static struct fault failing_syncs, failing_writes;

/* Reads PATH:N. */
static void plan(struct fault *fault, const char *text)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || colon - text >= PATH_MAX)
        return;
    memcpy(fault->path, text, colon - text);
    fault->length = colon - text;
    fault->left = strtoull(colon + 1, NULL, 10);
}

static int concerns(const struct fault *fault, const char *relative)
{
    return fault->length > 0 && strncmp(relative, fault->path, fault->length) == 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *watched_folder = getenv("POWER_LOSS_FOLDER");
    const char *trace_path = getenv("POWER_LOSS_TRACE");
    const char *ignored_path = getenv("POWER_LOSS_IGNORE_SYNCS");
    if (!watched_folder || !trace_path || strlen(watched_folder) >= PATH_MAX)
        return;
    int low = syscall(SYS_openat, AT_FDCWD, trace_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    /* a high number, so that the program's descriptors are numbered as without the shim */
    trace = syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, 500);
    if (trace < 0) {
        perror("power-loss shim: cannot open the trace");
        abort();
    }
    syscall(SYS_close, low);
    if (ignored_path && strlen(ignored_path) < PATH_MAX) {
        strcpy(ignored, ignored_path);
        ignored_length = strlen(ignored);
    }
    plan(&failing_syncs, getenv("POWER_LOSS_FAIL_SYNCS"));
    plan(&failing_writes, getenv("POWER_LOSS_FAIL_WRITES"));
    strcpy(folder, watched_folder);
    folder_length = strlen(folder);
}

/* ---- the trace ---- */

static void append(const struct iovec *parts, int count)
{
    size_t left = 0;
    for (int i = 0; i < count; i++)
        left += parts[i].iov_len;
    /* a short write to a regular file means a full disk: half a trace would prove nothing */
    if ((size_t)syscall(SYS_writev, trace, parts, (long)count) != left)
        abort();
}

static uint64_t record(struct header header, const char *from, const char *to)
{
    header.from_length = from ? strlen(from) : 0;
    header.to_length = to ? strlen(to) : 0;
    struct iovec parts[] = {
        {&header, sizeof header},
        {(void *)from, header.from_length},
        {(void *)to, header.to_length},
    };
    uint64_t place = syscall(SYS_lseek, trace, 0L, SEEK_END);
    append(parts, 3);
    return place;
}

static void record_unsupported(const char *call)
{
    record((struct header){.operation = UNSUPPORTED}, call, NULL);
}

static void record_data(const struct iovec *parts, int count, size_t left)
{
    for (int i = 0; i < count && left > 0; i++) {
        struct iovec part = parts[i];
        if (part.iov_len > left)
            part.iov_len = left;
        if (part.iov_len > 0)
            append(&part, 1);
        left -= part.iov_len;
    }
}

/* ---- what a call is about ---- */

/* The part of an absolute path below the folder ("" is the folder itself), or NULL. */
static const char *below(const char *path)
{
    if (folder_length == 0 || strncmp(path, folder, folder_length) != 0)
        return NULL;
    if (path[folder_length] == '\0')
        return path + folder_length;
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static int path_of(int fd, char path[PATH_MAX])
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return 1;
}

struct subject {
    uint64_t inode;
    uint64_t size;
    char path[PATH_MAX];
    const char *relative;
};

/* Asks the kernel each time, so that no dup, close or descriptor passed over a socket can be missed. */
static int watched(int fd, struct subject *subject)
{
    int error = errno;
    struct stat status;
    int found = folder_length > 0 && fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
                path_of(fd, subject->path) && (subject->relative = below(subject->path)) != NULL;
    if (found) {
        subject->inode = status.st_ino;
        subject->size = status.st_size;
    }
    errno = error;
    return found;
}

struct place {
    char path[PATH_MAX];
    const char *relative; /* NULL: not below the folder */
};

/* Where a name is: its folder as the kernel knows it, and the name itself unresolved, as rename and unlink take it. */
static void locate(int directory, const char *path, struct place *place)
{
    place->relative = NULL;
    size_t length = strlen(path);
    if (folder_length == 0 || length == 0 || length >= PATH_MAX)
        return;
    char parent[PATH_MAX];
    strcpy(parent, path);
    while (length > 1 && parent[length - 1] == '/')
        parent[--length] = '\0';
    char *slash = strrchr(parent, '/');
    const char *name = slash ? slash + 1 : parent;
    char name_copy[NAME_MAX + 1];
    snprintf(name_copy, sizeof name_copy, "%s", name);
    if (slash)
        slash[1] = '\0';
    else
        strcpy(parent, ".");
    int fd = syscall(SYS_openat, directory, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    size_t used = path_of(fd, place->path) ? strlen(place->path) : PATH_MAX;
    syscall(SYS_close, fd);
    if (used + strlen(name_copy) + 2 > PATH_MAX)
        return;
    place->path[used] = '/';
    strcpy(place->path + used + 1, name_copy);
    place->relative = below(place->path);
}

/* ---- writes ---- */

enum { AT_POSITION = -1 };

static ssize_t write_vector(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    return syscall(SYS_pwritev2, fd, parts, (long)count, (long)offset, 0UL, flags);
}

/* As much as the disk has room for: whole parts, or some of the first. */
static ssize_t write_what_fits(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    uint64_t left = failing_writes.left;
    struct iovec first = parts[0];
    int whole = 0;
    while (whole < count && parts[whole].iov_len <= left)
        left -= parts[whole++].iov_len;
    if (whole > 0)
        return write_vector(fd, parts, whole, offset, flags);
    if (left == 0) {
        errno = ENOSPC;
        return -1;
    }
    first.iov_len = left;
    return write_vector(fd, &first, 1, offset, flags);
}

static ssize_t write_or_fail(const struct subject *subject, int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    if (count == 0 || !concerns(&failing_writes, subject->relative))
        return write_vector(fd, parts, count, offset, flags);
    ssize_t written = write_what_fits(fd, parts, count, offset, flags);
    if (written > 0)
        failing_writes.left -= written;
    return written;
}

static ssize_t record_write(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    struct subject subject;
    if (!watched(fd, &subject))
        return write_vector(fd, parts, count, offset, flags);
    pthread_mutex_lock(&order);
    ssize_t written = write_or_fail(&subject, fd, parts, count, offset, flags);
    if (written > 0) {
        int status = syscall(SYS_fcntl, fd, F_GETFL);
        if (status & O_APPEND && watched(fd, &subject))
            offset = subject.size - written;
        else if (offset == AT_POSITION)
            offset = syscall(SYS_lseek, fd, 0L, SEEK_CUR) - written;
        int durable = (status & O_DSYNC) != 0 || (flags & (RWF_DSYNC | RWF_SYNC)) != 0;
        record((struct header){.operation = WRITE, .flags = durable, .inode = subject.inode, .offset = offset, .length = written},
               NULL, NULL);
        record_data(parts, count, written);
    }
    pthread_mutex_unlock(&order);
    return written;
}

EXPORTED ssize_t write(int fd, const void *data, size_t size)
{
    struct iovec part = {(void *)data, size};
    return record_write(fd, &part, 1, AT_POSITION, 0);
}

EXPORTED ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return record_write(fd, parts, count, AT_POSITION, 0);
}

EXPORTED ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    struct iovec part = {(void *)data, size};
    return record_write(fd, &part, 1, offset, 0);
}

EXPORTED ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    return record_write(fd, parts, count, offset, flags);
}

EXPORTED ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return record_write(fd, parts, count, offset, 0);
}

static ssize_t call_unless_watched(int target, long number, long a, long b, long c, long d, long e, long f)
{
    struct subject subject;
    if (watched(target, &subject)) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(number, a, b, c, d, e, f);
}

EXPORTED ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags)
{
    return call_unless_watched(out, SYS_copy_file_range, in, (long)in_offset, out, (long)out_offset, length, flags);
}

EXPORTED ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
    return call_unless_watched(out, SYS_sendfile, out, in, (long)offset, count, 0, 0);
}

EXPORTED ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags)
{
    return call_unless_watched(out, SYS_splice, in, (long)in_offset, out, (long)out_offset, length, flags);
}

EXPORTED void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    struct subject subject;
    if (flags & MAP_SHARED && protection & PROT_WRITE && fd >= 0 && watched(fd, &subject)) {
        pthread_mutex_lock(&order);
        record_unsupported("mmap shared and writable");
        pthread_mutex_unlock(&order);
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

/* ---- sizes ---- */

EXPORTED int ftruncate(int fd, off_t size)
{
    struct subject subject;
    if (!watched(fd, &subject))
        return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&order);
    int result = syscall(SYS_ftruncate, fd, size);
    if (result == 0)
        record((struct header){.operation = RESIZE, .inode = subject.inode, .offset = size}, NULL, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int truncate(const char *path, off_t size)
{
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = ftruncate(fd, size);
    int error = errno;
    syscall(SYS_close, fd);
    errno = error;
    return result;
}

EXPORTED int fallocate(int fd, int mode, off_t offset, off_t length)
{
    struct subject subject;
    if (!watched(fd, &subject))
        return syscall(SYS_fallocate, fd, mode, offset, length);
    pthread_mutex_lock(&order);
    int result = syscall(SYS_fallocate, fd, mode, offset, length);
    if (result == 0) {
        if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
            record_unsupported("fallocate with this mode");
        if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
            record((struct header){.operation = ZERO, .inode = subject.inode, .offset = offset, .length = length}, NULL, NULL);
        if (!(mode & FALLOC_FL_KEEP_SIZE) && (uint64_t)(offset + length) > subject.size)
            record((struct header){.operation = RESIZE, .inode = subject.inode, .offset = offset + length}, NULL, NULL);
    }
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int posix_fallocate(int fd, off_t offset, off_t length)
{
    return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

/* ---- names ---- */

static int open_and_record(int directory, const char *path, int flags, mode_t mode)
{
    int unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    if (folder_length == 0 || !(unnamed || flags & (O_CREAT | O_TRUNC)))
        return syscall(SYS_openat, directory, path, flags, mode);
    struct subject subject;
    struct stat before;
    pthread_mutex_lock(&order);
    int error = errno;
    int existed = fstatat(directory, path, &before, 0) == 0;
    errno = error;
    int fd = syscall(SYS_openat, directory, path, flags, mode);
    if (fd >= 0 && watched(fd, &subject)) {
        if (unnamed)
            record_unsupported("open with O_TMPFILE");
        else if (!existed)
            record((struct header){.operation = CREATE, .inode = subject.inode}, subject.relative, NULL);
        else if (flags & O_TRUNC)
            record((struct header){.operation = RESIZE, .inode = subject.inode, .offset = 0}, NULL, NULL);
    }
    pthread_mutex_unlock(&order);
    return fd;
}

#define MODE_ARGUMENT(flags, mode)                                                                                     \
    mode_t mode = 0;                                                                                                   \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) {                                                   \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                             \
    }

EXPORTED int open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_and_record(AT_FDCWD, path, flags, mode);
}

EXPORTED int openat(int directory, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_and_record(directory, path, flags, mode);
}

EXPORTED int creat(const char *path, mode_t mode)
{
    return open_and_record(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORTED int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    struct place source, target;
    pthread_mutex_lock(&order);
    locate(from_directory, from, &source);
    locate(to_directory, to, &target);
    int result = syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
    if (result == 0 && (source.relative || target.relative)) {
        if (source.relative && target.relative && (flags & ~RENAME_NOREPLACE) == 0)
            record((struct header){.operation = RENAME}, source.relative, target.relative);
        else
            record_unsupported("rename into or out of the folder, or as an exchange");
    }
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORTED int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return renameat2(from_directory, from, to_directory, to, 0);
}

EXPORTED int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    struct place source, target;
    pthread_mutex_lock(&order);
    locate(from_directory, from, &source);
    locate(to_directory, to, &target);
    int result = syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    if (result == 0 && target.relative) {
        if (source.relative)
            record((struct header){.operation = LINK}, source.relative, target.relative);
        else
            record_unsupported("link from outside the folder");
    }
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORTED int symlinkat(const char *content, int directory, const char *path)
{
    struct place place;
    pthread_mutex_lock(&order);
    locate(directory, path, &place);
    int result = syscall(SYS_symlinkat, content, directory, path);
    if (result == 0 && place.relative)
        record_unsupported("symlink");
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int symlink(const char *content, const char *path)
{
    return symlinkat(content, AT_FDCWD, path);
}

EXPORTED int unlinkat(int directory, const char *path, int flags)
{
    struct place place;
    pthread_mutex_lock(&order);
    locate(directory, path, &place);
    int result = syscall(SYS_unlinkat, directory, path, flags);
    if (result == 0 && place.relative)
        record((struct header){.operation = REMOVE}, place.relative, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORTED int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORTED int mkdirat(int directory, const char *path, mode_t mode)
{
    struct place place;
    struct stat made;
    pthread_mutex_lock(&order);
    locate(directory, path, &place);
    int result = syscall(SYS_mkdirat, directory, path, mode);
    if (result == 0 && place.relative && fstatat(directory, path, &made, 0) == 0)
        record((struct header){.operation = MAKE_FOLDER, .inode = made.st_ino}, place.relative, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

EXPORTED int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* ---- syncs ---- */

static int sync_and_record(int fd, long number)
{
    struct subject subject;
    if (!watched(fd, &subject))
        return syscall(number, fd);
    if (ignored_length > 0 && strncmp(subject.relative, ignored, ignored_length) == 0)
        return 0;
    pthread_mutex_lock(&order);
    if (concerns(&failing_syncs, subject.relative) && failing_syncs.left-- == 0) {
        failing_syncs.left = 0;
        record((struct header){.operation = SYNC_FAILED, .inode = subject.inode}, NULL, NULL);
        pthread_mutex_unlock(&order);
        errno = EIO;
        return -1;
    }
    uint64_t begun = record((struct header){.operation = SYNC_BEGIN, .inode = subject.inode}, NULL, NULL);
    pthread_mutex_unlock(&order);
    int result = syscall(number, fd);
    if (result == 0) {
        pthread_mutex_lock(&order);
        record((struct header){.operation = SYNC_END, .inode = subject.inode, .offset = begun}, NULL, NULL);
        pthread_mutex_unlock(&order);
    }
    return result;
}

EXPORTED int fsync(int fd)
{
    return sync_and_record(fd, SYS_fsync);
}

EXPORTED int fdatasync(int fd)
{
    return sync_and_record(fd, SYS_fdatasync);
}

/* sync, syncfs, msync and sync_file_range are not recorded: to count them as promising nothing is the harsher reading.
 * (sync_file_range promises nothing in truth; what a shared mapping writes is refused above.) */

/* ---- the same calls under their names for large files ---- */

#define LARGE_FILE(result, name, original, parameters)                                                                 \
    EXPORTED result name parameters __attribute__((alias(#original)));

LARGE_FILE(int, open64, open, (const char *path, int flags, ...))
LARGE_FILE(int, openat64, openat, (int directory, const char *path, int flags, ...))
LARGE_FILE(int, creat64, creat, (const char *path, mode_t mode))
LARGE_FILE(ssize_t, pwrite64, pwrite, (int fd, const void *data, size_t size, off64_t offset))
LARGE_FILE(ssize_t, pwritev64, pwritev, (int fd, const struct iovec *parts, int count, off64_t offset))
LARGE_FILE(ssize_t, pwritev64v2, pwritev2, (int fd, const struct iovec *parts, int count, off64_t offset, int flags))
LARGE_FILE(ssize_t, sendfile64, sendfile, (int out, int in, off64_t *offset, size_t count))
LARGE_FILE(void *, mmap64, mmap, (void *address, size_t length, int protection, int flags, int fd, off64_t offset))
LARGE_FILE(int, ftruncate64, ftruncate, (int fd, off64_t size))
LARGE_FILE(int, truncate64, truncate, (const char *path, off64_t size))
LARGE_FILE(int, fallocate64, fallocate, (int fd, int mode, off64_t offset, off64_t length))
LARGE_FILE(int, posix_fallocate64, posix_fallocate, (int fd, off64_t offset, off64_t length))
