# The engine alone, without server and network, and JSONata beside the npm package
#
# Done once, in the first round; jsonata.sh makes three rounds of its own.
rounds_engines=1

measure_engines() {
    local line name rate ours npm CORE=''
    [ -n "$INSTALLED" ] || CORE=$(find "$EXTENSION_TREE/src/base" "$EXTENSION_TREE/src/core" -name '*.o' | tr '\n' ' ')
    export CORE EXTRA_CXXFLAGS=
    make -s -C "$ROOT/test/bench" "$ROOT/build/bench/engine" ${CORE:+CORE="$CORE"} >"$WORK/log/engine.log" 2>&1 || return 1
    while IFS= read -r line; do
        name=$(sed 's/  .*//' <<<"$line")
        rate=$(sed -n 's/.* \([0-9]*\) transitions\/s.*/\1/p' <<<"$line")
        [ -z "$rate" ] || figure "engine alone: $name" "$rate" transitions/s
    done < <("$ROOT/build/bench/engine")
    bash "$ROOT/test/bench/jsonata.sh" ${QUICK:+1} >"$WORK/log/jsonata.log" 2>&1 || {
        note "JSONata was not measured: $(tail -n 1 "$WORK/log/jsonata.log")"
        return 0
    }
    while read -r name ours npm _; do
        figure "JSONata: $name" "$ours" evaluations/s "=$npm npm jsonata 2.2.2"
    done < <(awk 'table; /evaluations\/s/ { table = 1 }' "$WORK/log/jsonata.log")
}
