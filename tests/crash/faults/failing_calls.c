/* Lets one call of libc fail, the Nth of its kind on a path, in a program that runs under LD_PRELOAD:
 *
 *   FAIL_CALL    open, write, sync, rename, truncate or allocate; each stands for every call of its kind
 *   FAIL_PATH    part of the path that the call must be about
 *   FAIL_AT      which of the matching calls fails, from 1
 *   FAIL_ERRNO   with which errno; a write may also be cut short: 0
 *   FAIL_REPORT  a file that is made when the call has failed
 *
 * A descriptor's path is asked of the kernel, so that none is missed. Calls made by libc itself (stdio) are
 * not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

/* The call below this library; POSIX's way to make a function of what dlsym gives. */
#define NEXT(name, result, ...)       \
  static result (*next)(__VA_ARGS__); \
  if (next == NULL) *(void**)(&next) = dlsym(RTLD_NEXT, name)

static void report(const char* call, const char* path) {
  const char* file = getenv("FAIL_REPORT");
  if (file == NULL) return;
  const int out = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) return;
  (void)!syscall(SYS_write, out, call, strlen(call));
  (void)!syscall(SYS_write, out, " ", 1);
  (void)!syscall(SYS_write, out, path, strlen(path));
  syscall(SYS_close, out);
}

/* Whether this call is the one; then errno is set. */
static int fails(const char* call, const char* path) {
  const char* wanted = getenv("FAIL_CALL");
  const char* part = getenv("FAIL_PATH");
  const char* at = getenv("FAIL_AT");
  if (wanted == NULL || part == NULL || at == NULL || strcmp(wanted, call) != 0 || strstr(path, part) == NULL)
    return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atol(at)) return 0;
  report(call, path);
  const char* code = getenv("FAIL_ERRNO");
  errno = code != NULL ? atoi(code) : EIO;
  return 1;
}

static int fails_on(const char* call, int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const int before = errno;
  const ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = '\0';
  return fails(call, path);
}

/* ---- open */

static int wants_mode(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPEN(symbol)                             \
  int symbol(const char* path, int flags, ...) { \
    NEXT(#symbol, int, const char*, int, ...);   \
    mode_t mode = 0;                             \
    if (wants_mode(flags)) {                     \
      va_list list;                              \
      va_start(list, flags);                     \
      mode = va_arg(list, mode_t);               \
      va_end(list);                              \
    }                                            \
    if (fails("open", path)) return -1;          \
    return next(path, flags, mode);              \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(symbol)                                          \
  int symbol(int directory, const char* path, int flags, ...) { \
    NEXT(#symbol, int, int, const char*, int, ...);             \
    mode_t mode = 0;                                            \
    if (wants_mode(flags)) {                                    \
      va_list list;                                             \
      va_start(list, flags);                                    \
      mode = va_arg(list, mode_t);                              \
      va_end(list);                                             \
    }                                                           \
    if (fails("open", path)) return -1;                         \
    return next(directory, path, flags, mode);                  \
  }
OPENAT(openat)
OPENAT(openat64)

/* ---- write: refused, or cut short in the middle */

ssize_t write(int descriptor, const void* data, size_t size) {
  NEXT("write", ssize_t, int, const void*, size_t);
  if (!fails_on("write", descriptor)) return next(descriptor, data, size);
  return errno != 0 ? -1 : next(descriptor, data, (size + 1) / 2);
}

#define PWRITE(symbol, offset_type)                                               \
  ssize_t symbol(int descriptor, const void* data, size_t size, offset_type at) { \
    NEXT(#symbol, ssize_t, int, const void*, size_t, offset_type);                \
    if (!fails_on("write", descriptor)) return next(descriptor, data, size, at);  \
    return errno != 0 ? -1 : next(descriptor, data, (size + 1) / 2, at);          \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int descriptor, const struct iovec* pieces, int count) {
  NEXT("writev", ssize_t, int, const struct iovec*, int);
  if (!fails_on("write", descriptor)) return next(descriptor, pieces, count);
  return errno != 0 ? -1 : next(descriptor, pieces, (count + 1) / 2);
}

#define PWRITEV(symbol, offset_type)                                                      \
  ssize_t symbol(int descriptor, const struct iovec* pieces, int count, offset_type at) { \
    NEXT(#symbol, ssize_t, int, const struct iovec*, int, offset_type);                   \
    if (!fails_on("write", descriptor)) return next(descriptor, pieces, count, at);       \
    return errno != 0 ? -1 : next(descriptor, pieces, (count + 1) / 2, at);               \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

/* ---- sync, names, sizes */

int fsync(int descriptor) {
  NEXT("fsync", int, int);
  return fails_on("sync", descriptor) ? -1 : next(descriptor);
}

int fdatasync(int descriptor) {
  NEXT("fdatasync", int, int);
  return fails_on("sync", descriptor) ? -1 : next(descriptor);
}

int rename(const char* from, const char* to) {
  NEXT("rename", int, const char*, const char*);
  return fails("rename", to) ? -1 : next(from, to);
}

#define TRUNCATE(symbol, offset_type)                                      \
  int symbol(int descriptor, offset_type size) {                           \
    NEXT(#symbol, int, int, offset_type);                                  \
    return fails_on("truncate", descriptor) ? -1 : next(descriptor, size); \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(symbol, offset_type)                                                \
  int symbol(int descriptor, int mode, offset_type at, offset_type size) {           \
    NEXT(#symbol, int, int, int, offset_type, offset_type);                          \
    return fails_on("allocate", descriptor) ? -1 : next(descriptor, mode, at, size); \
  }
ALLOCATE(fallocate, off_t)
ALLOCATE(fallocate64, off64_t)
