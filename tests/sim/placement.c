/* How even do loads stay, and what does that cost in moves?  Traffic that is made
 * up (Zipf over topics, a daily swing in three regions, bursts, noise), workers
 * that are lost and come back, and four rules side by side on the same field:
 *
 *   round-robin  partitions dealt out to tasks, tasks to workers, load unknown; a
 *                lost worker's tasks wait 310 s (MirrorMaker 2's defaults)
 *   uReplicator  partitions; 150 s after a loss to the lightest; each 600 s from
 *                workers above 1.2 of the mean to the lightest, a partition that is
 *                alone more than the mean left out
 *   Brooklin     heaviest partition to the lightest task once; then tasks by their
 *                number, 150 s after a change
 *   Heliostat    lanes by number, as a plan without weights makes it
 *   Heliostat    by load: plan.c and lane_weight.c as the leader uses them
 *   Heliostat    the same, and hot lanes give partitions away (spread.c)
 *
 * The rules of the others are as docs/performance.md tells them, at their
 * defaults; each has the same smoothed measurements.  A planned move stops a
 * partition for 1.5 s, a loss until it has an owner again.
 *
 * --hot N puts the N heaviest partitions into one lane, and so into one of Brooklin's
 * and round-robin's tasks: what a placement by number may come to.
 *
 *   placement [--seed N] [--hours H] [--workers N] [--lanes N] [--hot N] [--json] [--check] */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lane_weight.h"
#include "coordinator/plan.h"
#include "coordinator/spread.h"

#define STEP_S 10
#define TOPICS 400
#define WORKERS_MAX 64
#define UNITS_MAX 1024
#define PARTS_MAX 4000
#define TOTAL_BYTES 400e6 /* per second, on average */
#define MOVE_STOP_S 1.5
#define NOBODY UINT32_MAX

enum rule { ROUND_ROBIN, UREPLICATOR, BROOKLIN, BY_NUMBER, BY_LOAD, SPREAD, RULES };
static const char *const rule_names[RULES] = {"round-robin", "uReplicator", "Brooklin", "Heliostat, by number", "Heliostat, by load", "Heliostat, spreading"};
/* from a lost host to new owners: its session, then what the rule waits */
static const int loss_s[RULES] = {10 + 300, 30 + 120, 30 + 120, 6, 6, 6};

struct traffic {
        uint64_t rng;
        size_t parts;
        uint32_t topic[PARTS_MAX];
        double base[PARTS_MAX], rate[PARTS_MAX], smooth[PARTS_MAX]; /* bytes per second */
        double phase[TOPICS];
        int burst_until_s[TOPICS];
};

struct field {
        enum rule rule;
        size_t workers, units, parts;
        bool alive[WORKERS_MAX];
        int changed_s;                  /* the last loss or return */
        int gone_s[WORKERS_MAX];
        uint32_t unit_of[PARTS_MAX];    /* lane or task; uReplicator: the partition itself */
        uint32_t owner[PARTS_MAX];      /* of units */
        uint32_t weight[UNITS_MAX];     /* kept */
        bool evening;                   /* a tight plan is being carried out */
        int next_s, quiet_s, spread_s;
        /* figures */
        double sum, worst, stopped;
        double *ratios;
        size_t samples, moves, parts_moved;
        double calm_sum;                /* of times to come back under 1.2 after a change */
        size_t calm_count, upsets;
        int upset_s;
};

static double rnd(uint64_t *state) {
        uint64_t z = (*state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void traffic_init(struct traffic *t, uint64_t seed) {
        double harmonic = 0;
        t->rng = seed;
        t->parts = 0;
        for (uint32_t i = 0; i < TOPICS; i++) harmonic += 1.0 / (i + 1);
        for (uint32_t i = 0; i < TOPICS; i++) {
                size_t count = (size_t)1 << (int)(rnd(&t->rng) * 5); /* seldom chosen by the traffic */
                if (i < 10 && count < 8) count = 8;
                t->phase[i] = floor(rnd(&t->rng) * 3) / 3;
                t->burst_until_s[i] = 0;
                for (size_t p = 0; p < count; p++) {
                        t->topic[t->parts] = i;
                        /* keys are not spread evenly either */
                        t->base[t->parts++] = TOTAL_BYTES / harmonic / (i + 1) / (double)count * (0.7 + 0.6 * rnd(&t->rng));
                }
        }
}

static void traffic_at(struct traffic *t, int now_s) {
        double now = (double)now_s / 86400, swing[TOPICS];
        for (size_t i = 0; i < TOPICS; i++) {
                if (now_s >= t->burst_until_s[i] && rnd(&t->rng) < (double)STEP_S / 3600 / 100) t->burst_until_s[i] = now_s + 3600;
                swing[i] = (1 + 0.6 * sin(2 * M_PI * (now + t->phase[i]))) * (0.85 + 0.3 * rnd(&t->rng)) *
                           (now_s < t->burst_until_s[i] ? 3 : 1);
        }
        for (size_t p = 0; p < t->parts; p++) {
                t->rate[p] = t->base[p] * swing[t->topic[p]];
                double part = (double)STEP_S / (60 + STEP_S);
                t->smooth[p] = now_s ? t->smooth[p] + part * (t->rate[p] - t->smooth[p]) : t->rate[p];
        }
}

static size_t alive_count(const struct field *f) {
        size_t n = 0;
        for (size_t w = 0; w < f->workers; w++) n += f->alive[w];
        return n;
}

static void loads_of(const struct field *f, const double *rate, double *out) {
        memset(out, 0, WORKERS_MAX * sizeof *out);
        for (size_t p = 0; p < f->parts; p++)
                if (f->owner[f->unit_of[p]] != NOBODY) out[f->owner[f->unit_of[p]]] += rate[p];
}

static void give(struct field *f, uint32_t unit, uint32_t to) {
        if (f->owner[unit] == to) return;
        bool planned = f->owner[unit] != NOBODY && f->alive[f->owner[unit]];
        size_t parts = 0;
        for (size_t p = 0; p < f->parts; p++) parts += f->unit_of[p] == unit;
        if (planned) {
                f->moves++;
                f->parts_moved += parts;
                f->stopped += MOVE_STOP_S * (double)parts;
        }
        f->owner[unit] = to;
}

static uint32_t least(const struct field *f, const double *load) {
        uint32_t best = NOBODY;
        for (uint32_t w = 0; w < f->workers; w++)
                if (f->alive[w] && (best == NOBODY || load[w] < load[best])) best = w;
        return best;
}

/* Tasks to workers by their number, as few moves as that takes. */
static void deal_tasks(struct field *f) {
        double count[WORKERS_MAX] = {0};
        for (size_t u = 0; u < f->units; u++)
                if (f->owner[u] != NOBODY && f->alive[f->owner[u]]) count[f->owner[u]]++;
        for (uint32_t u = 0; u < f->units; u++) {
                if (f->owner[u] != NOBODY && f->alive[f->owner[u]]) continue;
                uint32_t to = least(f, count);
                give(f, u, to);
                count[to]++;
        }
        for (uint32_t u = 0; u < f->units; u++) {
                uint32_t to = least(f, count), from = f->owner[u];
                if (count[from] <= count[to] + 1) continue;
                give(f, u, to);
                count[from]--;
                count[to]++;
        }
}

static int by_rate(const void *a, const void *b, void *ctx) {
        const double *rate = ctx;
        const uint32_t *x = a, *y = b;
        if (rate[*x] != rate[*y]) return rate[*x] < rate[*y] ? 1 : -1;
        return (*x > *y) - (*x < *y);
}

static void heaviest_first(const struct traffic *t, uint32_t *order) {
        for (uint32_t p = 0; p < t->parts; p++) order[p] = p;
        qsort_r(order, t->parts, sizeof *order, by_rate, (void *)t->smooth);
}

static void ureplicator(struct field *f, const struct traffic *t, bool balance) {
        double load[WORKERS_MAX], total = 0, mean = 0;
        static uint32_t order[PARTS_MAX];
        heaviest_first(t, order);
        loads_of(f, t->smooth, load);
        for (size_t i = 0; i < f->parts; i++) {
                uint32_t p = order[i];
                if (f->owner[p] != NOBODY && f->alive[f->owner[p]]) continue;
                uint32_t to = least(f, load);
                give(f, p, to);
                load[to] += t->smooth[p];
        }
        for (size_t p = 0; p < f->parts; p++) total += t->smooth[p];
        mean = total / (double)alive_count(f);
        for (size_t i = 0; balance && i < f->parts; i++) {
                uint32_t p = order[i], from = f->owner[p], to = least(f, load);
                if (t->smooth[p] > mean || load[from] <= 1.2 * mean || load[to] + t->smooth[p] >= load[from]) continue;
                give(f, p, to);
                load[from] -= t->smooth[p];
                load[to] += t->smooth[p];
        }
}

/* One partition out of one lane that is too hot, as cluster_spread.c chooses it. */
static void spread(struct field *f, const struct traffic *t, int now_s) {
        double load[WORKERS_MAX] = {0};
        static double rates[PARTS_MAX];
        static uint32_t which[PARTS_MAX];
        static struct spread_lane lanes[UNITS_MAX];
        uint64_t total = 0;
        for (size_t u = 0; u < f->units; u++) {
                load[f->owner[u]] += f->weight[u];
                total += f->weight[u];
        }
        uint64_t share = total / alive_count(f);
        for (uint32_t u = 0; u < f->units; u++) {
                if (!spread_hot(f->weight[u], share, 15)) continue;
                struct spread_view view = {.weight = f->weight[u], .share = share, .tolerance_percent = 15, .rates = rates, .lanes = lanes};
                struct spread_choice choice;
                for (uint32_t p = 0; p < f->parts; p++) {
                        if (f->unit_of[p] != u) continue;
                        rates[view.rate_count] = t->smooth[p];
                        which[view.rate_count++] = p;
                }
                for (uint32_t k = 0; k < f->units; k++)
                        if (f->owner[k] != f->owner[u])
                                lanes[view.lane_count++] = (struct spread_lane){k, (uint64_t)load[f->owner[k]], f->weight[k]};
                if (!spread_choose(&view, &choice)) continue;
                f->unit_of[which[choice.partition]] = choice.to;
                f->moves++;
                f->parts_moved++;
                f->stopped += MOVE_STOP_S;
                f->spread_s = now_s + 180;
                return;
        }
}

static void heliostat(struct field *f, const struct traffic *t, int now_s) {
        static struct plan_member members[WORKERS_MAX];
        static struct plan_lane lanes[UNITS_MAX];
        static char ids[WORKERS_MAX][16];
        static const char *const zones[] = {"a", "b", "c"};
        double rate[UNITS_MAX] = {0};
        uint32_t parts[UNITS_MAX] = {0}, who[WORKERS_MAX];
        size_t n = 0;
        struct plan plan;
        bool weighed = false;
        for (size_t p = 0; p < f->parts; p++) {
                rate[f->unit_of[p]] += t->smooth[p];
                parts[f->unit_of[p]]++;
        }
        if ((f->rule == BY_LOAD || f->rule == SPREAD) && now_s >= f->quiet_s && now_s >= f->next_s) {
                f->next_s = now_s + 30;
                f->evening = weighed = true;
                for (size_t u = 0; u < f->units; u++) {
                        struct lane_load load = {parts[u], (uint64_t)rate[u], (uint64_t)rate[u] / 1000, 0};
                        f->weight[u] = lane_weight_keep(f->weight[u], lane_weight(&load));
                }
        }
        for (uint32_t w = 0; w < f->workers; w++) {
                (void)snprintf(ids[w], sizeof ids[w], "w%02u", w);
                if (!f->alive[w]) continue;
                who[n] = w;
                members[n++] = (struct plan_member){.id = ids[w], .capacity = 100, .zone = zones[w % 3]};
        }
        for (uint32_t u = 0; u < f->units; u++)
                lanes[u] = (struct plan_lane){.route = "e->w", .lane = u, .weight = f->weight[u] ? f->weight[u] : parts[u],
                                              .owner = f->owner[u] == NOBODY ? NULL : ids[f->owner[u]]};
        struct plan_view view = {members, n, lanes, f->units, f->evening, 15};
        if (plan_compute(&view, &plan)) abort();
        f->evening = false;
        if (plan.move_count) f->quiet_s = now_s + 60;
        bool still = !plan.move_count;
        for (uint32_t u = 0; u < f->units; u++) give(f, u, who[plan.owner[u]]);
        plan_fini(&plan);
        if (still && weighed && f->rule == SPREAD && now_s >= f->spread_s) spread(f, t, now_s);
}

static void decide(struct field *f, const struct traffic *t, int now_s) {
        bool lost_due = now_s >= f->changed_s + loss_s[f->rule], due = now_s >= f->next_s;
        bool orphans = false;
        for (size_t u = 0; u < f->units; u++) orphans = orphans || f->owner[u] == NOBODY || !f->alive[f->owner[u]];
        switch (f->rule) {
        case ROUND_ROBIN:
        case BROOKLIN:
                if (lost_due && due) {
                        deal_tasks(f);
                        f->next_s = INT32_MAX; /* until something changes */
                }
                return;
        case UREPLICATOR:
                if (lost_due && (orphans || due)) {
                        ureplicator(f, t, due);
                        if (due) f->next_s = now_s + 600;
                }
                return;
        default:
                if (!orphans || lost_due) heliostat(f, t, now_s);
        }
}

static void field_init(struct field *f, enum rule rule, const struct traffic *t, size_t workers, size_t units, size_t samples,
                       size_t hot) {
        static uint32_t order[PARTS_MAX];
        double load[UNITS_MAX] = {0};
        *f = (struct field){.rule = rule, .workers = workers, .parts = t->parts, .changed_s = -100000, .upset_s = -1,
                            .units = rule == UREPLICATOR ? t->parts : units, .ratios = calloc(samples, sizeof(double))};
        if (!f->ratios) abort();
        for (size_t w = 0; w < workers; w++) f->alive[w] = true;
        for (uint32_t u = 0; u < f->units; u++) f->owner[u] = NOBODY;
        heaviest_first(t, order);
        for (uint32_t i = 0; i < t->parts; i++) {
                size_t lightest = 0;
                uint32_t p = order[i];
                if (rule == UREPLICATOR) f->unit_of[i] = i;
                else if (rule != BROOKLIN) f->unit_of[i] = i % (uint32_t)units; /* in the order of their names */
                else {
                        for (size_t u = 1; u < units; u++)
                                if (load[u] < load[lightest]) lightest = u;
                        f->unit_of[p] = (uint32_t)lightest;
                        load[lightest] += t->smooth[p];
                }
        }
        for (size_t i = 0; rule != UREPLICATOR && i < hot && i < t->parts; i++) f->unit_of[order[i]] = 0;
        decide(f, t, 0);
        f->moves = f->parts_moved = 0;
        f->stopped = 0;
}

static void change(struct field *f, size_t worker, bool alive, int now_s) {
        f->alive[worker] = alive;
        f->changed_s = now_s;
        if (f->rule == ROUND_ROBIN || f->rule == BROOKLIN) f->next_s = now_s;
        f->quiet_s = now_s + 60;
        f->upset_s = now_s;
        f->upsets++;
}

static void look(struct field *f, const struct traffic *t, int now_s) {
        double load[WORKERS_MAX], total = 0, most = 0;
        for (size_t p = 0; p < f->parts; p++) {
                uint32_t owner = f->owner[f->unit_of[p]];
                if (owner == NOBODY || !f->alive[owner]) f->stopped += STEP_S;
        }
        loads_of(f, t->rate, load);
        for (size_t w = 0; w < f->workers; w++) {
                total += load[w];
                if (f->alive[w] && load[w] > most) most = load[w];
        }
        double ratio = most / (total / (double)alive_count(f));
        f->sum += ratio;
        f->ratios[f->samples++] = ratio;
        bool orphans = false;
        for (size_t u = 0; u < f->units; u++) orphans = orphans || !f->alive[f->owner[u]];
        if (f->upset_s >= 0 && !orphans && ratio < 1.25) {
                f->calm_sum += now_s - f->upset_s;
                f->calm_count++;
                f->upset_s = -1;
        }
}

static int ratio_compare(const void *a, const void *b) {
        const double *x = a, *y = b;
        return (*x > *y) - (*x < *y);
}

struct figures { double mean, p99, moves, parts, stopped, recovery; size_t upsets, calmed; };

int main(int argc, char **argv) {
        uint64_t seed = 1;
        int hours = 48;
        size_t workers = 12, lanes = 96, hot = 0;
        bool json = false, check = false;
        static struct traffic traffic;
        static struct field fields[RULES];
        struct figures out[RULES];
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--json") == 0) json = true;
                else if (strcmp(argv[i], "--check") == 0) check = true;
                else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[++i], NULL, 0);
                else if (i + 1 < argc && strcmp(argv[i], "--hours") == 0) hours = atoi(argv[++i]);
                else if (i + 1 < argc && strcmp(argv[i], "--workers") == 0) workers = strtoul(argv[++i], NULL, 0);
                else if (i + 1 < argc && strcmp(argv[i], "--hot") == 0) hot = strtoul(argv[++i], NULL, 0);
                else if (i + 1 < argc && strcmp(argv[i], "--lanes") == 0) lanes = strtoul(argv[++i], NULL, 0);
                else {
                        (void)fprintf(stderr, "usage: placement [--seed N] [--hours H] [--workers N] [--lanes N] [--hot N] [--json] [--check]\n");
                        return 2;
                }
        }
        if (hours < 1 || hours > 10000 || workers < 3 || workers > WORKERS_MAX || lanes < workers || lanes > UNITS_MAX) return 2;
        size_t samples = (size_t)hours * 3600 / STEP_S;
        traffic_init(&traffic, seed);
        traffic_at(&traffic, 0);
        for (int r = 0; r < RULES; r++) field_init(&fields[r], (enum rule)r, &traffic, workers, lanes, samples, hot);
        uint64_t faults = seed * 77 + 5;
        int next_loss_s = 3600, back_s = -1;
        size_t lost = 0;
        for (size_t i = 0; i < samples; i++) {
                int now_s = (int)(i + 1) * STEP_S;
                traffic_at(&traffic, now_s);
                bool loss = back_s < 0 && now_s >= next_loss_s, back = back_s >= 0 && now_s >= back_s;
                if (loss) {
                        lost = (size_t)(rnd(&faults) * (double)workers);
                        back_s = now_s + 1200;
                } else if (back) {
                        back_s = -1;
                        next_loss_s = now_s + 3 * 3600 + (int)(rnd(&faults) * 3600);
                }
                for (int r = 0; r < RULES; r++) {
                        if (loss || back) change(&fields[r], lost, back, now_s);
                        decide(&fields[r], &traffic, now_s);
                        look(&fields[r], &traffic, now_s);
                }
        }
        for (int r = 0; r < RULES; r++) {
                struct field *f = &fields[r];
                qsort(f->ratios, f->samples, sizeof *f->ratios, ratio_compare);
                out[r] = (struct figures){f->sum / (double)f->samples, f->ratios[f->samples * 99 / 100], (double)f->moves / hours,
                                          (double)f->parts_moved / hours, f->stopped / hours / (double)f->parts,
                                          f->calm_count ? f->calm_sum / (double)f->calm_count : -1,
                                          f->upsets, f->calm_count};
                free(f->ratios);
        }
        if (json) printf("{\"seed\": %llu, \"hours\": %d, \"workers\": %zu, \"lanes\": %zu, \"partitions\": %zu, \"rules\": [", (unsigned long long)seed,
                         hours, workers, lanes, traffic.parts);
        else printf("%zu partitions, %zu workers, %zu lanes, %d h, seed %llu\n%-22s %14s %8s %9s %14s %12s %10s %8s\n", traffic.parts, workers, lanes, hours,
                    (unsigned long long)seed, "rule", "max/mean: avg", "p99", "moves/h", "partitions/h", "stopped s/h", "even after", "of them");
        for (int r = 0; r < RULES; r++) {
                const struct figures *x = &out[r];
                if (json) printf("%s{\"rule\": \"%s\", \"imbalance_avg\": %.3f, \"imbalance_p99\": %.3f, \"moves_per_hour\": %.2f, "
                                 "\"partitions_moved_per_hour\": %.2f, \"stopped_seconds_per_partition_hour\": %.3f, \"even_after_s\": %.0f, \"upsets\": %zu, \"evened\": %zu}",
                                 r ? ", " : "", rule_names[r], x->mean, x->p99, x->moves, x->parts, x->stopped, x->recovery, x->upsets, x->calmed);
                else printf("%-22s %14.2f %8.2f %9.1f %14.1f %12.2f %8.0f s %4zu/%zu\n", rule_names[r], x->mean, x->p99, x->moves, x->parts, x->stopped, x->recovery,
                            x->calmed, x->upsets);
        }
        if (json) puts("]}");
        if (!check) return 0;
        const struct figures *ours = &out[hot ? SPREAD : BY_LOAD];
        bool good = true;
        for (int r = 0; r < (hot ? SPREAD : BY_LOAD); r++) good = good && (ours->mean < out[r].mean || (hot && r == UREPLICATOR));
        for (int r = 0; r < BY_NUMBER; r++) good = good && 5 * ours->stopped < out[r].stopped;
        /* uReplicator moves single partitions, and fewer: it waits, and leaves who came back nearly empty */
        if (hot) good = good && ours->moves <= out[BY_LOAD].moves;
        else good = good && ours->moves <= out[ROUND_ROBIN].moves && ours->moves <= out[BROOKLIN].moves;
        if (!good) (void)fprintf(stderr, "by load is not the most even, or moves or stops more than the others\n");
        return good ? 0 : 1;
}
