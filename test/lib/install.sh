# Installs what is missing, and says what: Debian packages, and npm packages for the identity provider of the tests.
#
# This file is sourced after common.sh. It leaves alone what is here. A server that PG_CONFIG names is used as it is. Otherwise
# a server that is here is used, or the distribution's is installed, and its package starts no cluster of its own.
# The functions set PG_CONFIG, BINDIR and NODE.

# need_packages PACKAGE...: installs the missing ones through apt-get.
need_packages() {
    command -v dpkg-query >/dev/null || {
        say "This is no Debian: expecting these packages' equivalents to be there: $*"
        return
    }
    local package missing=()
    for package in "$@"; do
        has_package "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# install_packages PACKAGE...: installs them, or upgrades them if they are here.
install_packages() {
    say "Installing Debian packages: $*"
    update_packages
    run_apt apt-get-install install -y --no-install-recommends "$@"
}

update_packages() {
    [ -z "${APT_UPDATED:-}" ] || return 0
    run_apt apt-get-update update
    APT_UPDATED=1
}

# run_apt NAME ARGUMENT...: runs apt-get; its output goes to the log of that name.
run_apt() {
    local log=$WORK/log/$1.log
    shift
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$log" 2>&1 || {
        tail -n 40 "$log"
        die "apt-get $1 failed"
    }
}

has_package() {
    [ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]
}

# need_postgres: the server and its headers, of one minor version.
need_postgres() {
    [ -n "${PG_CONFIG:-}" ] || choose_postgres
    export PG_CONFIG
    BINDIR=$("$PG_CONFIG" --bindir) || die "$PG_CONFIG does not work"
    [ -x "$BINDIR/postgres" ] || die "there is no server in $BINDIR"
    [ -f "$("$PG_CONFIG" --pgxs)" ] || die "the server's development files are missing: $("$PG_CONFIG" --pgxs)"
    [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] ||
        die "the server's headers are missing: $("$PG_CONFIG" --includedir-server)/postgres.h"
    same_minor_version || die "the headers are of PostgreSQL $(headers_version), but the server is $(server_version): a library" \
        "that is built with newer headers may not load. Please upgrade the server's package."
}

# Takes a server that is here with its headers; else a server that is here, and installs its headers; else the distribution's.
choose_postgres() {
    local major
    need_packages postgresql-common
    major=$(newest_postgres has_headers)
    [ -n "$major" ] || {
        update_packages
        major=$(newest_postgres headers_can_be_installed)
    }
    [ -n "$major" ] || major=$(distribution_postgres)
    [ -n "$major" ] || die "the distribution has no PostgreSQL"
    PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
    without_own_cluster need_packages "postgresql-$major" "postgresql-server-dev-$major"
    BINDIR=/usr/lib/postgresql/$major/bin
    same_minor_version || upgrade_server "$major"
}

# newest_postgres TEST: the newest supported major version whose server is here and for which TEST MAJOR succeeds.
newest_postgres() {
    local major
    for major in 18 17 16 15; do
        if [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && "$1" "$major"; then
            echo "$major"
            return
        fi
    done
}

# Debian's client package has pg_config and pgxs.mk as well, so only postgres.h shows that the headers are here.
has_headers() {
    [ -f "/usr/include/postgresql/$1/server/postgres.h" ]
}

headers_can_be_installed() {
    [ -n "$(candidate "postgresql-server-dev-$1")" ]
}

distribution_postgres() {
    update_packages
    candidate postgresql | sed 's/[^0-9].*//'
}

# candidate PACKAGE: the version that apt-get would install.
candidate() {
    apt-cache policy "$1" | sed -n 's/^ *Candidate: \([0-9].*\)/\1/p'
}

server_version() {
    "$BINDIR/postgres" --version | sed 's/^[^0-9]*\([0-9.a-z]*\).*/\1/'
}

headers_version() {
    sed -n 's/^#define PG_VERSION "\([0-9.a-z]*\).*/\1/p' "$("$PG_CONFIG" --includedir-server)/pg_config.h"
}

same_minor_version() {
    [ "$(server_version)" = "$(headers_version)" ]
}

# upgrade_server MAJOR: the archive has newer headers than the server. An upgrade restarts the clusters of that version, so
# it is done only where none is running.
upgrade_server() {
    ! pg_lsclusters --no-header 2>/dev/null | grep -qE "^$1 .* online" ||
        die "the headers are of PostgreSQL $(headers_version), but the server is $(server_version), and a cluster of it is running." \
            "Please upgrade it first: apt-get install postgresql-$1"
    say "Upgrading PostgreSQL $(server_version) to the version of its headers, $(headers_version)"
    without_own_cluster install_packages "postgresql-$1"
}

# without_own_cluster COMMAND...: Debian's packages start a cluster when they are installed, but the tests make their own.
without_own_cluster() {
    local setting=/etc/postgresql-common/createcluster.d/pg_flowctl-test.conf status
    as_root mkdir -p "$(dirname "$setting")"
    printf 'create_main_cluster = false\n' | as_root tee "$setting" >/dev/null
    "$@"
    status=$?
    as_root rm -f "$setting"
    return $status
}

# need_neighbours: extensions that one test runs beside ours, and PgBouncer. The test skips what the archive does not have. Sets
# PGBOUNCER. PgBouncer's package would start a service, so its program is unpacked and not installed.
need_neighbours() {
    local package wanted=()
    PGBOUNCER=$(command -v pgbouncer || true)
    command -v dpkg-query >/dev/null || return 0
    update_packages
    case $PG_CONFIG in
        /usr/lib/postgresql/*/bin/pg_config)
            for package in pgaudit postgis-3; do
                package=postgresql-$(basename "${PG_CONFIG%/bin/pg_config}")-$package
                [ -z "$(candidate "$package")" ] || wanted+=("$package")
            done
            ;;
    esac
    # Names of libraries change with the distribution.
    for package in libc-ares2 libcares2 libevent-2.1-7 libevent-2.1-7t64; do
        [ -z "$(candidate "$package")" ] || wanted+=("$package")
    done
    need_packages ${wanted[@]+"${wanted[@]}"}
    [ -z "$PGBOUNCER" ] || return 0
    mkdir "$WORK/pgbouncer"
    (cd "$WORK/pgbouncer" && apt-get -qq download pgbouncer && dpkg -x pgbouncer_*.deb .) >"$WORK/log/pgbouncer.log" 2>&1 || return 0
    chmod -R go+rX "$WORK/pgbouncer"
    ! "$WORK/pgbouncer/usr/sbin/pgbouncer" --version >/dev/null 2>&1 || PGBOUNCER=$WORK/pgbouncer/usr/sbin/pgbouncer
}

# need_node: Node 22 and the npm packages of test/package-lock.json, in test/node_modules.
# oidc-provider 9 needs a recent Node. If the system's is older than 22, the Node of an npm package is used.
need_node() {
    command -v node >/dev/null && command -v npm >/dev/null || need_packages nodejs npm
    local omit=() architecture stamp
    NODE=$(command -v node)
    if [ "$(node -p 'parseInt(process.versions.node)')" -ge 22 ]; then
        omit=(--omit=optional)
    else
        case $(uname -m) in
            x86_64) architecture=x64 ;;
            aarch64) architecture=arm64 ;;
            *) die "please install Node 22 or later; there is no npm package of it for $(uname -m)" ;;
        esac
        NODE=$ROOT/test/node_modules/node-linux-$architecture/bin/node
    fi
    stamp="$(cat "$ROOT/test/package-lock.json" | cksum) ${omit[*]-}"
    if [ "$(cat "$ROOT/test/node_modules/.installed" 2>/dev/null)" != "$stamp" ] || [ ! -x "$NODE" ]; then
        say "Installing npm packages into test/node_modules: oidc-provider, jose, @smithy/signature-v4${omit[0]-, Node 22}"
        (cd "$ROOT/test" && HOME=${HOME:-$WORK} npm ci --ignore-scripts ${omit[@]+"${omit[@]}"}) >"$WORK/log/npm.log" 2>&1 || {
            tail -n 30 "$WORK/log/npm.log"
            die "npm ci failed"
        }
        printf '%s' "$stamp" >"$ROOT/test/node_modules/.installed"
    fi
    # TEST_USER may not be able to read the folder that Node is in.
    install -m 755 "$NODE" "$WORK/node"
    NODE=$WORK/node
    say "Node $("$NODE" --version) runs the identity provider and the step services"
}

# build [VARIABLE=value...]: make and make install, as for any extension.
build() {
    say "Building with $("$PG_CONFIG" --version), $(g++ --version | head -n 1)"
    make -C "$ROOT" -j"$PARALLEL" PG_CONFIG="$PG_CONFIG" "$@" 2>&1 | tee "$WORK/log/build.log" | show_lines '' || {
        tail -n 40 "$WORK/log/build.log"
        return 1
    }
    say "Installing the extension into $("$PG_CONFIG" --pkglibdir) (make install)"
    as_root make -C "$ROOT" PG_CONFIG="$PG_CONFIG" "$@" install >"$WORK/log/install.log" 2>&1 || {
        tail -n 40 "$WORK/log/install.log"
        return 1
    }
}
