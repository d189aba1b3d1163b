# What the machine, PostgreSQL and libcurl can do by themselves in these minutes
#
# Other measurements ask for floors as they need them; chosen by name, this measures them all. The tables are in a
# database of their own, beside the one that is measured.
option floor_seconds 3 1 "how long each floor is measured"

FLOORS=(commit_1 commit_16 bulk_insert history curl notify_p50 notify_p99)

measure_floors() {
    local name
    server_with
    for name in "${FLOORS[@]}"; do
        rm -f "$WORK/floors/$name"
        printf '  %-62s %12s %s\n' "$(floor_label "$name")" "$(pretty "$(floor "$name")")" "$(floor_unit "$name")"
    done
}

floor_label() {
    case $1 in
        commit_1) echo "commit of a 200 B row, 1 client" ;;
        commit_4) echo "commit of a 200 B row, 4 clients" ;;
        commit_16) echo "commit of a 200 B row, 16 clients" ;;
        bulk_insert) echo "bulk insert, 300 B, 2 indexes" ;;
        history) echo "7 history rows a run, 143 runs a commit" ;;
        curl) echo "raw libcurl, 64 connections" ;;
        notify_p50) echo "NOTIFY one way, p50" ;;
        notify_p99) echo "NOTIFY one way, p99" ;;
    esac
}

floor_unit() {
    case $1 in
        commit_*) echo commits/s ;;
        bulk_insert) echo rows/s ;;
        history) echo runs/s ;;
        curl) echo requests/s ;;
        notify_*) echo us ;;
    esac
}

# take_floor NAME: measures it now.
take_floor() {
    case $1 in
        commit_*) fresh_floors && pgbench_rate "${1#commit_}" insert_row.sql ;;
        bulk_insert) fresh_floors && calc "1000 * $(pgbench_rate 1 bulk_insert.sql)" ;;
        history) fresh_floors && calc "143 * $(pgbench_rate 1 history_rows.sql)" ;;
        curl) take_curl ;;
        notify_p50) take_notify 1 ;;
        notify_p99) take_notify 2 ;;
    esac
}

fresh_floors() {
    sql_in postgres "SELECT 'there' FROM pg_database WHERE datname = 'floors'" | grep -q there ||
        sql_in postgres "CREATE DATABASE floors" || return 1
    "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -d floors -f "$HERE/sql/floors.sql" >/dev/null
}

# pgbench_rate CLIENTS SCRIPT [DATABASE]: transactions a second.
pgbench_rate() {
    "$BINDIR/pgbench" -n -M prepared -c "$1" -j "$((${1} < 2 ? 1 : 2))" -T "$floor_seconds" -f "$HERE/sql/$2" "${3:-floors}" 2>>"$WORK/log/pgbench.log" |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

# Its endpoint is one of its own: what the other has counted stays.
take_curl() {
    local requests=$((floor_seconds * 20000)) url rate bad
    read -r url _ <"$WORK/parts/floor-endpoint"
    read -r rate _ bad < <("$TOOLS/curl_rate" "$url/ok" "$requests" 64) || return 1
    [ "$bad" = 0 ] || note "WRONG: $bad of $requests raw requests failed" >&2
    printf '%s' "$rate"
}

take_notify() {
    "$TOOLS/notify_latency" "dbname=postgres" $((floor_seconds * 1000)) | cut -d ' ' -f "$1"
}
