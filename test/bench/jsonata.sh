#!/usr/bin/env bash
# JSONata evaluations a second, ours and those of npm's jsonata 2.2.2, on the same expressions in the same run.
#
#   bash test/bench/jsonata.sh [ROUNDS]      3 rounds; the median of each side, and their ratio
#
# The two take turns, so that what else the machine does hits both. Installs the package that the lock file in
# test/bench/peers names. Needs Node and npm; prints, asserts nothing. CORE may name the compiled objects of src/core.
set -eu -o pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(cd "$HERE/../.." && pwd)/build/bench
ROUNDS=${1:-3}

command -v npm >/dev/null || { echo "jsonata.sh: this needs Node and npm" >&2; exit 1; }
make -s -C "$HERE" "$BUILD/jsonata" ${CORE:+CORE="$CORE"} >&2
stamp=$(cksum <"$HERE/peers/package-lock.json")
if [ "$(cat "$HERE/peers/node_modules/.installed" 2>/dev/null)" != "$stamp" ]; then
    (cd "$HERE/peers" && npm ci --ignore-scripts --no-audit --no-fund) >&2
    printf '%s' "$stamp" >"$HERE/peers/node_modules/.installed"
fi
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for ((round = 1; round <= ROUNDS; round++)); do
    "$BUILD/jsonata" "$HERE/jsonata_cases.json" 1 | sed 's/^/ours /' >>"$lines"
    node "$HERE/peers/jsonata.mjs" "$HERE/jsonata_cases.json" 1 | sed 's/^/npm /' >>"$lines"
done
awk -v rounds="$ROUNDS" -v node="$(node --version)" '
    function median(side, name, what,    i, j, swap) {
        for (i = 1; i <= rounds; i++) list[i] = value[side, name, what, i]
        for (i = 1; i <= rounds; i++)
            for (j = i + 1; j <= rounds; j++)
                if (list[j] < list[i]) { swap = list[i]; list[i] = list[j]; list[j] = swap }
        return list[int((rounds + 1) / 2)]
    }
    {
        n = ++seen[$1, $2]
        value[$1, $2, "e", n] = $3
        value[$1, $2, "c", n] = $5
        if ($1 == "ours" && n == 1) names[++count] = $2
    }
    END {
        printf "%-16s %14s %14s %8s %14s %14s %8s\n", "", "evaluations/s", "npm " node, "ratio", "compilations/s", "npm", "ratio"
        for (k = 1; k <= count; k++) {
            e = median("ours", names[k], "e"); pe = median("npm", names[k], "e")
            c = median("ours", names[k], "c"); pc = median("npm", names[k], "c")
            printf "%-16s %14d %14d %7.1fx %14d %14d %7.1fx\n", names[k], e, pe, e / pe, c, pc, c / pc
        }
    }' "$lines"
