# shellcheck shell=bash
# Python packages as wheels in the cache. They are downloaded where the user's own pip settings
# hold (index, proxy, certificate) and installed from there without any network, also in the
# sandbox, which has none of those settings.

# requirements [test] → one a line, from pyproject.toml
requirements() {
    system_python - "$SOURCE/pyproject.toml" "$@" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
lines = list(project["dependencies"])
for extra in sys.argv[2:]:
    lines += project["optional-dependencies"][extra]
print("\n".join(lines))
PYTHON
}

# python_version ROOT → 3.11
python_version() {
    readlink "$1/usr/bin/python3" | sed 's/.*python//'
}

# wheels_path VERSION [test] → where they are, or will be
wheels_path() {
    local version=$1
    shift
    echo "$AIOS_CACHE/wheels-$(hash_of "$version" "$(uname -m)" "$(requirements "$@")")"
}

# fetch_wheels VERSION [test]
fetch_wheels() {
    local path
    path=$(wheels_path "$@")
    [ -d "$path" ] || install_packages wheels
    cached "$path" _download_wheels "$@"
}

_make_pip() {
    quietly "$AIOS_CACHE/pip.log" /usr/bin/python3 -m venv "$1"
}

_download_wheels() {
    local version=$1 path=${*: -1}
    local -a extras=("${@:2:$#-2}")
    cached "$AIOS_CACHE/pip-$(python_version /)" _make_pip
    say "downloading Python packages for Python $version"
    mkdir -p "$path"
    requirements "${extras[@]}" >"$path/requirements.txt"
    quietly "$AIOS_CACHE/pip.log" "$AIOS_CACHE/pip-$(python_version /)/bin/python" -m pip download \
        --python-version "$version" --only-binary :all: --dest "$path" \
        --requirement "$path/requirements.txt"
}

# install_wheels VENV WHEELS: no network, no index. VENV needs no pip of its own: making that takes
# longer than all else here.
install_wheels() {
    local venv=$1 wheels=$2 log pip
    local -a run
    pip=$AIOS_CACHE/pip-$(python_version /)
    log=$(mktemp --tmpdir aios-pip.XXXXXX)
    [ ! -w "$AIOS_CACHE" ] || cached "$pip" _make_pip
    if [ -d "$pip" ]; then
        run=("$pip/bin/python" -m pip --python "$venv/bin/python")
    else
        # The cache is another machine's, which has another Python.
        quietly "$log" "$venv/bin/python" -m ensurepip
        run=("$venv/bin/python" -m pip)
    fi
    # PIP_CONFIG_FILE: a user's own index or find-links must not be asked, or waited for, here.
    PIP_CONFIG_FILE=/dev/null quietly "$log" env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL \
        "${run[@]}" install --quiet --no-compile --no-index --find-links "$wheels" --upgrade \
        --requirement "$wheels/requirements.txt"
    # On all processors, where pip has one. What is for another Python only does not compile.
    system_python -m compileall -q -q -j 0 "$venv/lib" || true
    rm -f "$log"
}
