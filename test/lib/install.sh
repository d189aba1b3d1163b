# Installs what is missing, and says what: Debian packages, and npm packages for the identity provider of the tests.
#
# Sourced after common.sh. What is there is left alone. A server that PG_CONFIG names is used as it is; otherwise the
# distribution's PostgreSQL is taken, without letting its package start a cluster of its own. Sets PG_CONFIG, BINDIR, NODE.

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
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing Debian packages: ${missing[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    local log=$WORK/log/apt.log
    [ -n "${APT_UPDATED:-}" ] || as_root "${apt[@]}" update >"$log" 2>&1 || {
        tail -n 20 "$log"
        die "apt-get update failed"
    }
    APT_UPDATED=1
    as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 || {
        tail -n 40 "$log"
        die "apt-get install failed"
    }
}

has_package() {
    [ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]
}

# need_postgres: the server and its headers.
need_postgres() {
    if [ -z "${PG_CONFIG:-}" ]; then
        need_packages postgresql-common
        local major
        major=$(installed_postgres)
        if [ -z "$major" ]; then
            major=$(distribution_postgres)
            without_own_cluster need_packages "postgresql-$major" "postgresql-server-dev-$major"
        fi
        PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
    fi
    export PG_CONFIG
    BINDIR=$("$PG_CONFIG" --bindir) || die "$PG_CONFIG does not work"
    [ -x "$BINDIR/postgres" ] || die "there is no server in $BINDIR"
    [ -f "$("$PG_CONFIG" --pgxs)" ] || die "the server's development files are missing: $("$PG_CONFIG" --pgxs)"
}

# The newest major version that is here with its headers and that the extension supports.
installed_postgres() {
    local major
    for major in 18 17 16 15; do
        if [ -x "/usr/lib/postgresql/$major/bin/postgres" ] &&
            [ -f "/usr/lib/postgresql/$major/lib/pgxs/src/makefiles/pgxs.mk" ]; then
            echo "$major"
            return
        fi
    done
}

distribution_postgres() {
    apt-cache policy postgresql | sed -n 's/^ *Candidate: \([0-9]*\).*/\1/p'
}

# Debian's packages start a cluster when they are installed; the tests make their own.
without_own_cluster() {
    local setting=/etc/postgresql-common/createcluster.d/pg_flowctl-test.conf status
    as_root mkdir -p "$(dirname "$setting")"
    printf 'create_main_cluster = false\n' | as_root tee "$setting" >/dev/null
    "$@"
    status=$?
    as_root rm -f "$setting"
    return $status
}

# need_node: Node 22 and the npm packages of test/package-lock.json, in test/node_modules.
# oidc-provider 9 needs a recent Node. Where the system's is older than 22, the one that comes as an npm package is used.
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
    # TEST_USER may not be able to read where it is.
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
