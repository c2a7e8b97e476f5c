# Sourced by the scripts beside it, with $root set. Sets $python to a Python that can run the
# product, or ends with one sentence. An environment made earlier comes first, then the machine's own
# choice, then newer ones by name.
fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
python=
for candidate in "$root/.venv/bin/python" python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$fits" >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    if command -v python3 >/dev/null 2>&1; then
        found=$(python3 --version 2>&1) || found="a python3 that does not run"
        echo "AiStemPre needs Python 3.11, 3.12 or 3.13, and this computer has $found; install one of them." >&2
    else
        echo "AiStemPre needs Python 3.11, 3.12 or 3.13, and this computer has no python3; install one of them." >&2
    fi
    exit 1
fi
