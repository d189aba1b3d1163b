# A long history: W1 without and with millions of finished runs, and how long a month of them takes to drop
#
# Not done by default: the rows want 3 GB for each million runs. They are copies of real ones, spread over thirty days.
option finished 1000000 20000 "finished runs in history; the target speaks of 10,000,000"
option history_runs 30000 4000 "how many runs W1's rate is taken of"
option history_times 5 1 "how often, without and with a history"
rounds_history=1

measure_history() {
    local before begun
    server_with "flowctl.partition_interval = '1 day'"
    start_endpoint
    fresh_database history.sql || return 1
    sql "CALL make_month()" >/dev/null || return 1
    # A server that has run for a while has no free buffers: without a history it shall not have them, either.
    sql "CALL fill_buffers()" || return 1
    w1_rates "W1 with an empty history" curl || return 1
    before=$(middle)
    begun=$EPOCHREALTIME
    sql "CALL copy_runs($finished)" || return 1
    sql "VACUUM (ANALYZE) flowctl_catalog.run, flowctl_catalog.history_event, flowctl_catalog.call, flowctl_catalog.call_outcome" CHECKPOINT
    wait_until 900 nobody_vacuums || return 1
    note "$finished finished runs, $(sql "SELECT pg_size_pretty(pg_database_size('bench'))"), made in $(calc "int($EPOCHREALTIME - $begun)") s"
    w1_rates "W1 with $finished finished runs" "=$before the empty history's" || return 1
    drop_month
}

# w1_rates FIGURE FLOOR: as often as history_times says; middle prints the median.
w1_rates() {
    local i rate
    RATES=()
    for ((i = 0; i < history_times; i++)); do
        rate=$(w1_rate) || return 1
        RATES+=("$rate")
        figure "$1" "$rate" runs/s "$2"
    done
}

middle() {
    printf '%s\n' "${RATES[@]}" | sort -g | sed -n "$(((${#RATES[@]} + 1) / 2))p"
}

# W1's rate from worker start; the worker is a new one, which waits until the runs are there.
w1_rate() {
    local seconds
    make_worker_wait || return 1
    start_runs w1 "$history_runs" || return 1
    sql CHECKPOINT
    seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
    calc "$history_runs / $seconds"
}

make_worker_wait() {
    local before=$WORKERS
    sql "UPDATE flowctl_catalog.installation SET installation = 'waits for activate()'" \
        "SELECT pg_terminate_backend(pid, 10000) FROM flowctl.workers" >/dev/null
    wait_until 30 another_worker "$before" && find_workers
}

another_worker() {
    [ "$(sql "SELECT count(*) FROM flowctl.workers WHERE pid <> $1")" = 1 ]
}

nobody_vacuums() {
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'")" = 0 ]
}

# What was written a month ago has long left the file system's cache; what was written a minute ago is all in it, and
# taking it out of there is then most of what deleting costs.
forget_file_cache() {
    sync
    if [ -w /proc/sys/vm/drop_caches ]; then
        echo 1 >/proc/sys/vm/drop_caches
    else
        note "the month was in the file system's cache when it was dropped, since only root may empty that"
    fi
}

# How long the file system takes to give up so many bytes; of a disk that is told of every block (mount option discard) that
# is nearly all that dropping them costs.
seconds_to_cut() {
    local file=$WORK/cut mib=1000 begun
    [ "$1" -gt 0 ] || return 0
    head -c ${mib}M /dev/zero >"$file"
    forget_file_cache >/dev/null
    begun=$EPOCHREALTIME
    truncate -s 0 "$file"
    calc "($EPOCHREALTIME - $begun) * $1 / ($mib * 1048576)"
    rm "$file"
}

# By the process that keeps house, from the change of the setting on: it starts, and drops day by day.
drop_month() {
    local begun left bytes seconds
    # Whatever holds a lock on a partition keeps it until a later time; what was just written is still vacuumed.
    wait_until 900 nobody_vacuums || return 1
    bytes=$(sql "SELECT sum(bytes) FROM flowctl.partitions WHERE ends_at <= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'")
    forget_file_cache
    sql "ALTER SYSTEM SET flowctl.retention = '1 min'" >/dev/null
    begun=$EPOCHREALTIME
    sql "SELECT pg_reload_conf()" "CALL wait_until_dropped()" >/dev/null || return 1
    seconds=$(calc "$EPOCHREALTIME - $begun")
    figure "a month of $finished finished runs dropped by retention" "$seconds" s "=$(seconds_to_cut "$bytes") files of as many bytes cut to nothing"
    sql "ALTER SYSTEM RESET flowctl.retention" "SELECT pg_reload_conf()" >/dev/null
    left=$(sql "SELECT count(*) FROM flowctl_catalog.run")
    [ "$left" -le $((2 * history_times * history_runs + finished / 30)) ] || note "WRONG: $left runs are still there"
}
