# Figures of a benchmark: what was measured, beside the floor that it is compared with.
#
# Sourced by bench.sh. A measurement runs in a shell of its own, so figures and floors are kept in files of the work
# folder. A floor (measure/floors.sh) is what the machine itself can do; since that moves by the minute, it is measured
# again when its last value is older than FLOOR_AGE, and each figure is compared with the value of its own minutes.

FLOOR_AGE=120

# calc EXPRESSION: awk's arithmetic; "-" where it cannot be computed.
calc() {
    awk "BEGIN { value = ($1); printf \"%.6g\", value }" 2>/dev/null || printf '%s' -
}

# figure NAME VALUE UNIT [FLOOR [FACTOR]]: notes a figure of the current measurement. FLOOR is the name of a floor or
# "=VALUE LABEL"; with FACTOR the ratio is VALUE * FACTOR / FLOOR, for what costs several units of its floor.
figure() {
    local name=$1 value=$2 unit=$3 floor=${4:-} factor=${5:-1} label='' floor_value='' ratio=''
    case $floor in
        '') ;;
        =*) floor=${floor#=} floor_value=${floor%% *} label=${floor#* } ;;
        *) floor_value=$(floor "$floor") label=$(floor_label "$floor") ;;
    esac
    [ -z "$floor_value" ] || ratio=$(awk -v v="$value" -v k="$factor" -v f="$floor_value" 'BEGIN { if (f > 0) printf "%.4g", v * k / f }')
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$ROUND" "$MEASUREMENT" "$name" "$unit" "$value" "$label" "$floor_value" "$ratio" >>"$FIGURES"
    printf '  %-62s %12s %-10s%s\n' "$name" "$(pretty "$value")" "$unit" "${ratio:+ $ratio of $label}"
}

# A sentence that belongs to the measurement, printed and kept for the report.
note() {
    say "  $*"
    printf '%s\t%s\t%s\n' "$ROUND" "$MEASUREMENT" "$*" >>"$NOTES"
}

pretty() {
    awk -v v="$1" 'BEGIN {
        if (v !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/) { print v; exit }
        digits = v >= 1000 || v == int(v) ? 0 : v >= 100 ? 1 : v >= 1 ? 2 : 3
        text = sprintf("%.*f", digits, v)
        whole = text; rest = ""
        if (at = index(text, ".")) { whole = substr(text, 1, at - 1); rest = substr(text, at) }
        while (match(whole, /[0-9][0-9][0-9][0-9]/)) sub(/[0-9][0-9][0-9]($|,)/, ",&", whole)
        print whole rest
    }'
}

# floor NAME: its value in these minutes.
floor() {
    local file=$WORK/floors/$1 at value
    if [ -f "$file" ]; then
        read -r at value <"$file"
        if [ $((EPOCHSECONDS - at)) -lt $FLOOR_AGE ]; then
            printf '%s' "$value"
            return
        fi
    fi
    value=$(take_floor "$1") || return 1
    printf '%s %s\n' "$EPOCHSECONDS" "$value" >"$file"
    printf '%s\t%s\t%s\t%s\t%s\t\t\t\n' "$ROUND" floors "$(floor_label "$1")" "$(floor_unit "$1")" "$value" >>"$FIGURES"
    printf '%s' "$value"
}
