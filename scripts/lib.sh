# Shared by scripts/* and .ci/*: sourced by bash (3.2 too, as on macOS). Makes environments; prints on stderr only,
# because stdout belongs to `scripts/run --mode stdio`.

# What a user's shell may hold that would leak into our environments.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'continuum: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# The first Python that is new enough and can make an environment, as a path. $PYTHON goes first.
find_python() {
    local name too_old="" no_venv=""
    for name in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3.14 python3 python; do
        # Run it: a version manager's shim may exist for a Python that does not.
        "$name" -c '' >/dev/null 2>&1 </dev/null || continue
        if ! "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null; then
            too_old=$name
        elif ! "$name" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; then
            no_venv=$name
        else
            "$name" -c 'import sys; print(sys.executable)' </dev/null
            return
        fi
    done
    if [ -n "$no_venv" ]; then
        die "$no_venv cannot make environments: its venv module is missing (Debian and Ubuntu: apt install python3-venv)"
    fi
    if [ -n "$too_old" ]; then
        die "Python 3.11 or later is needed; $too_old is $("$too_old" -c 'import platform; print(platform.python_version())')"
    fi
    die "Python 3.11 or later is needed and none was found (set PYTHON to its path if it is somewhere unusual)"
}

make_venv() { # make_venv FOLDER [OPTION...]
    local python
    python=$(find_python) || exit 1
    "$python" -m venv "$@" >&2 </dev/null || die "could not make the environment $1"
}

quiet_pip() { # quiet_pip VENV ARGUMENT...: errors only
    local venv=$1
    shift
    "$venv/bin/python" -m pip -qq "$@" >&2 </dev/null
}

# One number for what an environment is made from; cksum is everywhere, and this guards against staleness, not malice.
digest_of() { cat "$@" | cksum | tr -d ' \n'; }

# Makes or brings up to date the environment that runs this checkout, and leaves its path in $VENV.
#   ensure_environment run    what the product needs
#   ensure_environment dev    that, and the tools of tests, lint and types
# Stamp files, written last, hold the digests of what was installed: nothing is done twice.
ensure_environment() {
    local kind=$1 run dev have project
    VENV=${CONTINUUM_VENV:-$PWD/.venv}
    run=$(digest_of requirements/run.txt)
    dev=$(digest_of requirements/run.txt requirements/dev.txt)
    have=$(cat "$VENV/continuum.packages" 2>/dev/null || true)
    case "$kind $have" in
        "run run $run" | "run dev $dev" | "dev dev $dev") ;;
        *) install_packages "$kind" "$have" "${!kind}" "$run" ;;
    esac
    project="$PWD $(digest_of pyproject.toml)"
    if [ "$(cat "$VENV/continuum.checkout" 2>/dev/null || true)" != "$project" ]; then
        # Editable: what is edited here takes effect at the next start.
        quiet_pip "$VENV" install --no-deps --no-build-isolation --editable . || die "installing the checkout failed; see above"
        printf '%s' "$project" >"$VENV/continuum.checkout"
    fi
}

install_packages() { # install_packages KIND STAMP DIGEST RUN_DIGEST
    local kind=$1 have=$2 digest=$3 run=$4
    if [ -n "$have" ] && [ "$have" != "run $run" ]; then
        say "the locks changed: making the environment ${VENV#"$PWD"/} anew"
        make_venv "$VENV" --clear
    elif ! "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 </dev/null; then
        say "making the environment ${VENV#"$PWD"/}"
        make_venv "$VENV" --clear
    fi # else it grows: from "run" to "dev", or one that the user made and that is not ours to clear
    rm -f "$VENV/continuum.packages" "$VENV/continuum.checkout"
    say "installing packages (once; it takes a minute or two)"
    quiet_pip "$VENV" install --require-hashes -r "requirements/$kind.txt" || die "installing the packages failed; see above"
    printf '%s %s' "$kind" "$digest" >"$VENV/continuum.packages"
}

# Byte-code for the checkout, whatever PYTHONDONTWRITEBYTECODE says: it halves the time to the first answer.
# (pip compiled the rest while installing.)
compile_checkout() { "$VENV/bin/python" -m compileall -q continuum acp cli >&2 </dev/null || true; }

# Node's path, or nothing: $CONTINUUM_NODE, the environment that .ci/run makes, or the system's where it is new enough.
find_node() {
    local node
    for node in ${CONTINUUM_NODE:+"$CONTINUUM_NODE"} "$PWD/.venv-node/bin/node" node; do
        if "$node" -e 'process.exit(parseInt(process.versions.node) >= 22 ? 0 : 1)' >/dev/null 2>&1 </dev/null; then
            command -v "$node"
            return
        fi
    done
    return 1
}
