/* old_jobs.c - see old_jobs.h. */
#include "agent/old_jobs.h"

#include "agent/spool.h"
#include "parsers/base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct removed {
    uint64_t files, records;
};

static void expire_shelf(int shelf_fd, int64_t max_age_ms, int64_t now_ms, struct removed *r)
{
    struct spool_item *items;
    size_t n;
    if (spool_list(shelf_fd, &items, &n))
        return;
    for (size_t i = 0; i < n; i++) {
        const char *error;
        bool unknown;
        struct batch *b = spool_read(shelf_fd, items[i].seq, NULL, &error);
        if (!b)
            continue; /* the job will say so when it goes on */
        if (spool_age_ms(shelf_fd, items[i].seq, b->sealed_ms,
                         &(struct spool_clock){now_ms, max_age_ms}, &unknown) > max_age_ms &&
            !spool_remove(shelf_fd, items[i].seq)) {
            r->files++;
            r->records += b->n_records;
        }
        batch_free(b);
    }
    free(items);
}

static void expire_job(int job_fd, const char *name, int64_t max_age_ms, int64_t now_ms)
{
    struct removed r = {0};
    int lock = openat(job_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB)) {
        close(lock);
        return; /* under way: it looks to its own */
    }
    for (int shelf = 0; shelf < SHELF_COUNT; shelf++) {
        int fd = openat(job_fd, shelf_name((enum shelf)shelf),
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        expire_shelf(fd, max_age_ms, now_ms, &r);
        close(fd);
    }
    if (lock >= 0)
        close(lock);
    if (r.files)
        log_event(LOG_WARN, "job_expired",
                  "job=%s files=%llu records=%llu why=\"limits.max_age\" mend=\"run that backfill "
                  "again, if its records are wanted\"",
                  name, (unsigned long long)r.files, (unsigned long long)r.records);
}

void old_jobs_expire(int state_fd, int64_t max_age_ms, int64_t now_ms)
{
    struct dirent *e;
    int fd = openat(state_fd, "jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *jobs = fd < 0 ? NULL : fdopendir(fd);
    if (!jobs) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((e = readdir(jobs))) {
        uint64_t id;
        int job = str_to_hex64(str_of(e->d_name), &id)
                      ? openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                      : -1;
        if (job < 0)
            continue;
        expire_job(job, e->d_name, max_age_ms, now_ms);
        close(job);
    }
    closedir(jobs);
}
