# The cluster of a benchmark, its databases, and what its processes use.
#
# Sourced by bench.sh, after test/lib. The server's settings are those of a durable installation (STANDARD_SETTINGS); a
# measurement that wants others says server_with. Each has a fresh database, whose worker waits for flowctl.activate():
# runs can be started beforehand, and the worker's work begins at a moment that is known.

STANDARD_SETTINGS=(
    "fsync = on"
    "synchronous_commit = on"
    "shared_buffers = 1GB"
    "max_wal_size = 8GB"
)
PATIENCE=${PATIENCE:-300} # seconds, for whatever a measurement waits for

start_bench_server() {
    make_keys
    mkdir "$WORK/floors"
    make_cluster bench "${STANDARD_SETTINGS[@]}" "flowctl.egress_allow = '127.0.0.1/32'" \
        "flowctl.secrets_dir = '$WORK/secrets'" "include_if_exists = 'measurement.conf'" ||
        die "the server does not start with the extension"
    sql_in postgres "CREATE ROLE app LOGIN" || die "cannot make the role app"
    launch_endpoint floor-endpoint
}

# server_with [SETTING...]: the standard settings and these; the server is restarted if they are others than before.
server_with() {
    local file=$WORK/bench/measurement.conf wanted=''
    [ $# -eq 0 ] || wanted=$(printf '%s\n' "$@")
    [ "$(cat "$file" 2>/dev/null)" != "$wanted" ] || return 0
    printf '%s\n' "$wanted" >"$file"
    restart_server
}

restart_server() {
    as_test_user "$BINDIR/pg_ctl" -D "$WORK/bench" -l "$WORK/log/server-bench.log" -m fast -w -t 120 restart >/dev/null ||
        die "the server does not start again"
}

# A certificate for the endpoint, and the folder in which endpoints find it as ca_file.
make_keys() {
    mkdir -m 700 "$WORK/secrets"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj "/CN=pg_flowctl benchmark" \
        -addext "subjectAltName=IP:127.0.0.1" -keyout "$WORK/endpoint.key" -out "$WORK/endpoint.pem" 2>"$WORK/log/openssl.log" ||
        die "cannot make a certificate"
    install -m 600 "$WORK/endpoint.pem" "$WORK/secrets/ca.pem"
    own_by_test_user "$WORK/secrets"
}

# ------------------------------------------------------------------------------------------------------------ endpoint

# start_endpoint [tls]: sets ENDPOINT_URL, ENDPOINT_CONTROL and ENDPOINT_PID; the one before it ends.
start_endpoint() {
    stop_endpoint
    launch_endpoint endpoint "$@"
    ENDPOINT_PID=$!
    read -r ENDPOINT_URL ENDPOINT_CONTROL <"$WORK/parts/endpoint"
}

# launch_endpoint NAME [tls]: writes its address into parts/NAME; $! is its process.
launch_endpoint() {
    local ready=$WORK/parts/$1 keys=()
    [ "${2:-}" != tls ] || keys=("$WORK/endpoint.pem" "$WORK/endpoint.key")
    rm -f "$ready"
    "$TOOLS/endpoint" "$ready" ${keys[@]+"${keys[@]}"} >"$WORK/log/$1.log" 2>&1 &
    PIDS+=("$!")
    wait_until 30 grep -q ' ' "$ready" 2>/dev/null || die "the endpoint does not start: $(cat "$WORK/log/$1.log")"
}

stop_endpoint() {
    [ -n "${ENDPOINT_PID:-}" ] || return 0
    kill "$ENDPOINT_PID" 2>/dev/null && wait "$ENDPOINT_PID" 2>/dev/null
    ENDPOINT_PID=
}

# tell_endpoint stats|reset|release|arrivals: prints the answer.
tell_endpoint() {
    exec 9<>"/dev/tcp/127.0.0.1/$ENDPOINT_CONTROL" || return 1
    printf '%s\n' "$1" >&9
    cat <&9
    exec 9>&-
}

endpoint_posts() {
    tell_endpoint stats | cut -d ' ' -f 1
}

endpoint_holds() {
    [ "$(tell_endpoint stats | cut -d ' ' -f 2)" -ge "$1" ]
}

# ------------------------------------------------------------------------------------------------------------ database

# sql_in DATABASE STATEMENT...: one transaction each, as the superuser; prints what they return.
sql_in() {
    local database=$1 statement arguments=()
    shift
    for statement in "$@"; do arguments+=(-c "$statement"); done
    PGOPTIONS="-c client_min_messages=warning" "$BINDIR/psql" -X -q -At -F " " -v ON_ERROR_STOP=1 -d "$database" "${arguments[@]}"
}

sql() {
    sql_in bench "$@"
}

# The application: a role that is no superuser, owns the flows, and starts the runs.
sql_as_app() {
    PGUSER=app sql "$@"
}

# fresh_database [FILE.sql...]: an empty database `bench` with the extension, the endpoint, the flows of flows.sql, and
# a worker that waits for activate(). Needs a running endpoint. Sets WORKERS, the process ids.
fresh_database() {
    local file
    sql_in postgres "DROP DATABASE IF EXISTS bench" "CREATE DATABASE bench" "CHECKPOINT" || return 1
    sql "BEGIN; CREATE EXTENSION pg_flowctl; UPDATE flowctl_catalog.installation SET installation = 'waits for activate()'; COMMIT" || return 1
    for file in endpoints.sql flows.sql "$@"; do
        "$BINDIR/psql" -X -q -At -v ON_ERROR_STOP=1 -d bench -v endpoint="$ENDPOINT_URL" -o /dev/null -f "$HERE/sql/$file" || return 1
    done
    find_workers
}

find_workers() {
    wait_until 60 all_workers_serve || die "no worker serves the database"
    WORKERS=$(sql "SELECT string_agg(pid::text, ' ') FROM flowctl.workers")
}

all_workers_serve() {
    [ "$(sql "SELECT count(*) = current_setting('flowctl.workers')::int FROM flowctl.workers" 2>/dev/null)" = t ]
}

# start_runs FLOW COUNT [INPUT]: in one transaction; INPUT is a jsonb expression of i, 300 bytes by default.
start_runs() {
    local input=${3:-"jsonb_build_object('id', i, 'pad', repeat('x', 280))"}
    sql_as_app "SELECT count(flowctl.start('$1', $input)) FROM generate_series(1, $2) i" >/dev/null
}

# Waits until no run is open, and prints how many seconds that took from before the statement in $1, if there is one.
# The loop holds no snapshot while it sleeps, or the tables could not be cleaned up meanwhile.
seconds_until_done() {
    PGOPTIONS='-c enable_seqscan=off' "$BINDIR/psql" -X -q -At -v ON_ERROR_STOP=1 -d bench <<SQL
SELECT clock_timestamp() AS begun \gset
${1:+$1 \\g /dev/null}
DO \$\$
BEGIN
    FOR i IN 1 .. $PATIENCE * 50 LOOP
        IF NOT EXISTS (SELECT FROM flowctl_catalog.run WHERE status = 'RUNNING' AND map_run_id IS NULL) THEN RETURN; END IF;
        COMMIT;
        PERFORM pg_sleep(0.02);
        COMMIT;
    END LOOP;
    RAISE 'runs are open after $PATIENCE seconds';
END \$\$;
SELECT extract(epoch FROM clock_timestamp() - :'begun');
SQL
}

# check_runs COUNT [POSTS]: so many runs, all of them SUCCEEDED, and so many requests at the endpoint.
check_runs() {
    local ended posts
    ended=$(sql "SELECT string_agg(status || ' ' || count, ', ') FROM (SELECT status, count(*) FROM flowctl_catalog.run GROUP BY 1) s")
    [ "$ended" = "SUCCEEDED $1" ] || note "WRONG: of $1 runs: $ended"
    [ -n "${2:-}" ] || return 0
    posts=$(endpoint_posts)
    [ "$posts" = "$2" ] || note "WRONG: the endpoint counted $posts requests, not $2"
}

# ----------------------------------------------------------------------------------------------------------- processes

# cpu: microseconds of CPU so far of the workers, the endpoint, and everything else of the server, also of its processes
# that have ended. The kernel counts the server's in hundredths of a second.
cpu() {
    local postmaster
    read -r postmaster <"$WORK/bench/postmaster.pid"
    process_times "$postmaster" | awk -v postmaster="$postmaster" -v workers=" $WORKERS " -v tick="$(getconf CLK_TCK)" '
        $1 == "worker" { of_workers += $2 / 1000 }
        $1 == "endpoint" { of_endpoint += $2 / 1000 }
        $1 == "server" && $2 == postmaster { ticks += $16 + $17 }
        $1 == "server" && $2 != postmaster && !index(workers, " " $2 " ") { ticks += $14 + $15 }
        END { printf "%.0f %.0f %.0f\n", of_workers, of_endpoint, ticks * 1000000 / tick }'
}

# Lines "worker NANOSECONDS", "endpoint NANOSECONDS", and "server PID STATE PARENT ..." with the rest of /proc/PID/stat
# for the postmaster and its children. A process that ends meanwhile has none.
process_times() {
    local pid stat line rest
    for pid in $WORKERS; do
        { read -r line <"/proc/$pid/schedstat"; } 2>/dev/null && printf 'worker %s\n' "$line"
    done
    [ -z "${ENDPOINT_PID:-}" ] || printf 'endpoint %s\n' "$(cat "/proc/$ENDPOINT_PID/schedstat")"
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        pid=${line%% *} rest=${line##*) }
        line=${rest#* }
        if [ "${line%% *}" = "$1" ] || [ "$pid" = "$1" ]; then printf 'server %s %s\n' "$pid" "$rest"; fi
    done
}

# cpu_since "BEFORE" COUNT: microseconds of CPU for each of COUNT since cpu printed BEFORE: workers, endpoint, the rest.
cpu_since() {
    awk -v before="$1" -v after="$(cpu)" -v count="$2" 'BEGIN {
        split(before, b); split(after, a)
        printf "%.2f %.2f %.2f\n", (a[1] - b[1]) / count, (a[2] - b[2]) / count, (a[3] - b[3]) / count
    }'
}

# private_memory PID...: megabytes that these processes have for themselves: no shared buffers, no files.
private_memory() {
    local pid
    for pid in "$@"; do sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"; done |
        awk '{ sum += $1 } END { printf "%.1f", sum / 1024 }'
}
