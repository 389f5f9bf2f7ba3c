/* SPDX-License-Identifier: ISC */
/*
 * Huge pages refused to a VMM that maps a template; private to vmm/.
 *
 * Some VMMs ask for them with madvise(MADV_HUGEPAGE) on guest
 * memory.  Of a privately mapped file Linux then answers each first touch by
 * reading 2 MiB and as much again behind it, whatever its readahead is
 * (mm/filemap.c, do_sync_mmap_readahead), so a clone that touches few pages reads
 * many.  They do without where the advice fails.
 */
#ifndef VMM_ADVICE_H
#define VMM_ADVICE_H

/*
 * From here on this process, and what it becomes, is told EINVAL for that
 * advice, and for no other; it gets no new privileges.  A kernel that has no
 * filter of system calls is told of in a line on stderr, and no error.
 */
void advice_refuse_huge(void);

#endif
