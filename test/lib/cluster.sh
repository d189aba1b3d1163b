# A throwaway cluster and the test servers beside it.
#
# This file is sourced after common.sh and install.sh. The cluster listens on a Unix socket in the work folder and nowhere
# else, so it is in nobody's way. clean_up (common.sh) ends everything that starts here.

# make_cluster NAME [SETTING...]: makes and starts a cluster; sets PGHOST, PGPORT and PGUSER for clients.
make_cluster() {
    local name=$1 dir=$WORK/$1
    shift
    export PGHOST=$WORK/socket-$name PGPORT=5432 PGUSER=postgres
    mkdir -m 700 "$PGHOST" "$dir"
    own_by_test_user "$PGHOST" "$dir"
    as_test_user "$BINDIR/initdb" -D "$dir" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$WORK/log/initdb-$name.log" 2>&1 || {
        tail -n 20 "$WORK/log/initdb-$name.log"
        die "initdb failed"
    }
    {
        printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGHOST'" "port = $PGPORT" "fsync = off" \
            "max_worker_processes = 32" "log_line_prefix = '%m [%p] %b %q%u@%d '" "timezone = 'UTC'" \
            "shared_preload_libraries = 'pg_flowctl'"
        [ $# -eq 0 ] || printf '%s\n' "$@"
    } >>"$dir/postgresql.conf"
    CLUSTERS+=("$dir")
    as_test_user "$BINDIR/pg_ctl" -D "$dir" -l "$WORK/log/server-$name.log" -w -t 60 start >"$WORK/log/start-$name.log" 2>&1 || {
        tail -n 30 "$WORK/log/server-$name.log"
        return 1
    }
}

# make_pki: makes keys and certificates for the test servers. The folder PKI/secrets fits flowctl.secrets_dir.
make_pki() {
    PKI=$WORK/pki
    mkdir -m 700 "$PKI"
    own_by_test_user "$PKI"
    as_test_user "$NODE" "$TREE/test/idp/pki.mjs" "$PKI" || die "cannot make keys and certificates"
}

# start_part NAME SCRIPT [VARIABLE=value...]: starts one of our servers and waits until it says that it is ready.
start_part() {
    local name=$1 script=$2
    shift 2
    become_test_user PKI="$PKI" NODE_EXTRA_CA_CERTS="$PKI/ca.pem" READY_FILE="$WORK/parts/$name.json" "$@" \
        "$NODE" "$TREE/test/$script" >"$WORK/log/$name.log" 2>&1 &
    PIDS+=($!)
    wait_until 60 part_said_something "$name" "$!"
    [ -s "$WORK/parts/$name.json" ] || {
        tail -n 20 "$WORK/log/$name.log"
        die "$name did not start"
    }
}

part_said_something() {
    [ -s "$WORK/parts/$1.json" ] || ! kill -0 "$2" 2>/dev/null
}

# part_address NAME url|control: prints where a server listens, for its clients or for the test.
part_address() {
    sed -n "s|.*\"$2\":\"\([^\"]*\)\".*|\1|p" "$WORK/parts/$1.json"
}
