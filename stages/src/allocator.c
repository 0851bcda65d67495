/* Keeps freed memory instead of giving it back to the system.
 *
 * A step of training frees and asks for the same hundreds of megabytes over and over, and so does, on a smaller scale,
 * each run of a subnet whose latency is measured. By default glibc maps large blocks anew each time and trims the top of
 * its heap: the system then clears the same pages again and again, which costs a training about a tenth of its time, and
 * makes a subnet of one millisecond take 1.0 or 1.7 by what the process did before. */
#if defined(__GLIBC__) || defined(__linux__)
#include <features.h>
#endif
#ifdef __GLIBC__
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

__attribute__((constructor)) static void keep_freed_memory(void) {
    /* How far a network's memory makes a process grow can be seen only where what was freed before is gone. */
    if (getenv("NNF_RETURN_FREED_MEMORY")) {
        mallopt(M_MMAP_THRESHOLD, 64 << 10);
        mallopt(M_TRIM_THRESHOLD, 64 << 10);
        return;
    }
    /* Where the threshold cannot be so large, no block is mapped by itself. */
    if (!mallopt(M_MMAP_THRESHOLD, INT_MAX)) {
        mallopt(M_MMAP_MAX, 0);
    }
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, 64 << 20);
}
#endif
